"""Redrive of graphs that are nodes of another one."""

import asyncio
from typing import Any

import pytest
from langgraph.types import Command

from langgraph_parallel import Limits, aredrive, create_sectioning, create_voting, events, redrive
from langgraph_parallel.errors import CompletionError, UsageError
from langgraph_parallel.testing import FakeModel
from tests.support.fans import YES, flat, nested, numbered
from tests.support.parents import noting, parent, saver
from tests.support.server import Gate, ModelServer, Reply

CONFIG: Any = {"configurable": {"thread_id": "1"}}
QUICK = Limits(attempts=1)
NAMES: dict[str, Any] = {
    "inputs": {"content": "text"},
    "outputs": {"result": "summary", "run_report": "report"},
}
GIVEN = {"text": "go", "missing": {"mine": 1}, "log": ["begun"]}


def _fails_once(server: ModelServer, words: str = "Number 1:", times: int = 1) -> None:
    server.always(Reply(json=YES))
    server.on(words, Reply(status=500), times=times)


@pytest.mark.parametrize("levels", [0, 1, 2])
async def test_only_what_failed_runs_again(levels: int, model: str, server: ModelServer) -> None:
    """In a node at any level; what comes after it runs again on the new result."""
    _fails_once(server)
    graph = parent({"ours": flat(3, model, limits=QUICK, **NAMES), "after": noting("after")})
    for level in range(levels):
        graph = parent({f"level{level}": graph})
    graph = graph.copy({"checkpointer": saver()})
    first = await graph.ainvoke(GIVEN, CONFIG)
    assert first["report"].branches == {"failed": 1, "ok": 2}
    server.requests.clear()
    out = await aredrive(graph, CONFIG)
    assert [request.prompt.count("Number 1:") for request in server.requests] == [1]
    assert (out["report"].branches, len(out["report"].calls)) == ({"ok": 3}, 4)
    assert (out["log"], out["missing"]) == (first["log"], {"mine": 1})
    assert out["summary"].count("yes") == 3
    again = await aredrive(graph, CONFIG)
    assert (again["summary"], len(server.requests)) == (out["summary"], 1)


async def test_votes_inside_a_node_are_redriven_voter_by_voter(model: str, server: ModelServer) -> None:
    """Under the keys of the pattern too: a node needs no names."""
    _fails_once(server, "You are voter 2 ")
    graph = parent({"ours": nested(2, 3, model, limits=QUICK, **NAMES)}, checkpointer=saver())
    first = await graph.ainvoke(GIVEN, CONFIG)
    assert first["report"].branches == {"failed": 1, "ok": 5}
    server.requests.clear()
    assert (await aredrive(graph, CONFIG))["report"].branches == {"ok": 6}
    assert len(server.requests) == 1


async def test_nodes_beside_and_after_it_keep_what_they_have(model: str, server: ModelServer) -> None:
    """Graphs of this package ask nothing again whose input is the same."""
    _fails_once(server)
    other = {"inputs": {"content": "text"}, "outputs": {"result": "more"}}
    nodes = {"ours": flat(2, model, limits=QUICK, **NAMES), "other": flat(4, model, limits=QUICK, **other)}
    for parallel in (True, False):
        graph = parent(nodes, parallel=parallel, checkpointer=saver())
        await graph.ainvoke(GIVEN, CONFIG)
        server.requests.clear()
        out = await aredrive(graph, CONFIG)
        assert len(server.requests) == (1 if parallel else 0)
        assert out["more"].count("yes") == 4


async def test_it_redrives_the_last_run_of_a_thread(model: str, server: ModelServer) -> None:
    """A failure of an earlier run on another input stays."""
    _fails_once(server)
    graph = parent({"ours": flat(2, model, limits=QUICK, **NAMES)}, checkpointer=saver())
    await graph.ainvoke(GIVEN, CONFIG)
    await graph.ainvoke({"text": "other"}, CONFIG)
    server.requests.clear()
    assert (await aredrive(graph, CONFIG))["report"].branches == {"ok": 2}
    assert not server.requests


def test_it_redrives_from_code_that_is_not_async(model: str, server: ModelServer) -> None:
    """As a graph by itself."""
    _fails_once(server)
    graph = parent({"ours": flat(2, model, limits=QUICK, **NAMES)}, checkpointer=saver())
    graph.invoke(GIVEN, CONFIG)
    assert redrive(graph, CONFIG)["report"].branches == {"ok": 2}


