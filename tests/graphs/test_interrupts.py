"""Interrupts: a person is asked once, only for what is still needed, and nothing hangs."""

import asyncio
import itertools
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from langgraph_parallel import Section, agents, aredrive, create_sectioning, create_voting
from langgraph_parallel.completion import Completion, min_success

CONFIG: Any = {"configurable": {"thread_id": "1"}}
GIVEN = {"content": "x"}


class App(TypedDict):
    """The state of an app."""

    content: str
    result: str


def plan(content: str) -> list[Section]:
    """Plan three sections."""
    return [Section(id=name, title=name) for name in "abc"]


def fan(asking: str, completion: Completion | None, *, inside: bool = False) -> Any:
    """Build a sectioning whose named sections ask a person; `inside` of an app that has the checkpointer."""

    async def work(section: Section) -> str:
        return str(interrupt(f"{section.id}?")) if section.id in asking else section.id

    if not inside:
        return create_sectioning(
            planner=plan, worker=work, completion=completion, checkpointer=InMemorySaver()
        )
    app = StateGraph(App)
    app.add_node("fan", create_sectioning(planner=plan, worker=work, completion=completion))
    app.add_edge(START, "fan")
    return app.compile(checkpointer=InMemorySaver())


async def until_answered(graph: Any, *, at_once: int) -> tuple[dict[str, Any], list[str]]:
    """Answer all questions, some at a time; return the output, and each answered question."""
    asked: list[str] = []
    out = await asyncio.wait_for(graph.ainvoke(GIVEN, CONFIG), 10)
    while questions := out.get("__interrupt__"):
        replies = {one.id: f"{one.value}!" for one in questions[:at_once]}
        asked += [one.value for one in questions[:at_once]]
        out = await asyncio.wait_for(graph.ainvoke(Command(resume=replies), CONFIG), 10)
    return out, asked


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in an app"])
@pytest.mark.parametrize("at_once", [1, 2, 3])
@pytest.mark.parametrize("asking", ["a", "c", "ab", "bc", "abc"])
async def test_each_person_is_asked_once(asking: str, at_once: int, inside: bool) -> None:
    """Wherever the branches are, and however many replies come at a time."""
    out, asked = await until_answered(fan(asking, None, inside=inside), at_once=at_once)
    assert sorted(asked) == [f"{name}?" for name in asking]
    for name in "abc":
        assert (f"{name}?!" if name in asking else name) in out["result"]


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in an app"])
@pytest.mark.parametrize(
    ("asking", "least"),
    [(s, n) for n in (1, 2, 3) for k in (1, 2, 3) for s in map("".join, itertools.combinations("abc", k))],
)
async def test_nobody_is_asked_for_a_branch_that_is_not_needed(asking: str, least: int, inside: bool) -> None:
    """Once enough sections have succeeded, with or without a person, the others end."""
    out, asked = await until_answered(fan(asking, min_success(least), inside=inside), at_once=1)
    assert len(asked) == max(0, least - (3 - len(asking)))
    assert "!" in out["result"] if asked else "!" not in out["result"]


async def test_nobody_is_asked_once_the_vote_is_settled() -> None:
    """Two of three voters agree before the third one has an answer."""
    voters: Any = {"asks": lambda question: interrupt("you?"), "b": lambda q: "yes", "c": lambda q: "yes"}
    graph = create_voting(voters=voters, wave="all", checkpointer=InMemorySaver())
    out = await asyncio.wait_for(graph.ainvoke({"question": "so?"}, CONFIG), 10)
    assert (out["verdict"].choice, out["branches"]["asks"].ended_by) == ("yes", "stop")
    voters["c"] = lambda q: "no"
    graph = create_voting(voters=voters, wave="all", checkpointer=InMemorySaver())
    assert [one.value for one in (await graph.ainvoke({"question": "so?"}, CONFIG))["__interrupt__"]] == [
        "you?"
    ]
    out = await asyncio.wait_for(graph.ainvoke(Command(resume="no"), CONFIG), 10)
    assert (out["verdict"].choice, str(out["verdict"].support)) == ("no", "2/3")


async def test_an_undecided_vote_is_no_success_yet() -> None:
    """It is asked about only where the other sections are not enough."""
    vote = create_voting(
        voters={"a": lambda q: "yes", "b": lambda q: "no" if "a" in q else "yes"},
        rule="unanimous",
        on_undecided="escalate",
    )

    def sections(content: str) -> list[Section]:
        return [Section(id=name, title=name, content=name) for name in "abc"]

    for least, is_asked in ((2, False), (3, True)):
        graph = create_sectioning(
            planner=sections, worker=vote, completion=min_success(least), checkpointer=InMemorySaver()
        )
        out = await graph.ainvoke(GIVEN, CONFIG)
        assert ("__interrupt__" in out) is is_asked


async def test_one_after_another_nothing_waits_for_a_branch_that_has_not_started() -> None:
    """LangGraph's `max_concurrency` starts the next branch only once one has ended."""
    graph = fan("abc", None)
    config: Any = {**CONFIG, "max_concurrency": 1}
    out = await asyncio.wait_for(graph.ainvoke(GIVEN, config), 10)
    assert len(out["__interrupt__"]) >= 1


class Handing(TypedDict):
    """The state of an agent that hands over."""

    question: str


def handing() -> Any:
    """Build a graph that hands over to another agent of its parent."""

    def hand_over(state: Handing) -> Command[Any]:
        return Command(goto="billing", graph=Command.PARENT, update={"question": "now yours"})

    builder = StateGraph(Handing)
    builder.add_node("hand_over", hand_over)
    builder.add_edge(START, "hand_over")
    return builder.compile()


async def test_a_handoff_is_a_failed_branch() -> None:
    """The voter is called once, counts as asked and failed, and says where it wanted to go."""
    voters: Any = {"a": handing(), "b": lambda q: "yes", "c": lambda q: Command(goto="billing")}
    out = await create_voting(voters=voters, stop="all_votes").ainvoke({"question": "so?"})
    verdict = out["verdict"]
    assert (verdict.asked, verdict.failed, verdict.choice) == (3, 2, "yes")
    assert {out["branches"][name].cause for name in "ac"} == {"handoff"}
    assert "hands over to 'billing'" in out["branches"]["a"].error


async def test_a_handoff_can_be_received() -> None:
    """An adapter makes an answer of it."""
    received = agents.adapt(handing(), input=lambda q: {"question": q}, handoff=lambda command: command.goto)
    out = await create_voting(voters={"a": received}).ainvoke({"question": "so?"})
    assert out["verdict"].choice == "billing"


async def test_a_redrive_may_ask_several_persons() -> None:
    """A branch that asks again does not wait for the siblings that had ended before the reply."""
    down = True

    async def work(section: Section) -> str:
        if down:
            raise ConnectionError("down")
        return section.id if section.id == "c" else f"{interrupt('first?')}, {interrupt('second?')}"

    graph = create_sectioning(planner=plan, worker=work, checkpointer=InMemorySaver())
    await graph.ainvoke(GIVEN, CONFIG)
    down = False
    out: Any = await asyncio.wait_for(aredrive(graph, CONFIG), 10)
    asked = []
    while questions := out.get("__interrupt__"):
        asked.append(questions[0].value)
        out = await asyncio.wait_for(graph.ainvoke(Command(resume={questions[0].id: "yes"}), CONFIG), 10)
    assert (sorted(asked), out["missing"]) == (["first?", "first?", "second?", "second?"], [])
