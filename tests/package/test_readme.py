"""The README and the documents: their code runs, and what they say of the command is so."""

import ast
import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel import errors
from langgraph_parallel.cli import app
from langgraph_parallel.runtime.batch.settings import bounds
from tests.support.collector import Collector
from tests.support.documents import LANGUAGES, ROOT, Block, blocks, run_shell
from tests.support.server import ModelServer, Reply
from tests.support.trace_sink import TraceSink
from tests.support.traces import Traces, traces

README = (ROOT / "README.md").read_text()
PYTHON, SHELL = blocks("python"), blocks("shell")
VOTE = """
import asyncio
from langgraph_parallel import create_voting
asyncio.run(create_voting(choices=["yes", "no"]).ainvoke({"question": "Is it?"}))
"""


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traces]:
    """Receive the traces of whoever makes a tracer without a client."""
    with traces() as sink:
        monkeypatch.setattr("langchain_core.tracers.langchain.get_client", lambda: sink.client)
        yield sink


@pytest.mark.parametrize("block", PYTHON, ids=[block.id for block in PYTHON])
def test_the_code_in_the_readme_runs(
    block: Block,
    model: str,
    server: ModelServer,
    sink: Traces,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every block, of the documents too, is complete, and runs against a model server."""
    monkeypatch.chdir(tmp_path)
    for name in ("quiet", "first_poll", "longest_poll"):  # of the batch lane, which waits for seconds
        monkeypatch.setattr(bounds, name, 0.05)
    # An agent calls its first tool, and has its answer then.
    server.on(lambda request: request.body["messages"][-1]["role"] == "tool", Reply(text="They agree."))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "my_aspect.md").write_text("# My aspect\n\nLook for it.\n")
    (tmp_path / "chart.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    names: dict[str, Any] = {"__name__": "__main__"}
    compiled = compile(block.code, block.document, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(compiled, names)
    if running is not None:  # else nothing is awaited in it
        asyncio.run(running)
    is_by_hand = "langgraph_parallel" not in block.code
    if "langgraph_parallel.scale" in block.code:
        assert names["report"].status == "ok"
        assert len(server.requests) == names["report"].calls
    elif "langgraph_parallel.evaluation" in block.code:  # which compares functions
        assert names["found"].recommendation.known
    elif "votes.appraise" in block.code:  # of recorded votes
        assert names["found"].effective.worth >= 1
    elif "limiter" not in names and "langgraph_parallel.testing" not in block.code:  # else no model is called
        assert server.requests
        assert is_by_hand or (
            names["out"]["run_report"].failures == {}
            if "run_report" in names["out"]
            else names["out"].get("findings") or names["out"]["messages"]
        )
    assert bool(sink.arrived().runs) == ("LangChainTracer" in block.code)


@pytest.mark.parametrize("block", SHELL, ids=[block.id for block in SHELL])
def test_the_commands_in_the_documents_run(
    block: Block, model: str, server: ModelServer, tmp_path: Path
) -> None:
    """Variables that a block sets do what it is there for: a model answers, and traces arrive."""
    server.always(Reply(json={"rationale": "it is", "choice": "yes", "confidence": None}))
    with Collector() as collector, TraceSink() as sink:
        run_shell(
            block,
            tmp_path,
            {"http://127.0.0.1:8080/v1": server.url, "http://127.0.0.1:4318": collector.url},
            then="" if "langgraph-parallel" in block.code else VOTE,
            LANGSMITH_ENDPOINT=sink.url,
            LANGGRAPH_PARALLEL_MODEL=model,
        )
    assert server.requests
    assert bool(collector.spans) == ("OTEL_EXPORTER" in block.code)
    assert bool(sink.runs) == ("LANGSMITH" in block.code and "LANGSMITH_OTEL_ONLY" not in block.code)


def test_every_block_is_of_a_kind_that_is_run() -> None:
    """A block in another language would be left out by the tests above."""
    assert {block.language for block in blocks()} == LANGUAGES
    assert {block.document for block in blocks()} >= {"README.md", "tracing.md", "local-models.md"}


def test_the_output_in_the_readme_is_what_the_first_command_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every line that is not shortened stands in the output, in this order."""
    monkeypatch.chdir(ROOT)
    assert app.run(["review", "examples/storefront"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    (shown,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    places = [
        out.find(" ".join(line.partition("...")[0].split()))
        for line in shown.splitlines()
        if line.strip("\n. ")
    ]
    assert -1 not in places
    assert places == sorted(places)


def test_every_option_of_the_command_is_in_its_guide(capsys: pytest.CaptureFixture[str]) -> None:
    """The table names what `--help` lists."""
    guide = (ROOT / "docs" / "guides" / "command-line.md").read_text()
    assert app.run(["review", "--help"]) == 0
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help", "--engines"}
    assert options <= set(re.findall(r"--[a-z-]+", guide))


def test_every_error_is_in_the_tree_of_the_docstring() -> None:
    """The drawing at the top of the errors module is complete."""
    kinds = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert errors.__doc__ is not None
    drawn = set(re.findall(r"[A-Z]\w+", errors.__doc__))
    assert {kind.__name__ for kind in kinds if not kind.__name__.startswith("_")} <= drawn
