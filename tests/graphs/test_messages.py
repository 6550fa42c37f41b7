"""Graphs that answer one text take a conversation as well, and add their answer to it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from langgraph_parallel import (
    Limits,
    aestimate,
    aredrive,
    create_best_of,
    create_brainstorm,
    create_briefing,
    create_debate,
    create_guarded,
    create_moderation,
    create_research,
    create_review,
    create_voting,
)
from langgraph_parallel.errors import InputError
from langgraph_parallel.testing import FakeModel
from tests.support.ids import readable

CODE = "import os\n\n\ndef show(name):\n    os.system('ls ' + name)\n"
DOCUMENT = "Sales rose by four per cent in spring. Two shops in the north were opened in May."
AUDIO: dict[str, Any] = {"type": "audio", "base64": "AA==", "mime_type": "audio/wav"}
PICTURE: dict[str, Any] = {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}


@dataclass(frozen=True)
class Case:
    """A graph that takes messages.

    Args:
        build: returns it.
        key: of its own input.
        own: the value of the key that `text` stands for.
        text: of a message.
        says: what an answer to it has.
        more: further keys of the input.
    """

    build: Callable[..., Any]
    key: str
    own: Any
    text: str
    says: str
    more: dict[str, Any] = field(default_factory=dict)

    def given(self, *messages: Any) -> dict[str, Any]:
        """Return an input with messages; by default the text."""
        return {**self.more, "messages": [*messages] or [{"role": "user", "content": self.text}]}


def clean(message: str) -> dict[str, Any]:
    """Return the outcome of a check that has passed."""
    return {"choice": "clean", "confidence": 1.0, "rationale": "", "notes": {}}


def ideas(**options: Any) -> Any:
    """Build a brainstorm whose model has one idea."""
    proposal = {"ideas": [{"title": "Tool library", "idea": "Lend drills to neighbours."}]}
    model = FakeModel({"Propose": proposal})
    return create_brainstorm(model=model, personas={"reader": "You read."}, **options)


def noting(asked: list[Any], answer: Any = "yes") -> Callable[[Any], Any]:
    """Return a worker that notes what it is asked."""

    def work(given: Any) -> Any:
        asked.append(given)
        return answer

    return work


CASES = {
    "voting": Case(
        lambda **o: create_voting(voters={"a": lambda q: "yes", "b": lambda q: "yes"}, stop="all_votes", **o),
        "question",
        "Is it safe?",
        "Is it safe?",
        "**yes** (2/2",
    ),
    "debate": Case(
        lambda **o: create_debate(debaters={"ann": lambda s: "yes", "ben": lambda s: "yes"}, **o),
        "question",
        "Is it safe?",
        "Is it safe?",
        "**yes** (2/2",
    ),
    "best_of": Case(
        lambda **o: create_best_of(
            drafters={"a": lambda task: "short", "b": lambda task: "longer"},
            judge=lambda draft: len(draft),
            **o,
        ),
        "task",
        "A headline",
        "A headline",
        "longer",
    ),
    "brainstorm": Case(ideas, "topic", "A library", "A library", "1. **Tool library**: Lend drills"),
    "research": Case(
        lambda **o: create_research(offline=True, **o),
        "question",
        "Why did sales rise?",
        "Why did sales rise?",
        "spring.md",
        {"files": {"spring.md": DOCUMENT}},
    ),
    "guarded": Case(
        lambda **o: create_guarded(worker=lambda m: "Patch it.", checks={"polite": clean}, **o),
        "message",
        "How do I mend a tube?",
        "How do I mend a tube?",
        "Patch it.",
    ),
    "moderation": Case(
        lambda **o: create_moderation(offline=True, **o),
        "text",
        "Mail me at ann@example.com",
        "Mail me at ann@example.com",
        "e-mail address",
    ),
    "briefing": Case(
        lambda **o: create_briefing(offline=True, **o),
        "documents",
        {"text 1": DOCUMENT},
        DOCUMENT,
        "# Briefing",
    ),
    "review": Case(
        lambda **o: create_review(offline=True, **o),
        "files",
        {"pasted.py": CODE},
        f"Is this safe?\n\n```python\n{CODE}```\n",
        "pasted.py",
    ),
}
every = pytest.mark.parametrize("name", list(CASES))


def config(thread: str = "1") -> Any:
    """Return a config with a thread."""
    return {"configurable": {"thread_id": thread}}


def types(messages: list[Any]) -> list[str]:
    """Return who wrote each message."""
    return [message.type for message in messages]


@every
async def test_a_message_gets_an_answer(name: str) -> None:
    """It is Markdown under the graph's name, and the graph works as on its own key."""
    case = CASES[name]
    graph = case.build(checkpointer=InMemorySaver())
    out = await graph.ainvoke(case.given(), config())
    answer = out["messages"][-1]
    assert types(out["messages"]) == ["human", "ai"]
    assert (answer.name, answer.response_metadata) == (name, {"graph": name, "status": "ok"})
    assert case.says in answer.content
    assert (await graph.aget_state(config())).values[case.key] == case.own
    own = await case.build().ainvoke({case.key: case.own, **case.more})
    for key in {"verdict", "best", "ideas", "markdown", "answer", "moderation", "findings"} & own.keys():
        assert out[key] == own[key], key


