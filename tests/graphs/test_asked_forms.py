"""The form of what several branches ask: who asks, in which order, and what has been answered."""

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from langgraph_parallel import Section, agents, create_sectioning, create_voting, errors, events
from langgraph_parallel.records.events import Interrupted

CONFIG: Any = {"configurable": {"thread_id": "1"}}
GIVEN = {"content": "x"}
SEND: Any = {
    "action_requests": [{"name": "send", "args": {}, "description": "Send it?"}],
    "review_configs": [{"action_name": "send", "allowed_decisions": ["approve", "reject"]}],
}
APPROVE = {"type": "approve"}


class App(TypedDict, total=False):
    """The state of an app."""

    content: str
    result: str


def plan(names: str, worker: str = "") -> Any:
    """Return a planner of sections with these names."""
    return lambda content: [Section(id=n, title=n, content=n, worker=worker or n) for n in names]


def asking(section: Any) -> str:
    """Ask for a text."""
    return f"{section.title}: {interrupt(f'what of {section.title}?')}"


def sending(section: Any) -> str:
    """Ask whether to send, in the form of agents."""
    return str(interrupt(SEND)["decisions"][0]["type"])


def two_levels(**options: Any) -> Any:
    """Return a graph with questions and forms at two levels, planned in an order that no sort gives."""
    inner = create_sectioning(planner=plan("yx", "ask"), worker={"ask": asking})
    workers: Any = {"c": asking, "a": inner, "b": sending}
    return create_sectioning(planner=plan("cab"), worker=workers, **options)


@pytest.mark.parametrize("inside", [False, True], ids=["root", "in an app"])
async def test_each_request_says_who_asks_in_the_order_of_the_plan(inside: bool) -> None:
    """With the branches from the outermost in, and the id to answer it by."""
    graph = two_levels(checkpointer=None if inside else InMemorySaver())
    if inside:
        app = StateGraph(App)
        app.add_node("graph", graph)
        app.add_edge(START, "graph")
        graph = app.compile(checkpointer=InMemorySaver())
    waiting = (await graph.ainvoke(GIVEN, CONFIG))["__interrupt__"]
    for listed in (waiting, waiting[::-1], (await graph.aget_state(CONFIG)).interrupts):
        form = agents.one_form(listed)
        assert [request["description"] for request in form["action_requests"]] == [
            "sectioning[c] asks:\n\nwhat of c?",
            "sectioning[a] > sectioning[y] asks:\n\nwhat of y?",
            "sectioning[a] > sectioning[x] asks:\n\nwhat of x?",
            "sectioning[b] asks:\n\nSend it?",
        ]
    ids = [request["interrupt_id"] for request in form["action_requests"]]
    assert sorted(ids) == sorted(one.id for one in waiting)
    answers = dict.fromkeys(ids[:3], "so") | {ids[3]: {"decisions": [APPROVE]}}
    out = await graph.ainvoke(Command(resume=answers), CONFIG)
    assert all(text in out["result"] for text in ("c: so", "y: so", "x: so", "approve"))


async def test_what_branches_ask_keeps_its_value() -> None:
    """The value of a worker is its own; only a form has one more key."""
    graph = two_levels(checkpointer=InMemorySaver())
    values = [one.value for one in (await graph.ainvoke(GIVEN, CONFIG))["__interrupt__"]]
    assert sorted(value for value in values if isinstance(value, str)) == [f"what of {n}?" for n in "cxy"]
    [form] = [value for value in values if isinstance(value, dict)]
    assert {key: form[key] for key in SEND} == SEND


async def test_some_requests_are_answered_and_the_others_wait() -> None:
    """Those that are passed to the form; their answers are never given to others."""
    graph = two_levels(checkpointer=InMemorySaver())
    waiting: Any = (await graph.ainvoke(GIVEN, CONFIG))["__interrupt__"]
    some = [one for one in waiting if one.value != "what of x?" and isinstance(one.value, str)]
    said = [{"type": "respond", "message": text} for text in ("for c", "for y")]
    rest: Any = (await graph.ainvoke(agents.reply(some, said), CONFIG))["__interrupt__"]
    assert {one.id for one in rest} == {one.id for one in waiting} - {one.id for one in some}
    out = await graph.ainvoke(agents.reply(rest, [{"type": "respond", "message": "for x"}, APPROVE]), CONFIG)
    assert all(f"{name}: for {name}" in out["result"] for name in "cxy")