async def test_a_node_that_raised_is_redriven(model: str, server: ModelServer) -> None:
    """Too few branches had succeeded, which ended the run of the graph around it as well."""
    server.always(Reply(json=YES))
    server.on("Number 1:", Reply(status=500, gate=(gate := Gate())), times=1)
    ours = flat(3, model, limits=QUICK, completion="min_success(3)", **NAMES)
    graph = parent({"before": noting("before"), "ours": ours}, checkpointer=saver())

    async def fail_last() -> None:  # else the policy would cancel the others
        ended = 0
        async for event in events(graph, GIVEN, CONFIG):
            ended += event.event == "ended"
            if ended == 2:
                gate.open()

    with pytest.raises(CompletionError):
        await fail_last()
    server.requests.clear()
    out = await aredrive(graph, CONFIG)
    assert (out["report"].branches, len(server.requests)) == ({"ok": 3}, 1)
    assert out["log"] == ["begun", "before"]


async def test_a_redrive_that_was_cut_off_goes_on(model: str, server: ModelServer) -> None:
    """The next one asks only for what has no answer yet."""
    _fails_once(server, "Number", times=2)
    graph = parent({"ours": flat(3, model, limits=QUICK, **NAMES)}, checkpointer=saver())
    assert (await graph.ainvoke(GIVEN, CONFIG))["report"].branches == {"failed": 2, "ok": 1}
    server.requests.clear()
    gate = Gate()
    server.on("Number", Reply(json=YES, gate=gate))
    run = asyncio.ensure_future(aredrive(graph, CONFIG))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0)
    gate.open()
    assert (await aredrive(graph, CONFIG))["report"].branches == {"ok": 3}
    assert len(server.requests) == 4


async def test_a_graph_that_a_function_calls_is_redriven(model: str, server: ModelServer) -> None:
    """LangGraph finds it in the function, and it resumes if it gets the same input."""
    _fails_once(server)
    ours = flat(3, model, limits=QUICK)

    async def call(state: Any) -> dict[str, Any]:
        out = await ours.ainvoke({"content": state["text"]})
        return {"summary": out["result"], "report": out["run_report"]}

    graph = parent({"call": call}, checkpointer=saver())
    await graph.ainvoke(GIVEN, CONFIG)
    server.requests.clear()
    assert (await aredrive(graph, CONFIG))["report"].branches == {"ok": 3}
    assert len(server.requests) == 1


@pytest.mark.parametrize("form", ["vote", "sections"])
async def test_a_redriven_node_may_ask_a_person(form: str) -> None:
    """A vote that is tied after its redrive interrupts the run around it, and goes on with the answer."""
    model = FakeModel({"": {**YES, "choice": "yes"}, "voter 2": ValueError("broken")})
    voting: dict[str, Any] = {"model": model, "prompt": "{question}", "choices": ["yes", "no"], "voters": 2}
    asking: dict[str, Any] = {**voting, "on_undecided": "escalate", "limits": QUICK}
    if form == "vote":
        names: dict[str, Any] = {
            "inputs": {"question": "text"},
            "outputs": {"verdict": "summary", "run_report": "report"},
        }
        graph = parent({"ours": create_voting(**asking, **names)}, checkpointer=saver())
    else:
        sections = create_sectioning(planner=numbered(1), worker=create_voting(**asking), **NAMES)
        graph = parent({"ours": sections}, checkpointer=saver())
    first = await graph.ainvoke(GIVEN, CONFIG)
    assert first["report"].branches == {"failed": 1, "ok": 1}
    model.on("voter 2", {**YES, "choice": "no"})
    asked = (await aredrive(graph, CONFIG))["__interrupt__"][0].value["action_requests"]
    with pytest.raises(UsageError, match="the run waits for a person"):
        await aredrive(graph, CONFIG)
    edited = {"name": asked[0]["name"], "args": {"choice": "no"}}
    answer: Any = Command(resume={"decisions": [{"type": "edit", "edited_action": edited}]})
    out = await graph.ainvoke(answer, CONFIG)
    assert out["report"].branches == {"ok": 2}
    assert "no" in str(out["summary"])
    assert len(model.prompts) == 3
    await aredrive(graph, CONFIG)
    assert len(model.prompts) == 3