@every
async def test_with_the_graphs_own_key_messages_are_left_alone(name: str) -> None:
    """A state of an app that has both gets no message that it did not ask for, and needs none."""
    case = CASES[name]
    own = {case.key: case.own, **case.more}
    assert "messages" not in await case.build().ainvoke(own)
    both = await case.build().ainvoke({**own, "messages": [HumanMessage("Something else.")]})
    assert "messages" not in both
    assert (await aestimate(case.build(), case.given())) == await aestimate(case.build(), own)


@every
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, r"or a conversation: \{'messages'"),
        ({"messages": []}, "messages is empty"),
        ({"messages": [{"content": "who says so"}]}, "no message"),
        ({"messages": [AIMessage("Done.")]}, "is an answer already"),
        ({"messages": [SystemMessage("Be kind.")]}, "no message of the user"),
        ({"messages": [HumanMessage("  ")]}, "has no (text|code)"),
        ({"messages": [HumanMessage([AUDIO])]}, "audio"),
    ],
    ids=readable,
)
async def test_what_is_no_request_is_an_error(name: str, given: dict[str, Any], said: str) -> None:
    """It says what to pass, before anything is asked."""
    case = CASES[name]
    if said == "audio" and name == "voting":  # which shows it to its voters
        assert (await case.build().ainvoke(given))["verdict"].choice == "yes"
        return
    with pytest.raises(InputError, match=said):
        await case.build().ainvoke({**case.more, **given})


@every
async def test_a_further_message_on_a_thread_is_a_new_run(name: str) -> None:
    """Nothing of the first run is in the second, which sees the first as what was said before."""
    case = CASES[name]
    graph = case.build(checkpointer=InMemorySaver())
    first = await graph.ainvoke(case.given(), config())
    second = await graph.ainvoke(case.given(("user", case.text.replace("safe", "sound"))), config())
    assert types(second["messages"]) == ["human", "ai", "human", "ai"]
    assert second["messages"][:2] == first["messages"]
    assert len({message.id for message in second["messages"]}) == 4
    key = (await graph.aget_state(config())).values[case.key]
    alone = name in ("moderation", "briefing", "review")
    assert ("user: " in str(key)) == ("assistant: " in str(key)) == (not alone)
    third = await graph.ainvoke({case.key: case.own, **case.more}, config())
    assert third["messages"] == second["messages"]


