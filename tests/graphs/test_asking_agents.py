"""Agents that ask for approval, in branches: answered by id, each once; a bad answer can be given again."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.errors import is_invalid_resume
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from langgraph_parallel import Roster, Section, agents, aredrive, create_sectioning, create_voting, errors
from langgraph_parallel.completion import min_success
from tests.support.server import ModelServer, Reply, Request

CONFIG: Any = {"configurable": {"thread_id": "1"}}
GIVEN = {"content": "x"}
APPROVE = {"type": "approve"}
Calls = list[tuple[str, dict[str, Any]]]


class Desk:
    """A scripted model, agents that ask before they use their tools, and what the tools have done.

    Args:
        own: the chat model.
        server: that answers it.
    """

    def __init__(self, own: ChatOpenAI, server: ModelServer) -> None:
        self.done: list[str] = []
        self._own, self._server = own, server
        server.always(Reply(text="finished"))

        @tool
        def send(to: str) -> str:
            """Send a message."""
            self.done.append(f"send {to}")
            return f"sent to {to}"

        @tool
        def drop(name: str) -> str:
            """Drop a table."""
            self.done.append(f"drop {name}")
            return f"dropped {name}"

        self.tools = [send, drop]

    def calls(self, text: str, *rounds: Calls) -> None:
        """Let the model call tools where its prompt has a text, in one round after the other."""
        for number, made in enumerate(rounds):
            body = {
                "id": "c",
                "object": "chat.completion",
                "created": 0,
                "model": "own",
                "choices": [{"index": 0, "finish_reason": "tool_calls", "message": _message(number, made)}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
            }
            before = sum(len(calls) for calls in rounds[:number])
            self._server.on(_asked(text, before), Reply(body=body))

    def agent(self, mode: Any = "batched") -> Any:
        """Return an agent that asks before each call; a table is dropped or not, with no other answer."""
        asking = HumanInTheLoopMiddleware(
            {"send": True, "drop": {"allowed_decisions": ["approve", "reject"]}}, interrupt_mode=mode
        )
        return create_agent(self._own, tools=self.tools, middleware=[asking])

    @property
    def asked(self) -> int:
        """Number of requests to the model."""
        return len(self._server.requests)


def _message(number: int, calls: Calls) -> dict[str, Any]:
    made = [
        {
            "id": f"call-{number}-{place}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for place, (name, arguments) in enumerate(calls)
    ]
    return {"role": "assistant", "content": None, "tool_calls": made}


def _asked(text: str, results: int) -> Any:
    def matches(request: Request) -> bool:
        made = sum(message["role"] == "tool" for message in request.body["messages"])
        return made == results and text in request.prompt

    return matches


@pytest.fixture
def desk(own: ChatOpenAI, server: ModelServer) -> Desk:
    """Make a desk."""
    return Desk(own, server)


def plan(names: str, needs: Mapping[str, list[str]] | None = None) -> Any:
    """Return a planner of sections with these names, each with a job for the worker of its name."""
    return lambda content: [
        Section(id=n, title=n, content=f"job {n}", worker=n, needs=(needs or {}).get(n, [])) for n in names
    ]


@asynccontextmanager
async def saver(kind: str) -> AsyncIterator[Any]:
    """Open a checkpointer."""
    if kind == "memory":
        yield InMemorySaver()
    else:
        async with AsyncSqliteSaver.from_conn_string(":memory:") as opened:
            yield opened


class App(TypedDict, total=False):
    """The state of an app."""

    content: str
    result: str


def in_app(graph: Any, checkpointer: Any) -> Any:
    """Return an app that has a graph as its only node."""
    app = StateGraph(App)
    app.add_node("graph", graph)
    app.add_edge(START, "graph")
    return app.compile(checkpointer=checkpointer)


def waiting(out: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is asked, by the names of tools or the question itself, with the ids."""
    found = {}
    for one in out.get("__interrupt__", ()):
        form = agents.one_form([one])["action_requests"]
        asked = [r["args"].get("question") or " ".join([r["name"], *r["args"].values()]) for r in form]
        found[", ".join(asked)] = one.id
    return found


