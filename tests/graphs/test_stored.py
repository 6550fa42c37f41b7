"""What checkpoints hold: each long text once, and whole records for everybody who reads them."""

import asyncio
import gc
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import interrupt

from langgraph_parallel import (
    Section,
    aredrive,
    create_labeling,
    create_map_reduce,
    create_review,
    create_sectioning,
    create_voting,
    split,
)
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime import stored_once
from langgraph_parallel.testing import FakeModel

CONFIG: Any = {"configurable": {"thread_id": "stored"}}
TEXTS = [f"Text {i}, of which no other text has a single line: {i * 7919} " + "abc " * 60 for i in range(6)]
DOCUMENT = "\n".join(f"# Part {i}\n\n{text}\n" for i, text in enumerate(TEXTS))
CODE = {f"m{i}.py": f'"""A module."""\n# note {i * 7919}\n' + "x = 1\n" * 99 for i in range(4)}


def length(section: Section) -> int:
    """Return the length of a section's content."""
    return len(section.content)


def in_paragraphs(content: str) -> list[Section]:
    """Plan a section for each text, with the text in its data as well."""
    return [
        Section(id=str(i), title=f"Part {i}", content=text, data={"also": [text]})
        for i, text in enumerate(content.split("\n"))
    ]


async def stored(path: Path, make: Any, given: Any) -> bytes:
    """Run a graph, and return all that the saver holds of it."""
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        out = await make(saver).ainvoke(given, CONFIG)
        assert out["run_report"].failures == {}
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT checkpoint FROM checkpoints UNION ALL SELECT value FROM writes")
        return b"\n".join(row[0] for row in rows if row[0])


def vote(saver: Any = None) -> Any:
    """Build a vote of two functions."""
    return create_voting(voters={"a": lambda q: "yes", "b": lambda q: "yes"}, checkpointer=saver)


