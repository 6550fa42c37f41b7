"""Traces of the command line: how much they hold, and whether contents are in them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langsmith import tracing_context

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.run_store import RunStore
from tests.cli.support import write
from tests.support.server import ModelServer, Reply
from tests.support.traces import Traces, traces

REVIEW = ["review", "a.py", "--no-engines", "--voters", "2", "--aspects", "style"]
COMMANDS = [
    REVIEW,
    ["brief", "a.md"],
    ["moderate", "a.md"],
    ["feedback", "f.csv"],
    ["research", "Is canary a colour?", "a.md"],
    ["vote", "Is canary a colour?", "--choices", "yes,no"],
]


@pytest.fixture
def sink(model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Traces]:
    """Trace whatever runs to a local sink; a model answers everything."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    monkeypatch.setenv("LANGGRAPH_PARALLEL_ATTEMPTS", "1")
    answer: dict[str, Any] = {"findings": [], "rationale": "canary", "choice": "yes", "confidence": None}
    server.always(Reply(json={**answer, "topics": [{"title": "colour", "brief": "canary"}]}))
    write({"a.py": "canary = 1\n", "a.md": "The canary is yellow.\n", "f.csv": "text\na canary\n"})
    with traces() as sink, tracing_context(enabled=True, client=sink.client):
        yield sink


def _traced(arguments: list[str], sink: Traces) -> tuple[list[str], str]:
    """Run a command; return the names of the runs of its trace, and all of it."""
    sink.runs.clear()
    run(arguments)
    sink.arrived().check_tree()
    return sink.names(), json.dumps(list(sink.runs.values()))


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: str(arguments[0]))
def test_every_command_takes_the_options(arguments: list[str], server: ModelServer, sink: Traces) -> None:
    """The level and the contents are those that the options ask for."""
    graph, contents = _traced([*arguments, "--trace", "graph"], sink)
    assert server.requests
    assert "canary" in contents
    assert not [name for name in graph if "[" in name]
    full, contents = _traced([*arguments, "--trace", "full", "--no-trace-contents"], sink)
    assert "canary" not in contents
    assert len(full) > len(graph)
    branches, _ = _traced([*arguments, "--trace", "branches"], sink)
    assert [name for name in branches if "[" in name]
    assert not [run for run in sink.runs.values() if run["run_type"] == "llm"]


def test_options_and_the_environment(sink: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    """The level of an option counts before that of the environment; contents need the leave of both."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_TRACE", "graph")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_TRACE_CONTENTS", "false")
    vote = COMMANDS[-1]
    names, contents = _traced([*vote, "--trace-contents"], sink)
    assert not [name for name in names if "[" in name]
    assert "canary" not in contents
    names, _ = _traced([*vote, "--trace", "full"], sink)
    assert "vote[voting#1]" in names
    monkeypatch.setenv("LANGGRAPH_PARALLEL_TRACE_CONTENTS", "true")
    _, contents = _traced([*vote, "--trace-contents"], sink)
    assert "canary" in contents


def test_a_resumed_review_is_traced_as_it_began(server: ModelServer, sink: Traces) -> None:
    """Options that are given now replace those of the run."""
    server.on("reviewer 2 ", Reply(status=418))
    _, contents = _traced([*REVIEW, "--no-trace-contents", "--trace", "branches"], sink)
    assert "canary" not in contents
    resume = ["review", "--resume", RunStore().all()[0].id]
    names, contents = _traced(resume, sink)
    assert "canary" not in contents
    assert [name for name in names if name.startswith("vote[")]
    names, contents = _traced([*resume, "--trace", "graph", "--trace-contents"], sink)
    assert "canary" in contents
    assert not [name for name in names if "[" in name]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: str(arguments[0]))
@pytest.mark.parametrize("name", ["TRACE", "TRACE_CONTENTS"])
def test_a_wrong_variable_is_named_before_any_call(
    arguments: list[str],
    name: str,
    model: str,
    server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is read, either, and no run is kept."""
    monkeypatch.setenv(f"LANGGRAPH_PARALLEL_{name}", "most")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    assert not Path("a.md").exists()
    assert run(arguments) == 2
    assert f"error: LANGGRAPH_PARALLEL_{name}='most': expected" in capsys.readouterr().err
    assert server.requests == []
    assert RunStore().all() == []