def given(value: Any, mode: str) -> Any:
    """Return a decision as the interrupts of a mode expect it."""
    return value if mode == "per_call" else {"decisions": [value]}


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in an app"])
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("mode", ["batched", "per_call"])
async def test_all_that_agents_ask_surfaces_at_once_and_is_answered_by_id(
    mode: str, kind: str, inside: bool, desk: Desk
) -> None:
    """Nothing runs twice: no model is asked again, no tool is used again, no finished section works again."""
    desk.calls("job a", [("send", {"to": "ann"})], [("send", {"to": "abe"}), ("drop", {"name": "all"})])
    desk.calls("job b", [("send", {"to": "ben"})])
    ended: list[str] = []

    def finish(section: Section) -> str:
        ended.append(section.id)
        return "done"

    workers: Any = {
        "a": desk.agent(mode),
        "b": desk.agent(mode),
        "c": lambda section: f"C {interrupt('c?')}",
        "d": finish,
    }
    async with saver(kind) as checkpointer:
        graph = create_sectioning(
            planner=plan("abcd"), worker=workers, checkpointer=None if inside else checkpointer
        )
        app = in_app(graph, checkpointer) if inside else graph
        out = await app.ainvoke(GIVEN, CONFIG)
        asked = waiting(out)
        assert sorted(asked) == ["c?", "send ann", "send ben"]
        assert (desk.asked, desk.done) == (2, [])
        # One answer: its agent goes on, and asks again; the others still wait, and have done nothing.
        out = await app.ainvoke(Command(resume={asked["send ann"]: given(APPROVE, mode)}), CONFIG)
        asked = waiting(out)
        second = ["send abe, drop all"] if mode == "batched" else ["drop all", "send abe"]
        assert sorted(asked) == sorted(["c?", "send ben", *second])
        assert (desk.asked, desk.done) == (3, ["send ann"])
        edit = {"type": "edit", "edited_action": {"name": "send", "args": {"to": "eve"}}}
        reject = {"type": "reject", "message": "not that one"}
        answers: dict[str, Any]
        if mode == "batched":
            answers = {asked["send abe, drop all"]: {"decisions": [edit, reject]}}
        else:
            answers = {asked["send abe"]: edit, asked["drop all"]: reject}
        out = await app.ainvoke(Command(resume={**answers, asked["c?"]: "yes"}), CONFIG)
        assert list(waiting(out)) == ["send ben"]
        # One question is left, so it needs no id.
        out = await app.ainvoke(Command(resume=given({"type": "respond", "message": "no"}, mode)), CONFIG)
    assert out["result"] == "## a\n\nfinished\n\n## b\n\nfinished\n\n## c\n\nC yes\n\n## d\n\ndone"
    assert (desk.asked, desk.done, ended) == (5, ["send ann", "send eve"], ["d"])


def count(section: Section) -> str:
    """Ask for a number from 1 to 5."""
    return f"number {interrupt('how many?', response_schema=Annotated[int, Field(ge=1, le=5)])}"  # type: ignore[call-overload]


BAD: dict[str, tuple[str, Any, str]] = {
    "too few": ("batched", {"decisions": [APPROVE]}, "1 decision for 2 requests; .*: send, drop"),
    "too many": ("batched", {"decisions": [APPROVE] * 3}, "3 decisions for 2 requests"),
    "none": ("batched", {"decisions": []}, "0 decisions for 2 requests"),
    "no decisions": ("batched", "yes", "the answer to send, drop is 'yes'; expected {'decisions'"),
    "a text": ("batched", {"decisions": "yes"}, "'yes' is not a list of decisions"),
    "unknown": (
        "batched",
        {"decisions": [{"type": "accept"}, APPROVE]},
        "decision 1, on send: .*accept.* is not possible; the type is approve, edit, reject or respond",
    ),
    "not allowed": (
        "batched",
        {"decisions": [APPROVE, {"type": "respond", "message": "no"}]},
        "decision 2, on drop: .*respond.* is not possible; the type is approve or reject",
    ),
    "two at once": (
        "batched",
        {"decisions": [None, 3]},
        "1, on send: None .*; decision 2, on drop: 3",
    ),
    "an empty edit": (
        "batched",
        {"decisions": [{"type": "edit"}, APPROVE]},
        "an edit needs {'edited_action': {'name': 'send', 'args': {...}}}, and has None",
    ),
    "an unknown tool": (
        "batched",
        {"decisions": [{"type": "edit", "edited_action": {"name": "fax", "args": {}}}, APPROVE]},
        "decision 1, on send: the edit names 'fax', .* a tool of the agent; its tools are drop, send",
    ),
    "of one call": ("per_call", {"type": "respnd"}, r"to sectioning\[a\], .*respnd.*'approve', 'edit', 'rej"),
    "arguments": (
        "per_call",
        {"type": "edit", "edited_action": {"name": "send", "args": {"to": 3}}},
        r"an answer to sectioning\[a\], 3 at .*args\.to, does not fit .* valid string",
    ),
    "a schema": ("function", 9, r"an answer to sectioning\[a\], 9, does not fit .* less than or equal to 5"),
}


