"""Sections that need others: each starts when its own needs have ended, whatever its siblings do."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from langgraph_parallel import Section, aredrive, create_sectioning, create_voting, drain
from tests.support.fans import GIVEN

CONFIG: Any = {"configurable": {"thread_id": "needs"}}
Needs = Mapping[str, str]


def planner(**needs: str) -> Callable[[str], list[Section]]:
    """Return a planner of sections with one-letter ids: `planner(a="", c="ab")`, where c needs a and b."""

    def plan(content: str) -> list[Section]:
        return [
            Section(id=id, title=id.upper(), content=f"Topic {id}", needs=list(need))
            for id, need in needs.items()
        ]

    return plan


class Work:
    """A worker whose sections end when a test lets them.

    Args:
        holds: ids of the sections that wait to be let go.
        fails: ids of the sections that fail.
    """

    def __init__(self, holds: str = "", fails: str = "") -> None:
        self.begun: list[str] = []
        self._go = {id: asyncio.Event() for id in holds}
        self._fails = fails
        self._began: dict[str, asyncio.Event] = {}

    def let_go(self, *ids: str) -> None:
        """Let sections end."""
        for id in ids:
            self._go[id].set()

    async def has_begun(self, id: str) -> None:
        """Wait until a section has begun."""
        await asyncio.wait_for(self._began.setdefault(id, asyncio.Event()).wait(), 20)

    async def __call__(self, section: Section) -> str:
        """Return the id, and the results that the section got."""
        id: str = section.id
        self.begun.append(id)
        self._began.setdefault(id, asyncio.Event()).set()
        if id in self._go:
            await self._go[id].wait()
        if id in self._fails:
            raise ValueError(f"{id} broke")
        return id + "".join(f"({value})" for value in section.earlier.values())


async def test_a_section_starts_when_its_needs_have_ended_whatever_its_siblings_do() -> None:
    """While b hangs, c is worked on after a, and d after c; each gets the results that it needs."""
    work = Work(holds="b")
    graph = create_sectioning(planner=planner(a="", b="", c="a", d="ac"), worker=work)
    running = asyncio.ensure_future(graph.ainvoke(GIVEN))
    await work.has_begun("d")
    work.let_go("b")
    out = await running
    assert {id: branch.value for id, branch in out["branches"].items()} == {
        "a": "a",
        "b": "b",
        "c": "c(a)",
        "d": "d(a)(c(a))",
    }
    assert [branch.order for branch in out["branches"].values()] == [0, 1, 2, 3]
    assert out["run_report"].failures == {}


async def test_what_needs_a_failed_section_does_not_wait_for_the_others() -> None:
    """Its record says why, and what needs it is skipped as well, while b still runs."""
    work = Work(holds="b", fails="a")
    graph = create_sectioning(
        planner=planner(a="", b="", c="ab", d="c"), worker=work, completion="tolerated_failures(2)"
    )
    # Three of four fail, so that b is not needed any more: were c held up by b, this would never end.
    with pytest.raises(Exception, match="tolerated_failures"):
        await asyncio.wait_for(graph.ainvoke(GIVEN), 20)
    work = Work(fails="a")
    out = await create_sectioning(planner=planner(a="", b="", c="ab", d="c"), worker=work).ainvoke(GIVEN)
    skipped = {id: branch.error for id, branch in out["branches"].items() if branch.status == "skipped"}
    cause = "unmet need 'A': ValueError: a broke"
    assert skipped == {"c": cause, "d": f"unmet need 'C': {cause}"}
    assert sorted(work.begun) == ["a", "b"]
    assert out["missing"] == ["A", "C", "D"]


async def test_a_person_is_asked_although_a_section_waits_for_the_answer() -> None:
    """What needs a section that interrupts runs after the answer, and what needs that one after it."""
    begun: list[str] = []

    def work(section: Section) -> Any:
        begun.append(section.id)
        return interrupt("sure?") if section.id == "a" else section.earlier

    graph = create_sectioning(
        planner=planner(a="", b="", c="a", d="c"), worker=work, checkpointer=InMemorySaver()
    )
    out = await asyncio.wait_for(graph.ainvoke(GIVEN, CONFIG), 20)
    assert [asked.value for asked in out["__interrupt__"]] == ["sure?"]
    assert sorted(begun) == ["a", "b"]
    out = await asyncio.wait_for(graph.ainvoke(Command(resume="yes"), CONFIG), 20)
    assert out["branches"]["d"].value == {"C": {"A": "yes"}}
    assert sorted(begun) == ["a", "a", "b", "c", "d"]


async def is_stored(graph: Any, id: str) -> None:
    """Wait until the record of a section is in the checkpointer, which is written in the background."""
    while True:
        results = [task.result or {} for task in (await graph.aget_state(CONFIG)).tasks]
        if any(id in (result.get("branches") or {}) for result in results):
            return
        await asyncio.sleep(0)


@pytest.mark.parametrize("died", ["before", "after"])
async def test_a_run_that_died_goes_on_with_what_had_not_ended(died: str) -> None:
    """What waits for a section that had ended finds its result; nothing that had ended is run again."""
    saver, plan = InMemorySaver(), planner(a="", b="", c="a", d="c")
    work = Work(holds="bc" if died == "before" else "b")
    graph = create_sectioning(planner=plan, worker=work, checkpointer=saver)
    running = asyncio.ensure_future(graph.ainvoke(GIVEN, CONFIG))
    await work.has_begun("c" if died == "before" else "d")
    await asyncio.wait_for(is_stored(graph, "a" if died == "before" else "c"), 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    again = Work()
    graph = create_sectioning(planner=plan, worker=again, checkpointer=saver)
    out = await asyncio.wait_for(graph.ainvoke(None, CONFIG), 20)
    assert out["branches"]["d"].value == "d(c(a))"
    assert sorted(again.begun) == (["b", "c", "d"] if died == "before" else ["b", "d"])


async def test_a_run_that_is_stopped_ends_those_that_wait() -> None:
    """They are skipped, with the cause of the section that they need, and a redrive runs them."""
    work = Work(holds="a")
    graph = create_sectioning(planner=planner(a="", c="a", d="c"), worker=work, checkpointer=InMemorySaver())
    running = asyncio.ensure_future(graph.ainvoke(GIVEN, CONFIG))
    await work.has_begun("a")
    drain("enough", grace=0)
    out = await asyncio.wait_for(running, 20)
    assert {id: branch.status for id, branch in out["branches"].items()} == {
        "a": "cancelled",
        "c": "skipped",
        "d": "skipped",
    }
    assert out["branches"]["c"].error == "unmet need 'A': enough"
    work.let_go("a")
    out = await aredrive(graph, CONFIG)
    assert (out["run_report"].branches, out["branches"]["d"].value) == ({"ok": 3}, "d(c(a))")


async def test_a_cancelled_run_leaves_no_section_waiting() -> None:
    """The cancellation reaches sections that wait for others."""
    work = Work(holds="a")
    graph = create_sectioning(planner=planner(a="", c="a"), worker=work)
    running = asyncio.ensure_future(graph.ainvoke(GIVEN))
    await work.has_begun("a")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 20)


async def test_where_langgraph_bounds_the_tasks_sections_go_in_waves() -> None:
    """A section that waits would take the place of one that could work, so that none is sent to wait."""
    work = Work()
    graph = create_sectioning(planner=planner(d="c", c="a", a="", b=""), worker=work)
    bounded: Any = {"max_concurrency": 1}
    out = await asyncio.wait_for(graph.ainvoke(GIVEN, bounded), 20)
    assert (out["branches"]["d"].value, work.begun) == ("d(c(a))", ["a", "b", "c", "d"])


async def test_chunks_hold_what_their_sections_need() -> None:
    """With two at once, what waits is sent with what it needs, or after it."""
    work = Work()
    graph = create_sectioning(
        planner=planner(e="d", d="c", c="a", a="", b=""), worker=work, limits={"max_sections": 2}
    )
    out = await asyncio.wait_for(graph.ainvoke(GIVEN), 20)
    assert (out["branches"]["e"].value, out["run_report"].branches) == ("e(d(c(a)))", {"ok": 5})


async def test_enough_is_enough_for_those_that_wait() -> None:
    """Once two have succeeded, the sections that wait for a third one are not needed."""
    work = Work(holds="a")
    graph = create_sectioning(
        planner=planner(a="", b="", c="", d="a", e="d"), worker=work, completion="min_success(2)"
    )
    out = await asyncio.wait_for(graph.ainvoke(GIVEN), 20)
    assert sorted(work.begun) == ["a", "b", "c"]
    assert {id: branch.status for id, branch in out["branches"].items()} == {
        "a": "cancelled",
        "b": "ok",
        "c": "ok",
        "d": "skipped",
        "e": "skipped",
    }


async def test_a_section_that_waits_counts_as_started_when_it_works() -> None:
    """Its event and its record begin when its need has ended; its time limit does, too."""
    work, seen = Work(holds="a"), []
    plan = planner(a="", c="a")

    def with_limit(content: str) -> list[Section]:
        return [section.model_copy(update={"timeout": 600.0}) for section in plan(content)]

    graph = create_sectioning(planner=with_limit, worker=work)

    def see(event: Any) -> None:
        if event["event"] in ("started", "waiting", "ended"):
            seen.append((event["event"], event["branch"][-1]))

    async def follow() -> None:
        async for event in graph.astream(GIVEN, stream_mode="custom"):
            see(event)

    running = asyncio.ensure_future(follow())
    await work.has_begun("a")
    await asyncio.sleep(0)
    assert seen == [("started", "a"), ("waiting", "c")]
    work.let_go("a")
    await asyncio.wait_for(running, 20)
    assert seen[2:] == [("ended", "a"), ("started", "c"), ("ended", "c")]


async def test_graphs_wait_for_graphs() -> None:
    """A vote that needs another vote gets its verdict, while a third one runs."""
    free = asyncio.Event()

    async def voter(question: str) -> str:
        if "Topic c" in question:
            free.set()
        if "Topic b" in question:
            await free.wait()
        return "yes"

    vote = create_voting(voters={"one": voter, "two": voter})
    graph = create_sectioning(planner=planner(a="", b="", c="a"), worker=vote)
    out = await asyncio.wait_for(graph.ainvoke(GIVEN), 20)
    assert out["run_report"].failures == {}


@st.composite
def plans(draw: st.DrawFn) -> dict[str, str]:
    """Random plans of at most eight sections, whose needs make no circle, in random order."""
    ids = "abcdefgh"[: draw(st.integers(1, 8))]
    needs = {id: "".join(draw(st.sets(st.sampled_from(ids[:i])))) if i else "" for i, id in enumerate(ids)}
    order = draw(st.permutations(list(ids)))
    return {id: needs[id] for id in order}


def below(id: str, needs: Needs) -> set[str]:
    """Return the sections that need a section, directly or through others."""
    direct = {other for other, need in needs.items() if id in need}
    return direct.union(*(below(other, needs) for other in direct))


@given(plans(), st.data())
async def test_only_what_needs_a_section_waits_for_it(needs: dict[str, str], data: st.DataObject) -> None:
    """For any plan: a section ends last, and only after all have begun that do not need it."""
    last = data.draw(st.sampled_from(sorted(needs)))
    others = set(needs) - below(last, needs) - {last}
    if below(last, needs) and any(last in needs[id] for id in others):
        return
    work = Work(holds=last)
    running = asyncio.ensure_future(create_sectioning(planner=planner(**needs), worker=work).ainvoke(GIVEN))
    for id in others:
        await work.has_begun(id)
    await work.has_begun(last)
    work.let_go(last)
    out = await asyncio.wait_for(running, 20)
    assert out["run_report"].branches == {"ok": len(needs)}
    for id, branch in out["branches"].items():
        assert branch.value == id + "".join(f"({out['branches'][need].value})" for need in needs[id])
        assert all(out["branches"][need].ended <= branch.started for need in needs[id])