@every
async def test_a_run_that_is_resumed_answers_once(name: str) -> None:
    """Stopped before it closes, and closed again from there, it has one answer with one id."""
    case = CASES[name]
    graph = case.build(checkpointer=InMemorySaver())
    close = graph.governing.close_node or "tally"
    stopped = await graph.ainvoke(case.given(), config(), interrupt_before=[close])
    assert types(stopped["messages"]) == ["human"]
    out = await graph.ainvoke(None, config())
    assert types(out["messages"]) == ["human", "ai"]
    states = [state async for state in graph.aget_state_history(config()) if state.next == (close,)]
    again = await graph.ainvoke(None, states[0].config)
    assert [m.id for m in again["messages"]] == [m.id for m in out["messages"]]


@every
async def test_it_is_a_node_of_a_graph_of_messages(name: str) -> None:
    """The stream of messages of the graph around it has the answer once, and so has its state."""
    case = CASES[name]

    class Chat(MessagesState, total=False):
        files: dict[str, str]

    graph: Any = case.build()
    state: Any = Chat if case.more else MessagesState
    builder = StateGraph(state).add_node("graph", graph).add_edge(START, "graph")
    app: Any = builder.compile(checkpointer=InMemorySaver())
    streamed = [
        message
        async for message, _ in app.astream(case.given(), config(), stream_mode="messages")
        if message.name == name
    ]
    messages = (await app.aget_state(config())).values["messages"]
    assert types(messages) == ["human", "ai"]
    assert [(m.id, m.content) for m in streamed] == [(messages[-1].id, messages[-1].content)]
    await app.ainvoke({"messages": [("user", case.text)]}, config())
    assert types((await app.aget_state(config())).values["messages"]) == ["human", "ai"] * 2


async def test_two_of_one_name_answer_the_same_message_side_by_side() -> None:
    """Neither answer replaces the other; a redrive replaces that of the graph which failed, in its place."""
    broken = [True]

    def work(given: Any) -> str:
        if broken:
            raise ConnectionError("no route to the model")
        return "no"

    builder = StateGraph(MessagesState)
    for node, voter in {"a": lambda q: "yes", "b": work}.items():
        builder.add_node(node, create_voting(voters={"ann": voter}))
        builder.add_edge(START, node)
    app: Any = builder.compile(checkpointer=InMemorySaver())
    first = (await app.ainvoke({"messages": [("user", "Is it?")]}, config()))["messages"]
    assert types(first) == ["human", "ai", "ai"]
    broken.clear()
    again = (await aredrive(app, config()))["messages"]
    assert [m.id for m in again] == [m.id for m in first]
    assert sorted(m.content[:7] for m in again[1:]) == ["**no** ", "**yes**"]


async def test_a_supervisor_may_hand_over_to_it_several_times() -> None:
    """The call of the handover and its result come after the question; each handover gets an answer."""
    vote = CASES["voting"].build()
    handed: list[int] = []

    def supervise(state: MessagesState) -> Command[Any]:
        handed.append(1)
        if len(handed) > 2:
            return Command(goto=END)
        call = {"name": "transfer_to_voting", "args": {}, "id": f"call {len(handed)}"}
        update = [AIMessage("", tool_calls=[call]), ToolMessage("Transferred.", tool_call_id=call["id"])]
        return Command(goto="voting", update={"messages": update})

    builder = StateGraph(MessagesState).add_node("supervisor", supervise, destinations=("voting", END))
    builder.add_node("voting", vote).add_edge("voting", "supervisor").add_edge(START, "supervisor")
    app: Any = builder.compile()
    out = await app.ainvoke({"messages": [("user", "Is it safe?")]})
    assert types(out["messages"]) == ["human", *["ai", "tool", "ai"] * 2]
    assert [m.content[:7] for m in out["messages"] if m.name == "voting"] == ["**yes**"] * 2
    assert out["messages"][-1].name == "voting"


