"""`sys.exit` in tasks that code of a row begins: nodes, branches, and tasks that a function gathers."""

import asyncio
import sys
from typing import Any, TypedDict

import pytest
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langgraph.graph import END, START, StateGraph

from langgraph_parallel import create_map_reduce
from langgraph_parallel.scale.making import make_program
from tests.scale.working import run_rows


class State(TypedDict, total=False):
    """The state of a graph of others."""

    text: str
    out: str


def _blocking(state: State) -> State:
    if state["text"] == "bad":
        sys.exit(3)
    return {"out": "fine"}


async def _waiting(state: State) -> State:
    await asyncio.sleep(0)
    return _blocking(state)


def _graph(node: Any) -> Any:
    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile()


async def _gathers(text: str) -> list[State]:
    return [*await asyncio.gather(_waiting({"text": text}), _waiting({"text": text}))]


async def _works(text: str) -> str:
    return str((await _waiting({"text": text}))["out"])


def _reducing() -> Any:
    return create_map_reduce(worker=_works, synthesizer=lambda gathered: "whole")


PROGRAMS = {
    "node": _graph(_blocking),
    "async node": _graph(_waiting),
    "node of a subgraph": _graph(_graph(_waiting)),
    "branches of a chain": RunnableParallel(a=RunnableLambda(_waiting), b=RunnableLambda(_blocking)),
    "gathered": _gathers,
    "branch": _reducing(),
}


@pytest.mark.parametrize("kind", PROGRAMS)
async def test_an_exit_in_a_task_of_a_row_fails_that_row_alone(kind: str) -> None:
    """It would end the event loop, and all other rows with it."""
    key = "items" if kind == "branch" else "text"
    rows = {"a": {key: "good"}, "b": {key: "bad"}, "c": {key: "good"}}
    results = await run_rows(make_program(PROGRAMS[kind]), rows)
    assert {key: result.status for key, result in results.items()} == {"a": "ok", "b": "failed", "c": "ok"}
    assert results["b"].error == "SystemExit: 3"


async def test_tasks_of_others_in_the_loop_are_as_they_were() -> None:
    """Only what a row has begun is changed; a task that is cancelled before it begins leaves no warning."""
    await run_rows(make_program(_gathers), {"a": {"text": "good"}})

    async def mine() -> str:
        return "mine"

    task = asyncio.create_task(mine(), name="named")
    assert task.get_coro().__qualname__.endswith("mine")  # type: ignore[union-attr]
    assert (await task, task.get_name()) == ("mine", "named")

    async def cancels(text: str) -> str:
        never = asyncio.create_task(mine())
        never.cancel()
        return type((await asyncio.gather(never, return_exceptions=True))[0]).__name__

    results = await run_rows(make_program(cancels), {"a": {"text": "x"}})
    assert results["a"].output == {"result": "CancelledError"}


async def test_a_loop_with_a_way_of_its_own_to_make_tasks_keeps_it() -> None:
    """It may be the one of a debugger, or an eager one."""
    loop = asyncio.get_running_loop()

    def own(loop: Any, work: Any, **options: Any) -> Any:
        return asyncio.Task(work, loop=loop, **options)

    before = loop.get_task_factory()
    loop.set_task_factory(own)
    try:
        await run_rows(make_program(_works), {"a": {"text": "good"}})
        assert loop.get_task_factory() is own
    finally:
        loop.set_task_factory(before)
