"""What chat UIs are shown of a run: a message that the answer replaces, and UI messages below it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.ui import ui_message_reducer
from langgraph.types import Command

from langgraph_parallel import create_voting
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.recorded.watched import WatchState
from langgraph_parallel.runtime.chat_progress import COMPONENT, picture
from tests.graphs.test_messages import CASES, NO, Case

MODES = ["values", "custom"]


class Voters:
    """Two voters, of which the second one waits until the first picture with both was written."""

    def __init__(self, first: str = "yes", second: str = "yes") -> None:
        self._answers = first, second
        self.seen = asyncio.Event()
        self.questions: list[str] = []

    async def quick(self, question: str) -> str:
        """Vote at once."""
        self.questions.append(question)
        return self._answers[0]

    async def slow(self, question: str) -> str:
        """Vote once somebody has seen who votes."""
        await self.seen.wait()
        return self._answers[1]

    def graph(self, **options: Any) -> Any:
        """Return a vote of both."""
        given: dict[str, Any] = {"chat_progress": True, "checkpointer": InMemorySaver(), **options}
        voters = {"quick": self.quick, "slow": self.slow}
        return create_voting(voters=voters, choices=["yes", "no"], stop="all_votes", **given)

    async def stream(self, graph: Any, given: Any, thread: str = "1") -> AsyncIterator[tuple[str, Any]]:
        """Yield chunks; what waits goes on once both voters are in a picture."""
        config: Any = {"configurable": {"thread_id": thread}}
        async for mode, chunk in graph.astream(given, config, stream_mode=MODES):
            if is_picture(chunk) and {"ok", ""} <= {one["status"] for one in chunk["props"]["branches"]}:
                self.seen.set()
            yield mode, chunk


def is_picture(chunk: Any) -> bool:
    """Whether a chunk of the stream is a UI message."""
    return bool(chunk.get("type") == "ui")


def asked(text: str) -> dict[str, Any]:
    """Return a question as the input."""
    return {"messages": [HumanMessage(text, id=text)]}


async def test_a_ui_message_stands_below_a_message_that_the_answer_replaces() -> None:
    """LangGraph's reducer keeps one of it; the state has its message before the last branch has ended."""
    voters = Voters()
    graph, states, pictures = voters.graph(), [], []
    async for mode, chunk in voters.stream(graph, asked("prime?")):
        if mode == "values":
            states.append([message.text for message in chunk["messages"]])
        elif is_picture(chunk):
            pictures.append(chunk)
            anchor = chunk["metadata"]["message_id"]
            if voters.seen.is_set():
                state = await graph.aget_state({"configurable": {"thread_id": "1"}})
                assert state.values["messages"][-1].id == anchor
    assert states[1] == ["prime?", "No answer yet."]
    assert states[-1][1].startswith("**yes** (2/2")
    assert len(states[-1]) == 2
    shown: Any = []
    for one in pictures:
        shown = ui_message_reducer(shown, json.loads(json.dumps(one)))
    assert len(shown) == 1
    assert shown[0]["name"] == COMPONENT
    both = next(one["props"] for one in pictures if len(one["props"]["branches"]) == 2)
    assert [branch["name"] for branch in both["branches"]] == ["vote[voting#quick]", "vote[voting#slow]"]