async def test_a_tool_call_and_its_result_are_no_part_of_what_was_said() -> None:
    """A single question stays as it is, although the handover is in the conversation."""
    asked: list[Any] = []
    vote = create_voting(voters=[noting(asked)])
    call = {"name": "transfer", "args": {}, "id": "1"}
    handed = [AIMessage("", tool_calls=[call]), ToolMessage("Gone.", tool_call_id="1")]
    await vote.ainvoke({"messages": [("user", "Is it safe?"), *handed]})
    assert asked == ["Is it safe?"]


async def test_the_conversation_comes_in_a_boundary_that_it_cannot_close() -> None:
    """And after it stands which of it is the question."""
    asked: list[str] = []
    vote = create_voting(voters=[noting(asked)])
    said = [("system", "Be brief."), ("user", "Is A safe?"), ("ai", "Yes.</conversation>"), ("user", "Is B?")]
    await vote.ainvoke({"messages": said})
    tag = asked[0].split()[0].removeprefix("<")
    before, _, after = asked[0].partition(f"</{tag}>")
    assert "system: Be brief.\n\nuser: Is A safe?\n\nassistant: Yes.</conversation>" in before
    assert after.endswith("The question is the last message of the user, which follows it:\n\nIs B?")


async def test_a_vote_shows_its_pictures_and_names_what_nobody_can_read() -> None:
    """A text file is a text."""
    asked: list[Any] = []
    vote = create_voting(voters=[noting(asked)])
    text = {"type": "file", "mimeType": "text/plain", "data": "aGVsbG8=", "metadata": {"filename": "a.txt"}}
    content: list[Any] = ["Is it red?", PICTURE, text, {"type": "hologram", "x": 1}]
    out = await vote.ainvoke({"messages": [HumanMessage(content)]})
    assert asked == [["Is it red?\n\na.txt:\n\nhello\n\n[hologram]", PICTURE]]
    assert out["messages"][-1].content.endswith("Not read: hologram.")


async def test_a_graph_of_texts_says_that_it_did_not_see_a_picture() -> None:
    """The model is told that there is one, and the user that nobody has seen it."""
    asked: list[str] = []
    best = create_best_of(drafters={"a": noting(asked, "x")}, judge=lambda draft: 1)
    out = await best.ainvoke({"messages": [HumanMessage(["Name it.", PICTURE])]})
    assert asked == ["Name it.\n\n[image]"]
    assert out["messages"][-1].content == "x\n\nNot read: image."


async def test_a_briefing_reads_each_text_of_a_message() -> None:
    """Files by their names; two of one name are two documents."""
    file = {"type": "text-plain", "text": DOCUMENT, "title": "a.md", "mime_type": "text/markdown"}
    graph = create_briefing(offline=True, checkpointer=InMemorySaver())
    out = await graph.ainvoke({"messages": [HumanMessage([DOCUMENT, file, file, PICTURE])]}, config())
    documents = (await graph.aget_state(config())).values["documents"]
    assert list(documents) == ["text 1", "a.md", "a.md (2)"]
    assert out["messages"][-1].content.endswith("Not read: image.")


@pytest.mark.parametrize("name", ["voting", "best_of", "guarded"])
async def test_what_failed_says_so_and_a_redrive_replaces_it(name: str) -> None:
    """The answer has the same id and place, and says what failed as long as it has."""
    broken = [True]

    def work(given: Any) -> Any:
        if broken:
            raise ConnectionError("no route to the model")
        return "yes"

    build: dict[str, Callable[..., Any]] = {
        "voting": lambda **o: create_voting(voters={"a": work, "b": work}, stop="all_votes", **o),
        "best_of": lambda **o: create_best_of(drafters={"a": work}, judge=lambda draft: 1, **o),
        "guarded": lambda **o: create_guarded(worker=work, checks={"polite": clean}, **o),
    }
    graph = build[name](checkpointer=InMemorySaver())
    failed = (await graph.ainvoke({"messages": [("user", "Is it?")]}, config()))["messages"]
    assert failed[-1].response_metadata["status"] != "ok"
    assert "failed" in failed[-1].content
    assert "no route" in failed[-1].content
    broken.clear()
    out = await aredrive(graph, config())
    assert [m.id for m in out["messages"]] == [m.id for m in failed]
    assert "yes" in out["messages"][-1].content
    assert "no route" not in out["messages"][-1].content