async def test_an_id_that_does_not_wait_is_one_error_whatever_else_waits() -> None:
    """It says that it may have been answered, and what waits; no other answer of the command is used."""
    graph = two_levels(checkpointer=InMemorySaver())
    waiting: Any = (await graph.ainvoke(GIVEN, CONFIG))["__interrupt__"]
    while waiting:
        first, others = waiting[0], waiting[1:]
        good = {"decisions": [APPROVE]} if isinstance(first.value, dict) else "so"
        out = await graph.ainvoke(Command(resume={first.id: good}), CONFIG)
        waiting = out.get("__interrupt__", ())
        assert {one.id for one in waiting} == {one.id for one in others}
        known = "can be answered" if others else "nothing waits"
        stale = {first.id: good} | {one.id: "unused" for one in others[:1]}
        message = f"^no request {first.id} waits; it may have been answered; .*{known}"
        with pytest.raises(errors.InputError, match=message):
            await graph.ainvoke(Command(resume=stale), CONFIG)
        still = (await graph.aget_state(CONFIG)).interrupts
        assert {one.id for one in still} == {one.id for one in others}


async def test_an_answer_that_is_a_mapping_is_no_id() -> None:
    """A worker gets it as it is."""
    worker: Any = {"a": lambda section: str(interrupt("what?"))}
    graph = create_sectioning(planner=plan("a"), worker=worker, checkpointer=InMemorySaver())
    await graph.ainvoke(GIVEN, CONFIG)
    out = await graph.ainvoke(Command(resume={"a": 1}), CONFIG)
    assert "{'a': 1}" in out["result"]


async def test_what_events_end_with_is_answered() -> None:
    """The interrupts of the last event are those that `reply` takes."""
    graph = two_levels(checkpointer=InMemorySaver())
    *_, last = [event async for event in events(graph, GIVEN, CONFIG)]
    assert isinstance(last, Interrupted)
    answers = [
        APPROVE if request["name"] == "send" else {"type": "respond", "message": "so"}
        for request in agents.one_form(last.interrupts)["action_requests"]
    ]
    *_, last = [event async for event in events(graph, agents.reply(last.interrupts, answers), CONFIG)]
    assert last.event == "output"


@pytest.mark.parametrize(
    ("decision", "head"),
    [
        (APPROVE, "**red** (2/3, decided by a person)"),
        (
            {"type": "reject", "message": "later"},
            "**The vote is undecided.**\n\n"
            "**no choice** (0/3, below threshold, by unanimous; a person left it undecided)",
        ),
    ],
)
async def test_a_chat_is_told_that_a_person_decided(decision: Any, head: str) -> None:
    """Or left it undecided: the support alone reads as if the rule had decided."""
    voters: Any = {"ann": lambda q: "red", "ben": lambda q: "red", "cem": lambda q: "blue"}
    vote = create_voting(
        voters=voters, rule="unanimous", on_undecided="escalate", checkpointer=InMemorySaver()
    )
    out: Any = await vote.ainvoke({"messages": "Which colour?"}, CONFIG)
    out = await vote.ainvoke(agents.reply(out["__interrupt__"], [decision]), CONFIG)
    assert out["messages"][-1].content.startswith(head)


async def test_a_synthesizer_that_asks_refuses_an_answer_in_the_same_words() -> None:
    """A question outside of branches, with a schema: one line, and it can be given again."""

    def join(results: Any) -> str:
        return str(interrupt("how many?", response_schema=int))

    graph = create_sectioning(
        planner=plan("a"), worker=lambda s: "done", synthesizer=join, checkpointer=InMemorySaver()
    )
    await graph.ainvoke(GIVEN, CONFIG)
    with pytest.raises(errors.InputError, match=r"'many', does not fit .*it was not used, so another"):
        await graph.ainvoke(Command(resume="many"), CONFIG)
    assert (await graph.ainvoke(Command(resume=3), CONFIG))["result"] == "3"
