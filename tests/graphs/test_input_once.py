"""The input of a graph is stored once, and every state of its threads is as if it were stored twice."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.constants import START

from benchmarks.savers import postgres_saver, sqlite_saver
from langgraph_parallel import Section, create_sectioning, create_voting
from langgraph_parallel.runtime import excerpts, input_values
from langgraph_parallel.runtime import graph as runtime_graph
from tests.support.databases import POSTGRES

CONFIG: Any = {"configurable": {"thread_id": "once"}}
TEXTS = [f"Text {i}, unlike all others: {i * 7919} " + "abc " * 80 for i in range(9)]


def plan(content: list[str]) -> list[Section]:
    """Plan a section for each text."""
    return [Section(id=str(i), title=str(i), content=text) for i, text in enumerate(content)]


def build(saver: Any, *, nested: bool = False) -> Any:
    """Build a sectioning with functions or with votes."""
    vote = create_voting(voters={"a": lambda q: q[:6], "b": lambda q: q[:6]}) if nested else None
    return create_sectioning(planner=plan, worker=vote or (lambda s: s.content[:6]), checkpointer=saver)


Make = Callable[[], Any]
"""Builds the graph again: nothing of it is held but what is stored."""


async def two_runs(make: Make) -> None:
    """Run two inputs, one after the other."""
    for i in range(2):
        await make().ainvoke({"content": TEXTS[i : i + 2]}, CONFIG)


async def runs_of_the_same_input(make: Make) -> None:
    """Run inputs that come again."""
    for i in (0, 1, 0, 0):
        await make().ainvoke({"content": TEXTS[i : i + 2]}, CONFIG)


async def stored_at_the_end(make: Make) -> None:
    """Run inputs with other ways to store."""
    for i, durability in enumerate(("exit", "exit", "sync", "exit")):
        await make().ainvoke({"content": TEXTS[i : i + 2]}, CONFIG, durability=durability)


async def time_travel(make: Make) -> None:
    """Go on from every state of two runs, in graphs that have loaded nothing before."""
    await two_runs(make)
    for state in [state async for state in make().aget_state_history(CONFIG)]:
        if state.next:
            await make().ainvoke(None, state.config)


async def new_inputs_at_old_states(make: Make) -> None:
    """Run a new input from every state of two runs."""
    await two_runs(make)
    for i, state in enumerate([state async for state in make().aget_state_history(CONFIG)]):
        await make().ainvoke({"content": TEXTS[i % 6 + 1 : i % 6 + 3]}, state.config)


async def inputs_that_are_not_run(make: Make) -> None:
    """Replace inputs before anything has read them, and edit what was read."""
    await make().ainvoke({"content": TEXTS[:2]}, CONFIG)
    await make().aupdate_state(CONFIG, {"content": TEXTS[2:4]}, as_node="__input__")
    await make().aupdate_state(CONFIG, {"content": TEXTS[4:6]}, as_node="__input__")
    await make().ainvoke({"content": TEXTS[5:7]}, (await make().aget_state(CONFIG)).config)
    await make().aupdate_state(CONFIG, {"content": TEXTS[1:3]}, as_node="__input__")
    await make().ainvoke(None, CONFIG)
    await make().aupdate_state(CONFIG, {"content": ["by hand"]})
    await make().ainvoke({"content": TEXTS[3:5]}, CONFIG)
    state = await make().aget_state(CONFIG)
    await make().aupdate_state(state.config, {"notes": {"by": "hand"}})


async def updates_before_inputs(make: Make) -> None:
    """Begin a thread with an update, then go on from every state."""
    await make().aupdate_state(CONFIG, {"content": TEXTS[1:3]}, as_node="__start__")
    await make().ainvoke(None, CONFIG)
    await make().ainvoke({"content": TEXTS[:2]}, CONFIG)
    for state in [state async for state in make().aget_state_history(CONFIG)]:
        if state.next:
            await make().ainvoke(None, state.config)


async def seen(graph: Any) -> list[Any]:
    """Return all states of the thread, without times and ids."""
    found = []
    async for state in graph.aget_state_history(CONFIG):
        values = state.values
        results = [task.result for task in state.tasks if task.name == START]
        branches = {key: str(branch.value) for key, branch in values.get("branches", {}).items()}
        sections = [section.content for section in values.get("sections", ())]
        step = (state.metadata or {}).get("step")
        found.append((step, state.next, values.get("content"), sections, branches, results))
    return found


Story = Callable[[Make], Awaitable[None]]
STORIES: tuple[Story, ...] = (
    runs_of_the_same_input,
    stored_at_the_end,
    time_travel,
    new_inputs_at_old_states,
    inputs_that_are_not_run,
    updates_before_inputs,
)


def forget() -> None:
    """Begin as a new process does: nothing that was loaded is found."""
    input_values._values.clear()
    excerpts._sources.clear()


def keep_as_langgraph_does(patched: pytest.MonkeyPatch) -> None:
    """Build graphs whose input is stored in its own channel and in those of its keys."""
    patched.setattr(runtime_graph, "store_input_once", lambda graph: None)


@pytest.mark.parametrize(
    ("story", "nested"),
    [*((story, False) for story in STORIES), (two_runs, True), (stored_at_the_end, True)],
    ids=lambda one: getattr(one, "__name__", None) or ("votes" if one else "functions"),
)
async def test_every_state_is_as_if_the_input_were_stored_twice(
    story: Story, nested: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a checkpoint has all of the input's channel, each time that it is written."""

    async def states(snapshot_frequency: int | None) -> list[Any]:
        saver = InMemorySaver()

        def make() -> Any:
            forget()
            graph = build(saver, nested=nested)
            if snapshot_frequency:
                graph.channels[START].snapshot_frequency = snapshot_frequency
            return graph

        await story(make)
        return await seen(make())

    once, each_time = await states(100), await states(1)
    keep_as_langgraph_does(monkeypatch)
    twice = await states(None)
    assert len(twice) > 5
    assert once == twice
    assert each_time == twice


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_savers_of_files_and_servers_read_the_same(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They put channels together from their rows in other ways than the one in memory."""
    if kind == "postgres" and not POSTGRES:
        pytest.skip("POSTGRES is not set")

    async def states(name: str) -> list[Any]:
        opened = sqlite_saver(tmp_path / name) if kind == "sqlite" else postgres_saver(POSTGRES)
        async with opened as saver:
            await new_inputs_at_old_states(lambda: build(saver))
            return await seen(build(saver))

    once = await states("once")
    keep_as_langgraph_does(monkeypatch)
    assert once == await states("twice")


async def test_a_thread_from_before_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored twice is read from every state, and new inputs are stored once beside it."""
    saver = InMemorySaver()
    with monkeypatch.context() as patched:
        keep_as_langgraph_does(patched)
        await two_runs(lambda: build(saver))
        before = await seen(build(saver))
    assert await seen(build(saver)) == before
    for state in [state async for state in build(saver).aget_state_history(CONFIG)]:
        if state.next:
            again = await build(saver).ainvoke(None, state.config)
            assert again["result"]
            assert [section.content for section in again["sections"]] == again_texts(state)
    await build(saver).ainvoke({"content": TEXTS[4:6]}, CONFIG)
    values = (await build(saver).aget_state(CONFIG)).values
    assert (values["content"], [section.content for section in values["sections"]]) == (
        TEXTS[4:6],
        TEXTS[4:6],
    )


def again_texts(state: Any) -> list[str]:
    """Return the texts that a run from a state of `two_runs` works on."""
    started = [task.result["content"] for task in state.tasks if task.name == START]
    return list(started[0] if started else state.values["content"])


async def test_an_input_is_kept_as_long_as_its_state_is_loaded() -> None:
    """Nothing is left of a run that has ended."""
    graph = build(InMemorySaver())
    await two_runs(lambda: graph)
    await graph.aget_state(CONFIG)
    gc.collect()
    assert not any(TEXTS[0] in held.value for held in list(input_values._values.values()))


async def test_states_do_not_share_their_values() -> None:
    """Who changes the input in one state finds it unchanged in another one."""
    graph = build(InMemorySaver())
    await graph.ainvoke({"content": TEXTS[:2]}, CONFIG)
    first, second = await asyncio.gather(graph.aget_state(CONFIG), graph.aget_state(CONFIG))
    first.values["content"].append("more")
    assert second.values["content"] == TEXTS[:2]


def test_drawing_and_schemas_are_those_of_the_graph_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studio shows the same."""

    def shown() -> list[Any]:
        graph = build(None, nested=True)
        drawn = graph.get_graph(xray=True).draw_mermaid()
        return [drawn, graph.get_input_jsonschema(), graph.get_output_jsonschema(), repr(graph.InputType)]

    once = shown()
    keep_as_langgraph_does(monkeypatch)
    assert once == shown()