GRAPHS: dict[str, tuple[Any, dict[str, Any]]] = {
    "sectioning by a function": (
        lambda saver: create_sectioning(planner=in_paragraphs, worker=length, checkpointer=saver),
        {"content": "\n".join(TEXTS)},
    ),
    "sectioning by heading": (
        lambda saver: create_sectioning(planner=split.by_heading(), worker=length, checkpointer=saver),
        {"content": DOCUMENT},
    ),
    "map-reduce": (
        lambda saver: create_map_reduce(
            worker=len, synthesizer=lambda r: len(r.values), fan_in=2, checkpointer=saver
        ),
        {"items": TEXTS},
    ),
    "votes in sections": (
        lambda saver: create_sectioning(planner=in_paragraphs, worker=vote(), checkpointer=saver),
        {"content": "\n".join(TEXTS)},
    ),
    "votes in sections in sections": (
        lambda saver: create_sectioning(
            planner=lambda content: [Section(id="all", title="all", content=content)],
            worker=create_sectioning(planner=in_paragraphs, worker=vote()),
            checkpointer=saver,
        ),
        {"content": "\n".join(TEXTS)},
    ),
    "labeling": (
        lambda saver: create_labeling(
            labels=["yes", "no"], voters={"a": lambda q: "yes", "b": lambda q: "yes"}, checkpointer=saver
        ),
        {"items": TEXTS},
    ),
    "labeling by a model": (
        lambda saver: create_labeling(
            labels=["yes", "no"],
            model=FakeModel(default={"choice": "yes"}),
            voters=2,
            checkpointer=saver,
        ),
        {"items": TEXTS},
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
async def test_a_text_of_the_input_is_stored_once(name: str, tmp_path: Path) -> None:
    """LangGraph stores the input as it was given; the channel that it is written to refers to it."""
    make, given = GRAPHS[name]
    held = await stored(tmp_path / "runs.sqlite", make, given)
    marks = [text[:60].encode() for text in TEXTS]
    assert {held.count(mark) for mark in marks} == {1}


async def test_a_file_under_review_is_stored_once(tmp_path: Path) -> None:
    """Every aspect and every voter reads it, and none of them keeps a copy."""

    def make(saver: Any) -> Any:
        return create_review(offline=True, checkpointer=saver)

    held = await stored(tmp_path / "runs.sqlite", make, {"files": CODE})
    assert {held.count(f"# note {i * 7919}\n".encode()) for i in range(4)} == {1}


@pytest.mark.parametrize("name", GRAPHS)
async def test_whoever_reads_the_state_sees_whole_records(name: str) -> None:
    """Output, stored state, and each state on the way hold the same sections, with all of their texts."""
    make, given = GRAPHS[name]
    graph = make(InMemorySaver())
    out = await graph.ainvoke(given, CONFIG)
    assert all(any(text in str(section) for text in [*TEXTS, DOCUMENT]) for section in out["sections"][:6])
    values = (await graph.aget_state(CONFIG)).values
    assert (values["sections"], values["branches"]) == (out["sections"], out["branches"])
    assert values["run_report"] == out["run_report"]
    assert {key: values[key] for key in given} == given
    seen = [state.values async for state in graph.aget_state_history(CONFIG)]
    rounds = [[s for s in out["sections"] if s.round <= n] for n in range(9)]
    assert all(state["sections"] in rounds for state in seen if "sections" in state)
    assert "sections" not in seen[-1]
    assert graph.get_state(CONFIG).values["sections"] == out["sections"]


@pytest.mark.parametrize("subgraphs", [False, True])
@pytest.mark.parametrize("mode", ["updates", ["updates", "custom"]], ids=str)
async def test_a_stream_of_updates_has_whole_sections(mode: Any, subgraphs: bool) -> None:
    """What the plan writes is streamed as it was planned, at every level."""
    make, given = GRAPHS["votes in sections in sections"]
    planned: list[str] = []
    async for chunk in make(None).astream(given, stream_mode=mode, subgraphs=subgraphs):
        update = chunk[-1] if isinstance(chunk, tuple) else chunk
        planned += [section.content for section in update.get("plan", {}).get("sections", ())]
    assert planned == [given["content"], *(TEXTS if subgraphs else [])]


async def test_a_nested_run_that_waits_shows_its_question() -> None:
    """The state of a graph inside is whole when it is read with that of the graph around it."""

    def asks(question: str) -> str:
        return str(interrupt("which?"))

    inner = create_sectioning(planner=in_paragraphs, worker=asks)
    saver = InMemorySaver()
    outer = create_sectioning(planner=in_paragraphs, worker=inner, checkpointer=saver)
    await outer.ainvoke({"content": TEXTS[0]}, CONFIG)
    (task,) = (await outer.aget_state(CONFIG, subgraphs=True)).tasks
    inside: Any = task.state
    where: Any = inside.config
    assert inside.values["content"] == TEXTS[0]
    assert inside.values["sections"][0].data == {"also": [TEXTS[0]]}
    del task, inside
    gc.collect()
    assert (await outer.aget_state(where)).values["content"] == TEXTS[0]
    assert outer.get_state(where).values["sections"][0].content == TEXTS[0]
    gc.collect()
    with pytest.raises(UsageError, match="subgraphs=True"):
        await inner.aget_state({"configurable": {**where["configurable"], "__pregel_checkpointer": saver}})


async def test_time_travel_goes_on_from_any_state() -> None:
    """A run from an earlier checkpoint does what is left, on whole sections, and comes to the same."""
    seen: Counter[str] = Counter()

    def work(section: Section) -> str:
        seen[section.content] += 1
        return section.content[:10]

    graph = create_sectioning(planner=in_paragraphs, worker=work, checkpointer=InMemorySaver())
    out = await graph.ainvoke({"content": "\n".join(TEXTS)}, CONFIG)
    states = [state async for state in graph.aget_state_history(CONFIG)]
    for count, state in enumerate([s for s in states if "worker" in s.next], 2):
        again = await graph.ainvoke(None, state.config)
        assert again["result"] == out["result"]
        assert seen == dict.fromkeys(TEXTS, count)
    (planned,) = [state for state in states if "worker" in state.next]
    for state in states:
        if state.next and state.next != ("__start__",):
            again = await graph.ainvoke(None, state.config)
            assert again["result"] == out["result"]
            assert (await graph.aget_state(CONFIG)).values["sections"] == out["sections"]
    forked = await graph.aupdate_state(planned.config, {"notes": {"by": "hand"}})
    assert (await graph.ainvoke(None, forked))["result"] == out["result"]


@pytest.mark.parametrize("name", GRAPHS)
async def test_every_graph_goes_on_from_each_of_its_states(name: str) -> None:
    """Also from those before its plan, and with graphs inside of it."""
    make, given = GRAPHS[name]
    graph = make(InMemorySaver())
    out = await graph.ainvoke(given, CONFIG)
    values = {key: branch.value for key, branch in out["branches"].items()}
    for state in [state async for state in graph.aget_state_history(CONFIG)]:
        if state.next and state.next != ("__start__",):
            again = await graph.ainvoke(None, state.config)
            assert {key: branch.value for key, branch in again["branches"].items()} == values
            assert again["sections"] == out["sections"]
            assert (await graph.aget_state(CONFIG)).values["sections"] == out["sections"]


async def test_a_second_run_on_a_thread_and_a_redrive_see_their_own_input() -> None:
    """Texts of the first run do not come back, and what failed is run on its own text."""
    broken = True

    def work(section: Section) -> str:
        if broken and section.id == "1":
            raise ValueError("broke")
        return section.content

    graph = create_sectioning(planner=in_paragraphs, worker=work, checkpointer=InMemorySaver())
    await graph.ainvoke({"content": "\n".join(TEXTS[:2])}, CONFIG)
    out = await graph.ainvoke({"content": "\n".join(TEXTS[2:5])}, CONFIG)
    assert [section.content for section in out["sections"]] == TEXTS[2:5]
    broken = False
    out = await aredrive(graph, CONFIG)
    assert [branch.value for branch in out["branches"].values()] == TEXTS[2:5]
    assert (await graph.aget_state(CONFIG)).values["sections"] == out["sections"]


async def test_an_input_that_is_edited_leaves_the_plan_as_it_is() -> None:
    """Sections were planned from the input that there was."""
    graph = create_sectioning(planner=in_paragraphs, worker=length, checkpointer=InMemorySaver())
    out = await graph.ainvoke({"content": "\n".join(TEXTS)}, CONFIG)
    await graph.aupdate_state(CONFIG, {"content": "another text"})
    values = (await graph.aget_state(CONFIG)).values
    assert (values["content"], values["sections"]) == ("another text", out["sections"])


@pytest.mark.parametrize("name", GRAPHS)
async def test_a_langgraph_without_delta_channels_stores_more_and_works(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Output, state, and a run that was cut off and goes on are the same."""
    make, given = GRAPHS[name]
    expected = await make(InMemorySaver()).ainvoke(given, CONFIG)
    monkeypatch.setattr(stored_once, "DeltaChannel", None)
    graph = make(InMemorySaver())
    out = await graph.ainvoke(given, CONFIG)
    assert (out["sections"], out["missing"]) == (expected["sections"], expected["missing"])
    assert {k: b.value for k, b in out["branches"].items()} == {
        k: b.value for k, b in expected["branches"].items()
    }
    assert (await graph.aget_state(CONFIG)).values["sections"] == expected["sections"]
    work = {"worker", "map_and_reduce", "vote"}
    steps = [state async for state in graph.aget_state_history(CONFIG) if work.intersection(state.next)]
    assert (await graph.ainvoke(None, steps[-1].config))["missing"] == expected["missing"]


async def test_a_run_that_is_cut_off_goes_on_in_another_graph_object() -> None:
    """All that it needs is in the checkpoints; nothing is left of the first process."""
    saver, hung = InMemorySaver(), asyncio.Event()

    async def hangs(question: str) -> str:
        hung.set()
        await asyncio.Event().wait()
        return "yes"

    def build(voter: Any) -> Any:
        inner = create_voting(voters={"a": voter, "b": lambda q: "yes"})
        return create_sectioning(planner=in_paragraphs, worker=inner, checkpointer=saver)

    running = asyncio.ensure_future(build(hangs).ainvoke({"content": "\n".join(TEXTS)}, CONFIG))
    await hung.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    asked: list[str] = []

    def answers(question: str) -> str:
        asked.append(question)
        return "yes"

    out = await build(answers).ainvoke(None, CONFIG)
    assert out["run_report"].failures == {}
    assert sorted(asked) == sorted(TEXTS)