async def test_a_picture_comes_again_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A UI that was given a state in between, and so has forgotten it, shows it again."""
    monkeypatch.setattr("langgraph_parallel.runtime.chat_progress._BEAT", 0.01)
    monkeypatch.setattr("langgraph_parallel.runtime.chat_progress._PAUSE", 0.0)
    voters = Voters()
    seen: list[Any] = []
    config: Any = {"configurable": {"thread_id": "1"}}
    async for _, chunk in voters.graph().astream(asked("prime?"), config, stream_mode=MODES):
        if is_picture(chunk):
            seen.append({**chunk["props"], "share": 0})
            if len(seen) > 3 and seen[-1] == seen[-2] == seen[-3]:
                voters.seen.set()
    assert voters.seen.is_set()


async def test_each_question_of_a_thread_has_its_own() -> None:
    """Messages of earlier questions stay, and none of the messages in between does."""
    voters = Voters()
    graph = voters.graph()
    for text in ("first?", "second?"):
        voters.seen.clear()
        shown = [chunk async for _, chunk in voters.stream(graph, asked(text)) if is_picture(chunk)]
        assert shown
    state = await graph.aget_state({"configurable": {"thread_id": "1"}})
    assert [message.type for message in state.values["messages"]] == ["human", "ai", "human", "ai"]
    assert all("No answer yet" not in question for question in voters.questions)


async def test_what_a_cancelled_run_leaves_is_not_read_and_taken_away() -> None:
    """The message of a run that did not end says that there is no answer, until the next question."""
    voters = Voters()
    graph = voters.graph()
    async for _, chunk in voters.stream(graph, asked("first?")):
        if is_picture(chunk) and chunk["props"]["branches"]:
            break
    config: Any = {"configurable": {"thread_id": "1"}}
    left = (await graph.aget_state(config)).values["messages"]
    assert [message.text for message in left] == ["first?", "No answer yet."]
    voters.seen.set()
    [chunk async for chunk in voters.stream(graph, asked("second?"))]
    messages = (await graph.aget_state(config)).values["messages"]
    assert [message.type for message in messages] == ["human", "human", "ai"]
    assert "No answer yet" not in voters.questions[-1]


async def test_the_message_of_a_person_who_is_asked_takes_its_place() -> None:
    """An undecided vote has one message while it waits, and one once it is decided."""
    voters = Voters("yes", "no")
    graph = voters.graph(on_undecided="escalate")
    [chunk async for chunk in voters.stream(graph, asked("first?"))]
    config: Any = {"configurable": {"thread_id": "1"}}
    waiting = (await graph.aget_state(config)).values["messages"]
    assert len(waiting) == 2
    assert waiting[1].text.startswith("**The vote is undecided**: a person is asked.")
    out = await graph.ainvoke(Command(resume={"decisions": [NO]}), config)
    assert [message.type for message in out["messages"]] == ["human", "ai"]
    assert out["messages"][1].text.startswith("**no**")


async def test_nothing_is_added_where_nobody_could_show_it() -> None:
    """Not without a stream of its own, not without a conversation, not in a graph around, not by default."""
    voters = Voters()
    voters.seen.set()
    config: Any = {"configurable": {"thread_id": "1"}}
    graph = voters.graph()
    modes = [chunk["messages"] async for chunk in graph.astream(asked("a?"), config, stream_mode="values")]
    own = [chunk async for _, chunk in voters.stream(graph, {"question": "b?"}, "2")]
    builder = StateGraph(MessagesState)
    builder.add_node("vote", graph)
    builder.add_edge(START, "vote")
    around = [chunk async for _, chunk in voters.stream(builder.compile(), asked("c?"), "3")]
    off = [chunk async for _, chunk in voters.stream(voters.graph(chat_progress=None), asked("d?"), "4")]
    assert [len(messages) for messages in modes] == [1, 1, 1, 2]
    for chunks in (own, around, off):
        assert not any(map(is_picture, chunks))


async def test_the_environment_switches_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the graphs that a server loads; a graph that says no is not asked."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CHAT_PROGRESS", "true")
    voters = Voters()
    shown = [chunk async for _, chunk in voters.stream(voters.graph(chat_progress=None), asked("a?"))]
    assert any(map(is_picture, shown))
    none = [chunk async for _, chunk in voters.stream(voters.graph(chat_progress=False), asked("a?"))]
    assert not any(map(is_picture, none))


def test_a_wrong_value_is_refused() -> None:
    """When the graph is built, by name."""
    with pytest.raises(UsageError, match="chat_progress is 'yes'; expected bool or None"):
        create_voting(choices=["yes", "no"], chat_progress="yes")  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_every_graph_that_takes_a_conversation_shows_what_it_does(case: Case) -> None:
    """Its message is there before its branches have ended, and its answer alone is left."""
    graph = case.build(chat_progress=True)
    states = []
    async for mode, chunk in graph.astream(case.given(), stream_mode=MODES):
        if mode == "values":
            states.append([message.text for message in chunk["messages"]])
    assert states[1][1] == "No answer yet."
    assert len(states[-1]) == 2
    assert case.says in states[-1][1]


def test_a_picture_is_bounded() -> None:
    """Of 5,000 branches those that go on are shown first, then the last that have ended."""
    state = WatchState()
    for n in range(5_000):
        place = {"branch": [str(n)], "at": float(n), "kind": "section", "name": f"section {n}"}
        state.add({"event": "started", **place})
        if n >= 10:
            end = {"leaves": {}, "status": "failed", "cause": "it broke"}
            state.add({"event": "ended", **place, **end})
    shown = picture(state)
    names = [branch["name"] for branch in shown["branches"]]
    assert names == [f"section {n}" for n in (*range(10), *range(4_970, 5_000))]
    assert [branch["status"] for branch in shown["branches"][8:12]] == ["", "", "failed", "failed"]
    assert shown["ended"] == {"failed": 4_990}
    assert len(shown["failures"]) == 5
    assert len(json.dumps(shown)) < 10_000


def test_voters_are_one_row_with_the_branch_around_them_also_once_they_have_ended() -> None:
    """So the rows of what goes on and of what has ended are of one kind."""
    state = WatchState()
    item = {"at": 1.0, "kind": "section", "name": "item", "branch": ["item"]}
    state.add({"event": "started", **item})
    for voter in ("a", "b"):
        one = {"at": 2.0, "kind": "voter", "name": f"vote[{voter}]", "branch": ["item", voter]}
        state.add({"event": "started", **one})
        state.add({"event": "ended", **one, "leaves": {}, "status": "ok"})
    assert [branch["name"] for branch in picture(state)["branches"]] == ["item"]
    state.add({"event": "ended", **item, "leaves": {"ok": 2}, "status": "ok"})
    shown = picture(state)
    assert [(branch["name"], branch["status"]) for branch in shown["branches"]] == [("item", "ok")]
    assert shown["ended"] == {"ok": 2}