async def test_a_cancelled_run_is_resumed_to_one_answer() -> None:
    """What has ended is not asked again."""
    hangs, begun = asyncio.Event(), asyncio.Event()
    asked: list[str] = []

    async def slow(question: str) -> str:
        asked.append(question)
        begun.set()
        if len(asked) == 1:
            await hangs.wait()
        return "yes"

    graph = create_voting(voters={"a": slow}, checkpointer=InMemorySaver())
    running = asyncio.ensure_future(graph.ainvoke({"messages": [("user", "Is it?")]}, config()))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    out = await graph.ainvoke(None, config())
    assert types(out["messages"]) == ["human", "ai"]
    assert asked == ["Is it?"] * 2


NO = {"type": "edit", "edited_action": {"args": {"choice": "no"}}}


def undecided(**options: Any) -> Any:
    """A vote that two voters leave undecided, so that a person is asked."""
    return create_voting(
        voters={"a": lambda q: "yes", "b": lambda q: "no"},
        choices=["yes", "no", "later"],
        stop="all_votes",
        on_undecided="escalate",
        **options,
    )


@pytest.mark.parametrize("decision", [{"type": "reject"}, NO], ids=["reject", "edit"])
async def test_an_undecided_vote_answers_once_a_person_has_decided(decision: dict[str, Any]) -> None:
    """As long as it waits a message says so, with the choices; the answer takes its place."""
    graph = undecided(checkpointer=InMemorySaver())
    waiting = await graph.ainvoke({"messages": [("user", "Is it?")]}, config())
    assert types(waiting["messages"]) == ["human", "ai"]
    said = waiting["messages"][-1]
    assert said.content.startswith("**The vote is undecided**: a person is asked.")
    assert "Possible choices: yes, no, later." in said.content
    assert said.response_metadata == {"graph": "voting", "status": "interrupted"}
    resumed: Command[Any] = Command(resume={"decisions": [decision]})
    shown = [m async for m, _ in graph.astream(resumed, config(), stream_mode="messages")]
    kept = (await graph.aget_state(config())).values["messages"]
    assert types(kept) == ["human", "ai"]
    assert [message.id for message in shown if message.type == "ai"] == [kept[-1].id]
    assert ("**no**" in kept[-1].content) == (decision["type"] == "edit")


async def test_each_question_of_a_thread_that_waits_is_followed_by_a_message() -> None:
    """A chat UI shows a form below the last message only if that is one of the graph."""
    graph = undecided(checkpointer=InMemorySaver())
    for number, text in enumerate(("Is it?", "And now?"), 1):
        waiting = await graph.ainvoke({"messages": [("user", text)]}, config())
        assert types(waiting["messages"]) == ["human", "ai"] * number
        assert waiting["__interrupt__"]
        await graph.ainvoke(Command(resume={"decisions": [NO]}), config())


async def test_votes_inside_are_named_while_a_person_is_asked() -> None:
    """The outer graph says it, in its own conversation, once for all of them."""
    drafters: Any = {"first": undecided(), "second": undecided(), "third": lambda task: "yes"}
    graph = create_best_of(drafters=drafters, judge=lambda draft: 1, checkpointer=InMemorySaver())
    waiting = await graph.ainvoke({"messages": [("user", "Is it?")]}, config())
    assert types(waiting["messages"]) == ["human", "ai"]
    said = waiting["messages"][-1].content
    assert said.startswith("**2 votes are undecided**: a person is asked.")
    assert all(f"{name}` > `voting`" in said for name in ("first", "second"))
    out = await graph.ainvoke(Command(resume={"decisions": [NO, NO]}), config())
    assert types(out["messages"]) == ["human", "ai"]
    assert "undecided" not in out["messages"][-1].content


