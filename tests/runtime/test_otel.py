"""OpenTelemetry, by LangSmith's exporter: the recipe of `docs/tracing.md`, with a collector on loopback."""

from tests.support.collector import Collector, attributes
from tests.support.documents import ROOT, blocks, run_shell
from tests.support.server import ModelServer, Reply
from tests.support.trace_sink import TraceSink

SCRIPT = """
import asyncio
from tests.support.fans import GIVEN, nested
asyncio.run(nested(2, 3, "openai:test-model").ainvoke(GIVEN))
"""


def _run(server: ModelServer, collector: Collector, langsmith: TraceSink, **variables: str) -> None:
    """Run two votes in a process of their own, with the variables of the recipe."""
    (recipe,) = [block for block in blocks("shell") if "OTEL_EXPORTER_OTLP_ENDPOINT" in block.code]
    said = run_shell(
        recipe,
        ROOT,
        {"http://127.0.0.1:4318": collector.url},
        then=SCRIPT,
        LANGSMITH_ENDPOINT=langsmith.url,  # so that nothing can leave the machine; the recipe sets none
        OPENAI_BASE_URL=server.url,
        OPENAI_API_KEY="sk-test-not-a-real-key",
        **variables,
    )
    assert "Calling end() on an ended span" not in said


def test_spans_for_graph_branches_and_calls_arrive(server: ModelServer) -> None:
    """Names, the tree, tokens and the model arrive at the collector, and nothing at LangSmith."""
    server.always(Reply(json={"rationale": "it is", "choice": "yes", "confidence": None}))
    with Collector() as collector, TraceSink() as langsmith:
        _run(server, collector, langsmith)
    assert set(collector.paths) == {"/v1/traces"}
    assert langsmith.runs == {}
    votes = collector.named("vote[v#2]")
    assert sorted(map(collector.path, votes)) == [
        ["sectioning", "sectioning[0]"],
        ["sectioning", "sectioning[1]"],
    ]
    told = attributes(votes[0])
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (10, 5)
    assert (told["gen_ai.request.model"], told["langsmith.span.kind"]) == ("test-model", "llm")
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano > 0 for span in collector.spans)
    assert len({span.trace_id for span in collector.spans}) == 1
    assert len(collector.spans) == 2 * (1 + 3) + 3


def test_levels_and_contents_hold_for_spans_too(server: ModelServer) -> None:
    """What is left out of traces is left out of spans."""
    server.always(Reply(json={"rationale": "canary", "choice": "yes", "confidence": None}))
    with Collector() as collector, TraceSink() as langsmith:
        _run(
            server,
            collector,
            langsmith,
            LANGGRAPH_PARALLEL_TRACE="branches",
            LANGGRAPH_PARALLEL_TRACE_CONTENTS="false",
        )
    assert len(collector.spans) == 2 * (1 + 3) + 3
    assert "canary" not in str(collector.spans)
    assert "is water wet" not in str(collector.spans)