@pytest.mark.parametrize(
    ("case", "inside"),
    [(case, False) for case in BAD] + [(case, True) for case in ("too few", "an unknown tool", "a schema")],
)
async def test_a_bad_answer_is_one_error_and_can_be_given_again(case: str, inside: bool, desk: Desk) -> None:
    """It says what is wrong and what is possible; no branch has failed by it, and nothing runs again."""
    mode, bad, message = BAD[case]
    desk.calls("job a", [("send", {"to": "ann"}), ("drop", {"name": "all"})])
    worker = count if mode == "function" else desk.agent(mode)
    checkpointer = InMemorySaver()
    workers: Any = {"a": worker, "b": lambda section: interrupt("b?")}
    graph = create_sectioning(planner=plan("ab"), worker=workers)
    app = in_app(graph, checkpointer)
    if not inside:
        graph.checkpointer, app = checkpointer, graph
    asked = waiting(await app.ainvoke(GIVEN, CONFIG))
    [of_b] = [asked.pop("b?")]
    of_a = next(id for question, id in asked.items() if not question.startswith("drop"))
    with pytest.raises(errors.InputError, match=message) as refused:
        await app.ainvoke(Command(resume={of_a: bad}), CONFIG)
    assert is_invalid_resume(refused.value)
    again = waiting({"__interrupt__": (await app.aget_state(CONFIG)).interrupts})
    assert again == {**asked, "b?": of_b}
    good = {"batched": {"decisions": [APPROVE, APPROVE]}, "per_call": APPROVE, "function": 3}[mode]
    out = await app.ainvoke(Command(resume=dict.fromkeys(asked.values(), good) | {of_b: "yes"}), CONFIG)
    assert "Missing" not in out["result"]
    if mode != "function":
        assert (sorted(desk.done), desk.asked) == (["drop all", "send ann"], 2)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("x", "'x', does not fit what was asked: expected a mapping; it"),
        ({"size": -1}, "cannot be used: the size is not positive; it"),
        ({"size": "x"}, "'x' at size, does not fit what was asked: Input should be a valid integer, .*; it"),
    ],
)
async def test_what_is_wrong_with_an_answer_is_said_in_plain_words(bad: Any, said: str) -> None:
    """It names no class, and no library."""

    class Form(BaseModel):
        size: int

        @model_validator(mode="after")
        def is_positive(self) -> "Form":
            if self.size < 0:
                raise ValueError("the size is not positive")
            return self

    workers: Any = {"a": lambda section: str(interrupt("?", response_schema=Form).size)}
    graph = create_sectioning(planner=plan("a"), worker=workers, checkpointer=InMemorySaver())
    await graph.ainvoke(GIVEN, CONFIG)
    with pytest.raises(errors.InputError, match=said):
        await graph.ainvoke(Command(resume=bad), CONFIG)
    assert (await graph.ainvoke(Command(resume={"size": 3}), CONFIG))["result"] == "## a\n\n3"


@pytest.mark.parametrize("mode", ["batched", "per_call"])
@pytest.mark.parametrize("inside", [False, True], ids=["root", "in an app"])
async def test_an_edit_of_an_unknown_tool_stops_all_answers_before_any_is_used(
    mode: str, inside: bool, desk: Desk
) -> None:
    """At any depth, as an answer of the wrong type does: no sibling has used its tool by then."""
    names = "abcdefgh"
    for name in names:
        desk.calls(f"job {name}", [("send", {"to": name})])
    nested = create_sectioning(planner=plan("gh"), worker={n: desk.agent(mode) for n in "gh"})
    workers: Any = {name: desk.agent(mode) for name in "abcdef"} | {"n": nested}
    graph = create_sectioning(planner=plan("abcdefn"), worker=workers)
    app = in_app(graph, InMemorySaver())
    if not inside:
        graph.checkpointer, app = InMemorySaver(), graph
    asked = waiting(await app.ainvoke(GIVEN, CONFIG))
    answers = {id: given(APPROVE, mode) for id in asked.values()}
    fax = {"type": "edit", "edited_action": {"name": "fax", "args": {}}}
    for wrong in ("send a", "send h"):
        answer = answers | {asked[wrong]: given(fax, mode)}
        with pytest.raises(errors.InputError, match=r"'fax', which .* drop, send; no answer was"):
            await app.ainvoke(Command(resume=answer), CONFIG)
        assert desk.done == []
    await app.ainvoke(Command(resume=answers), CONFIG)
    assert sorted(desk.done) == [f"send {name}" for name in names]


