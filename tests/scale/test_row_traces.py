"""Traces and caches of rows: each row is a trace of its own, and finds the answers of earlier commands."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tracers.langchain import get_client, wait_for_all_tracers
from langchain_openai import ChatOpenAI
from langsmith.utils import get_env_var

from langgraph_parallel import create_voting, governed
from langgraph_parallel.scale.making import make_program
from langgraph_parallel.testing.replies import Reply
from tests.scale.working import run_rows
from tests.support.server import ModelServer
from tests.support.trace_sink import TraceSink

VOTE = {"choices": ["yes", "no"], "voters": 2}


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[TraceSink]:
    """Trace to a sink, as the user's environment may say."""
    with TraceSink() as sink:
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", sink.url)
        monkeypatch.setenv("LANGSMITH_API_KEY", "lsv2-not-a-real-key")
        forget()
        yield sink
    monkeypatch.undo()
    forget()


def forget() -> None:
    """Let the tracer read the environment anew."""
    get_env_var.cache_clear()  # type: ignore[attr-defined]
    import langchain_core.tracers.langchain as tracers

    tracers._CLIENT = None  # type: ignore[attr-defined]


async def shout(text: str) -> str:
    """Return it in capitals."""
    return text.upper()


def shout_blocking(text: str) -> str:
    """Return it in capitals."""
    return text.upper()


async def test_each_row_of_a_traced_map_is_a_trace_of_its_own(
    model: str, server: ModelServer, sink: TraceSink
) -> None:
    """Named after the graph and the key, with the key in its metadata; rows of one run are one trace."""
    server.always(Reply(json={"choice": "yes"}))
    rows: dict[str, dict[str, Any]] = {"k 1": {"text": "a"}, "k 2": {"text": "b"}}
    vote = make_program("voting", settings=VOTE, inputs={"question": "text"}, model=model)
    label = make_program(
        "labeling", settings={"labels": ["yes", "no"]}, inputs={"items": "text"}, model=model
    )
    for program in (make_program(shout), make_program(shout_blocking), vote, label):
        assert {result.status for result in (await run_rows(program, rows)).values()} == {"ok"}
    wait_for_all_tracers()
    get_client().flush()
    roots = {run["name"]: run for run in sink.children(None)}
    assert set(roots) == {
        *("shout[k 1]", "shout[k 2]", "shout_blocking[k 1]", "shout_blocking[k 2]"),
        *("voting[k 1]", "voting[k 2]", "labeling[k 1 +1]"),
    }
    assert roots["voting[k 2]"]["extra"]["metadata"]["key"] == "k 2"
    assert roots["shout[k 2]"]["extra"]["metadata"]["key"] == "k 2"
    assert roots["labeling[k 1 +1]"]["extra"]["metadata"]["keys"] == 2


async def test_a_map_inside_of_a_graph_has_limits_of_its_own(model: str, server: ModelServer) -> None:
    """Its rows are no branches: neither the budget of the graph nor its state concerns them."""
    server.always(Reply(json={"choice": "yes"}))
    program = make_program("voting", settings=VOTE, inputs={"question": "text"}, model=model)

    async def voter(question: str) -> str:
        results = await run_rows(program, {"a": {"text": question}, "b": {"text": "more"}})
        return ",".join(str(result.output["choice"]) for result in results.values())

    graph = create_voting(voters={"mapping": voter}, choices=["yes,yes", "no"], limits={"budget_calls": 0})
    output = await graph.ainvoke({"question": "?"})
    assert output["verdict"].choice == "yes,yes"


@pytest.mark.parametrize("kind", ["graph", "gathered", "function"])
async def test_a_second_command_has_its_answers_from_the_cache(
    kind: str,
    model: str,
    server: ModelServer,
    own: ChatOpenAI,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows that are run again cost nothing; a failed one asks again what it failed on."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CACHE", str(tmp_path / "answers.sqlite"))
    server.always(Reply(json={"choice": "yes"}, text="yes"))
    server.on("bad", Reply(status=400))
    asking = governed(own)
    failing = True

    async def ask(row: Mapping[str, Any]) -> str:
        said = await asking.ainvoke(row["text"])
        if row["text"] == "unread" and failing:
            raise ValueError("cannot read it")
        return str(said.text)

    if kind == "function":
        program = make_program(ask)
    elif kind == "graph":
        program = make_program("voting", settings=VOTE, inputs={"question": "text"}, model=model)
    else:
        settings = {"labels": ["yes", "no"]}
        program = make_program("labeling", settings=settings, inputs={"items": "text"}, model=model)
    rows = {str(number): {"text": f"text {number}"} for number in range(3)} | {"x": {"text": "unread"}}
    first = await run_rows(program, rows)
    asked = len(server.requests)
    failing = False
    second = await run_rows(program, dict(reversed(rows.items())))
    assert {key: result.output for key, result in second.items() if key != "x"} == {
        key: result.output for key, result in first.items() if key != "x"
    }
    assert len(server.requests) == asked + (1 if kind == "function" else 0)
    assert sum(result.spent.calls for result in second.values()) == len(server.requests) - asked