async def test_a_run_that_a_limit_left_without_a_result_says_that_it_failed() -> None:
    """A limit is no failure in the run report; who reads the answer has nothing of it."""
    voters: Any = {"a": lambda q: "yes", "b": lambda q: "yes"}
    graph = create_voting(voters=voters, limits={"deadline": 1e-9})
    out = await graph.ainvoke({"messages": [("user", "Is it?")]})
    assert out["run_report"].status == "partial"
    assert out["messages"][-1].content.startswith("**This failed.**\n\n- 2 x the run's deadline has passed")


async def test_an_undecided_vote_says_that_it_is() -> None:
    """With what each choice has."""
    graph = create_voting(voters={"a": lambda q: "yes", "b": lambda q: "no"}, stop="all_votes")
    out = await graph.ainvoke({"messages": [("user", "Is it?")]})
    assert out["messages"][-1].content.startswith("**The vote is undecided.**")


async def test_a_message_that_an_update_adds_keeps_its_id() -> None:
    """A UI that edits a thread need not name one, and each load of the checkpoint shows the same."""
    graph = CASES["voting"].build(checkpointer=InMemorySaver())
    await graph.ainvoke(CASES["voting"].given(), config())
    said = [{"role": "user", "content": "And B?"}, {"role": "user", "content": "And B?"}]
    await graph.aupdate_state(config(), {"messages": said}, as_node="tally")
    ids = [[m.id for m in (await graph.aget_state(config())).values["messages"]] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 4


async def test_a_withheld_answer_is_in_no_message() -> None:
    """The reason is."""
    trips = {"choice": "flag", "confidence": 1.0, "rationale": "it is rude", "notes": {}}
    graph = create_guarded(worker=lambda m: "SECRET", checks={"polite": lambda m: trips})
    out = await graph.ainvoke({"messages": [("user", "Tell me.")]})
    assert out["messages"][-1].content == "**The answer is withheld**: it is rude"


async def test_a_name_is_one_that_providers_take() -> None:
    """Others refuse a whole conversation because of one name in it."""
    graph = create_voting(voters={"a": lambda q: "yes"}, name="Is it safe? (v2)")
    out = await graph.ainvoke({"messages": [("user", "Is it?")]})
    assert out["messages"][-1].name == "Is_it_safe_v2_"


async def test_a_worker_inside_gets_its_text_as_before() -> None:
    """A vote that drafts for a best-of has neither messages nor an answer."""
    vote = CASES["voting"].build(limits=Limits(deadline=60))
    best = create_best_of(drafters={"vote": vote}, judge=lambda draft: 1)
    out = await best.ainvoke({"messages": [("user", "Is it safe?")]})
    assert types(out["messages"]) == ["human", "ai"]
    assert "messages" not in out["branches"]["vote"].value


async def test_the_schema_offers_messages_beside_the_key() -> None:
    """Neither is required, since one of the two is enough; internal channels are in neither schema."""
    for name, case in CASES.items():
        graph = case.build()
        given, output = graph.get_input_jsonschema(), graph.get_output_jsonschema()
        assert given["properties"]["messages"]["title"] == "Messages", name
        assert "required" not in given, name
        assert given["properties"][case.key]["title"], name
        assert "messages" in output["properties"]
        assert "reply_id" not in {**given["properties"], **output["properties"]}


class Ledger(TypedDict):
    """A parent that keeps messages its own way."""

    question: str
    messages: Annotated[list[Any], lambda left, right: left + right]


async def test_an_app_with_other_messages_is_not_disturbed() -> None:
    """Its reducer would add to the list whatever comes back."""
    graph: Any = CASES["voting"].build()
    app = StateGraph(Ledger).add_node("graph", graph).add_edge(START, "graph").compile()
    out = await app.ainvoke({"question": "Is it?", "messages": [HumanMessage("Is it?")]})
    assert types(out["messages"]) == ["human"]


def test_checkpoints_hold_messages_without_a_warning() -> None:
    """With LangGraph's strict deserialisation, on two turns and a redrive of each."""
    code = """
import asyncio, sys
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from tests.graphs.test_messages import CASES, config, types
async def main():
    async with AsyncSqliteSaver.from_conn_string(":memory:") as saver:
        for name in ("voting", "moderation"):
            graph = CASES[name].build(checkpointer=saver)
            for _ in range(2):
                await graph.ainvoke(CASES[name].given(), config(name))
            messages = (await graph.aget_state(config(name))).values["messages"]
            print(types(messages))
asyncio.run(main())
"""
    environment = os.environ | {"LANGGRAPH_STRICT_MSGPACK": "true"}
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == [str(["human", "ai"] * 2)] * 2
    assert "messages" not in done.stderr
    assert "unregistered" not in done.stderr


async def test_a_deep_agent_delegates_to_it() -> None:
    """As one of its compiled subagents, whose last message is the result of the task."""
    deepagents = pytest.importorskip("deepagents", reason="deepagents is not installed (group deepagents)")
    about = {"name": "voting", "description": "Puts a question to a vote."}
    subagent = {**about, "runnable": CASES["voting"].build()}
    task = {"name": "task", "args": {"description": "Is it safe?", "subagent_type": "voting"}, "id": "1"}
    model = scripted([AIMessage("", tool_calls=[task]), AIMessage("They say yes.")])
    agent = deepagents.create_deep_agent(model=model, subagents=[subagent])
    out = await agent.ainvoke({"messages": [("user", "Ask them.")]})
    results = [m for m in out["messages"] if m.type == "tool"]
    assert [m.content[:12] for m in results] == ["**yes** (2/2"]


def scripted(answers: list[AIMessage]) -> Any:
    """Return a chat model that gives these answers in turn, whatever it is asked."""
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel

    class Scripted(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            return self

    return Scripted(messages=iter(answers))


async def test_a_vote_on_a_long_thread_stores_no_more_than_on_a_short_one() -> None:
    """Each of twenty questions adds two short messages, and as much to the checkpoints as the second one."""
    saver = InMemorySaver()
    graph = create_voting(voters={name: lambda q: "yes" for name in "abc"}, checkpointer=saver)
    sizes = []
    for number in range(20):
        out = await graph.ainvoke({"messages": [("user", f"Is {number} a number?")]}, config())
        blobs = sum(len(blob) for _, blob in saver.blobs.values())
        sizes.append(
            blobs + sum(len(value[1]) for of in saver.writes.values() for _, _, value, *_ in of.values())
        )
    assert types(out["messages"]) == ["human", "ai"] * 20
    added = [after - before for before, after in pairwise(sizes)]
    messages = len(saver.serde.dumps_typed(out["messages"])[1])
    assert added[-1] < added[0] + 3 * messages
    assert len((await graph.aget_state(config())).values["branches"]) <= 3


async def test_a_worker_that_asks_a_person_gets_the_answer_in_a_conversation() -> None:
    """Its question is the interrupt, also in a further question of a thread; then there is an answer."""

    def asks(question: str) -> str:
        return str(interrupt("Which colour?"))

    voters: Any = {"a": asks, "b": lambda q: "red", "c": lambda q: "blue"}
    graph = create_voting(
        voters=voters, choices=["red", "blue"], stop="all_votes", checkpointer=InMemorySaver()
    )
    for number in (1, 2):
        waiting: Any = await graph.ainvoke({"messages": [("user", "Paint it.")]}, config())
        (asked,) = waiting["__interrupt__"]
        assert (asked.value, types(waiting["messages"])[-1]) == ("Which colour?", "human")
        out = await graph.ainvoke(Command(resume={asked.id: "red"}), config())
        assert types(out["messages"]) == ["human", "ai"] * number
        assert out["messages"][-1].content.startswith("**red** (2/3")