async def test_a_reply_refuses_a_tool_that_the_agent_does_not_have(desk: Desk) -> None:
    """Before anything is resumed; another tool of the agent may be named."""
    desk.calls("job a", [("send", {"to": "ann"})])
    graph = create_sectioning(planner=plan("a"), worker={"a": desk.agent()}, checkpointer=InMemorySaver())
    asked = (await graph.ainvoke(GIVEN, CONFIG))["__interrupt__"]

    def edit(name: str, args: dict[str, Any]) -> Any:
        return [{"type": "edit", "edited_action": {"name": name, "args": args}}]

    with pytest.raises(errors.InputError, match="decision 1, on send: the edit names 'fax', which"):
        agents.reply(asked, edit("fax", {}))
    await graph.ainvoke(agents.reply(asked, edit("drop", {"name": "all"})), CONFIG)
    assert desk.done == ["drop all"]


async def test_a_bad_answer_without_an_id_can_be_given_again(desk: Desk) -> None:
    """Where one question waits, in an app whose own checkpoint holds the answer."""
    desk.calls("job a", [("send", {"to": "ann"})])
    app = in_app(create_sectioning(planner=plan("a"), worker={"a": desk.agent()}), InMemorySaver())
    await app.ainvoke(GIVEN, CONFIG)
    for _ in range(2):
        with pytest.raises(errors.InputError, match="0 decisions for 1 request;"):
            await app.ainvoke(Command(resume={"decisions": []}), CONFIG)
    out = await app.ainvoke(Command(resume={"decisions": [APPROVE]}), CONFIG)
    assert (out["result"], desk.done, desk.asked) == ("## a\n\nfinished", ["send ann"], 2)


async def test_with_a_bad_answer_the_good_ones_of_other_branches_are_kept_or_can_be_given_again() -> None:
    """LangGraph checks against schemas, branch by branch: what fits has been used by then."""
    workers: Any = dict.fromkeys("ab", count)
    graph = create_sectioning(planner=plan("ab"), worker=workers, checkpointer=InMemorySaver())
    out: Any = await graph.ainvoke(GIVEN, CONFIG)
    first, second = (one.id for one in out["__interrupt__"])
    with pytest.raises(errors.InputError, match="9, does not fit"):
        await graph.ainvoke(Command(resume={first: 9, second: 2}), CONFIG)
    out = await graph.ainvoke(Command(resume={first: 1}), CONFIG)
    assert sorted(branch.value for branch in out["branches"].values()) == ["number 1", "number 2"]


async def test_agents_that_ask_may_be_voters_below_sections(desk: Desk) -> None:
    """In a vote that is a branch: each voter asks, one by one is answered, and each is asked once."""
    desk.calls("job", [("send", {"to": "ann"})])
    vote = create_voting(voters=Roster(desk.agent(), 3), stop="all_votes", wave="all")
    graph = create_sectioning(planner=plan("a"), worker={"a": vote}, checkpointer=InMemorySaver())
    out: Any = await graph.ainvoke(GIVEN, CONFIG)
    for left in (3, 2, 1):
        assert len(out["__interrupt__"]) == left
        bad: Any = {out["__interrupt__"][0].id: {"decisions": []}}
        with pytest.raises(errors.InputError, match="0 decisions for 1"):
            await graph.ainvoke(Command(resume=bad), CONFIG)
        out = await graph.ainvoke(agents.reply(out["__interrupt__"][:1], [APPROVE]), CONFIG)
    [branch] = out["branches"].values()
    assert (branch.value["verdict"]["choice"], branch.value["verdict"]["cast"]) == ("finished", 3)
    assert (len(desk.done), desk.asked) == (3, 6)


async def test_an_agent_that_is_not_needed_is_not_asked_about(desk: Desk) -> None:
    """The others are enough, so that its tool is never used; what needs it is skipped with the cause."""
    desk.calls("job a", [("send", {"to": "ann"})])
    workers: Any = {"a": desk.agent(), **dict.fromkeys("bc", lambda section: section.id)}
    graph = create_sectioning(
        planner=plan("abc"), worker=workers, completion=min_success(2), checkpointer=InMemorySaver()
    )
    out = await graph.ainvoke(GIVEN, CONFIG)
    assert "__interrupt__" not in out
    assert (out["branches"]["a"].ended_by, desk.done) == ("completion", [])


async def test_what_needs_an_agent_waits_for_the_answer(desk: Desk) -> None:
    """It starts after the agent has gone on, with its result, also one after another."""
    desk.calls("job a", [("send", {"to": "ann"})])
    seen: list[str] = []

    def follow(section: Section) -> str:
        seen.append(section.id)
        return "b"

    workers: Any = {
        "a": desk.agent(),
        "b": follow,
        "c": lambda s: interrupt("c?"),
    }
    graph = create_sectioning(planner=plan("abc", {"b": ["a"]}), worker=workers, checkpointer=InMemorySaver())
    for thread, limits in (("all", {}), ("one", {"max_concurrency": 1})):
        config: Any = {"configurable": {"thread_id": thread}, **limits}
        out: Any = await graph.ainvoke(GIVEN, config)
        assert sorted(waiting(out)) == ["c?", "send ann"]
        assert seen == []
        out = await graph.ainvoke(
            Command(resume={waiting(out)["send ann"]: {"decisions": [APPROVE]}}), config
        )
        assert list(waiting(out)) == ["c?"]
        out = await graph.ainvoke(Command(resume="yes"), config)
        assert (out["missing"], len(seen)) == ([], 1)
        seen.clear()


async def test_a_refused_answer_is_no_failed_attempt() -> None:
    """A worker with attempts is not tried again with it, whatever it retries on."""
    tried = []

    def ask(section: Section) -> str:
        tried.append(section.id)
        return count(section)

    worker = agents.adapt(ask, retry_on=ValueError, limits={"attempts": 3, "backoff": 0})
    graph = create_sectioning(planner=plan("a"), worker={"a": worker}, checkpointer=InMemorySaver())
    await graph.ainvoke(GIVEN, CONFIG)
    with pytest.raises(errors.InputError):
        await graph.ainvoke(Command(resume=9), CONFIG)
    out = await graph.ainvoke(Command(resume=2), CONFIG)
    assert (len(tried), [call.ok for call in out["run_report"].calls]) == (3, [True])


async def test_an_error_of_the_worker_after_the_answer_is_a_failure_and_a_redrive_asks_again() -> None:
    """Nothing tells it from any other error; a schema would have refused the answer before."""

    def ask(section: Section) -> str:
        return str(10 // int(interrupt("how many?")))

    workers: Any = {"a": ask, "b": lambda section: "b"}
    graph = create_sectioning(planner=plan("ab"), worker=workers, checkpointer=InMemorySaver())
    await graph.ainvoke(GIVEN, CONFIG)
    out: Any = await graph.ainvoke(Command(resume="none"), CONFIG)
    assert out["missing"] == ["a"]
    assert "invalid literal" in out["branches"]["a"].error
    assert list(waiting(await aredrive(graph, CONFIG))) == ["how many?"]
    out = await graph.ainvoke(Command(resume="5"), CONFIG)
    assert (out["missing"], out["branches"]["a"].value) == ([], "2")


async def test_one_form_answers_whatever_waits(desk: Desk) -> None:
    """Agents of both modes and functions: what a UI that knows one form sends back reaches each of them."""
    desk.calls("job a", [("send", {"to": "ann"}), ("drop", {"name": "all"})])
    desk.calls("job b", [("send", {"to": "ben"})])
    workers: Any = {
        "a": desk.agent(),
        "b": desk.agent("per_call"),
        "c": lambda s: f"c {interrupt('which colour?')}",
        "d": count,
    }
    graph = create_sectioning(planner=plan("abcd"), worker=workers, checkpointer=InMemorySaver())
    out: Any = await graph.ainvoke(GIVEN, CONFIG)
    form = json.loads(json.dumps(agents.one_form(out["__interrupt__"])))
    decisions: dict[str, Any] = {
        "send ann": {"type": "edit", "edited_action": {"name": "send", "args": {"to": "abe"}}},
        "drop all": {"type": "reject", "message": "never"},
        "send ben": {"type": "approve"},
        "which colour?": {"type": "respond", "message": "blue"},
        "how many?": {"type": "edit", "edited_action": {"name": "answer_question", "args": {"answer": 4}}},
    }
    chosen = []
    for request, config in zip(form["action_requests"], form["review_configs"], strict=True):
        key = request["args"].get("question") or " ".join([request["name"], *request["args"].values()])
        assert decisions[key]["type"] in config["allowed_decisions"]
        assert config["action_name"] == request["name"]
        chosen.append(decisions[key])
    # The state after a restart may list what waits in another order.
    pending = (await graph.aget_state(CONFIG)).interrupts[::-1]
    with pytest.raises(errors.InputError, match="4 decisions for 5 requests"):
        agents.reply(pending, {"decisions": chosen[:4]})
    out = await graph.ainvoke(agents.reply(pending, {"decisions": chosen}), CONFIG)
    assert sorted(desk.done) == ["send abe", "send ben"]
    values = {name: branch.value for name, branch in out["branches"].items()}
    assert values == {"a": "finished", "b": "finished", "c": "c blue", "d": "number 4"}
