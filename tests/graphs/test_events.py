"""Events: plain JSON of what a run does, from which its record can be folded."""

import asyncio
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain.chat_models import init_chat_model
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from langgraph_parallel import (
    Ask,
    Section,
    aredrive,
    create_guarded,
    create_map_reduce,
    create_sectioning,
    create_voting,
    errors,
    events,
    rules,
)
from langgraph_parallel.control import rewind
from langgraph_parallel.records.events import Ended, Interrupted, Output, RunEnded, Token, events_schema
from langgraph_parallel.runtime.limiter_registry import reset_limits
from langgraph_parallel.runtime.resting import rests
from tests.support.fans import GIVEN, YES, flat, nested, numbered
from tests.support.folded import Folded, check_stream
from tests.support.parents import parent, saver
from tests.support.server import Gate, ModelServer, Reply


async def told(
    graph: Any, given: Any, config: Any = None, **options: Any
) -> tuple[list[dict[str, Any]], Any]:
    """Return the events of all levels of a run, read from JSON, and its output or what it raised."""
    seen: list[dict[str, Any]] = []
    out: Any = None
    modes = ["custom", "values"]
    stream = graph.astream(
        given, config, stream_mode=modes, subgraphs=True, output_keys=graph.output_channels, **options
    )
    try:
        async for place, mode, data in stream:
            if mode == "custom":
                seen.append(json.loads(json.dumps(data, allow_nan=False)))
            elif not place:
                out = data
    except errors.ParallelError as error:
        out = error
    check_stream(seen)
    return seen, out


@pytest.fixture(scope="module")
def shared() -> Iterator[ModelServer]:
    """Run one server for many examples."""
    with ModelServer() as running:
        yield running


REPLIES = {
    "yes": Reply(json=YES),
    "no": Reply(json={**YES, "choice": "no"}),
    "broken": Reply(status=500),
    "refused": Reply(status=400, body={"error": {"message": "no"}}),
    "cut off": Reply(disconnect=True),
    "unreadable": Reply(text="maybe"),
}
SCRIPTS = st.lists(st.sampled_from([*REPLIES]), min_size=1, max_size=6)
LIMITS = st.fixed_dictionaries(
    {"attempts": st.integers(1, 2), "concurrency": st.integers(1, 4), "rest_after": st.just(0)},
    optional={
        "budget_calls": st.integers(1, 6),
        "deadline": st.sampled_from([1e-6, 60.0]),
        "hedge": st.just(0.0001),
    },
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=SCRIPTS, limits=LIMITS, shape=st.sampled_from(["flat", "vote", "nested", "stopping"]))
async def test_the_record_of_a_run_is_its_events(
    shared: ModelServer, monkeypatch: pytest.MonkeyPatch, script: list[str], limits: Any, shape: str
) -> None:
    """Folded, they give its branches, calls, tokens, dollars and verdicts, and those of a redrive."""
    reset_limits()
    rests.forget()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-not-a-real-key")
    monkeypatch.setenv("OPENAI_BASE_URL", shared.url)
    shared._rules.clear()
    shared.always(REPLIES["yes"])
    for place, reply in enumerate(script):
        prompt = f"voter {place + 1} of" if shape in ("vote", "stopping") else f"Number {place}:"
        shared.on(prompt, REPLIES[reply])
    options: Any = {"limits": {**limits, "backoff": 0.001}, "checkpointer": InMemorySaver()}
    model, choices = "openai:gpt-5-mini", ["yes", "no"]
    graph: Any
    if shape == "flat":
        graph = flat(len(script), model, **options)
    elif shape == "nested":
        graph = nested(len(script), 2, model, **options)
    else:
        stop = "all_votes" if shape == "vote" else "decided"
        voters = len(script) + 1
        graph = create_voting(model=model, choices=choices, voters=voters, stop=stop, wave="all", **options)
    asked = GIVEN if shape in ("flat", "nested") else {"question": "Is water wet?"}
    config: Any = {"configurable": {"thread_id": "1"}}
    first, out = await told(graph, asked, config)
    folded = Folded().add(first)
    folded.check(out)
    shared._rules.clear()
    shared.always(REPLIES["yes"])
    if await rewind(graph, config):
        second, out = await told(graph, None, config)
        assert second[0]["resumed"]
        folded.add(second).check(out)


async def test_every_wait_says_what_it_is_on(model: str, server: ModelServer) -> None:
    """For a need, a slot, a retry and the budget, each before what follows it."""
    server.always(Reply(text="fine"))
    server.on("Number 0:", Reply(status=500), times=1)

    def plan(content: str) -> list[Section]:
        first, *others = numbered(3)(content)
        return [first, *(s.model_copy(update={"needs": ["0"]} if s.id == "2" else {}) for s in others)]

    worker = Ask("{content}{earlier}", model=model)
    limits = {"concurrency": 1, "backoff": 0.01, "budget_usd": 1, "price_input": 0, "price_output": 0}
    seen, out = await told(create_sectioning(planner=plan, worker=worker, limits=limits), GIVEN)
    assert out["run_report"].branches == {"ok": 3}
    waits = {(event["branch"][0], event["on"]) for event in seen if event["event"] == "waiting"}
    assert {("2", "needs"), ("0", "retry")} <= waits
    assert waits & {("0", "slot"), ("1", "slot")}
    server.requests.clear()
    held = Gate()
    server.on("Number 0:", Reply(text="fine", gate=held))
    limits = {"budget_tokens": 5000, "answer_tokens": 3000}

    async def release() -> None:
        await asyncio.to_thread(server.wait, lambda s: s.in_flight == 1)
        held.open()

    releasing = asyncio.ensure_future(release())
    seen, out = await told(flat(2, model, limits=limits), GIVEN)
    await releasing
    assert out["run_report"].branches == {"ok": 2}
    assert [event["on"] for event in seen if event["event"] == "waiting"] == ["budget"]


async def test_a_graph_of_others_around_passes_them_on_and_a_person_is_asked() -> None:
    """`events` ends with what a person is asked, and, resumed, with the output."""

    def work(section: Section) -> str:
        return str(interrupt("May I?")) if section.id == "1" else section.id

    builder: Any = StateGraph(dict)
    inner = create_sectioning(planner=numbered(2), worker=work)

    async def node(state: Any) -> Any:
        return {"result": (await inner.ainvoke(GIVEN))["result"]}

    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    config: Any = {"configurable": {"thread_id": "1"}}
    graph = builder.compile(checkpointer=InMemorySaver())
    first = [event async for event in events(graph, {"result": None}, config)]
    asked = first[-1]
    assert isinstance(asked, Interrupted)
    assert [one.value for one in asked.interrupts] == ["May I?"]
    assert [(e.branch, e.status) for e in first if isinstance(e, Ended)] == [(["0"], "ok")]
    again = [event async for event in events(graph, Command(resume={asked.interrupts[0].id: "yes"}), config)]
    assert isinstance(again[-1], Output)
    assert "yes" in again[-1].output["result"]
    assert [(e.branch, e.status) for e in again if isinstance(e, Ended)] == [(["1"], "ok")]


async def test_an_iterator_that_is_closed_ends_the_run_and_an_error_comes_last(
    model: str, server: ModelServer
) -> None:
    """Connections are closed; of a run that raises, the end is told before."""
    server.always(Reply(hang=True))
    stream = events(flat(3, model), GIVEN)
    async for event in stream:
        if event.event == "calling":
            break
    await stream.aclose()  # type: ignore[attr-defined]
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0)
    server.always(Reply(status=400))
    seen: list[Any] = []

    async def follow() -> None:
        async for event in events(flat(1, model, completion="min_success(1)"), GIVEN):
            seen.append(event)  # noqa: PERF401 - it raises

    with pytest.raises(errors.CompletionError):
        await follow()
    assert isinstance(seen[-1], RunEnded)
    assert seen[-1].status == "failed"
    with pytest.raises(errors.UsageError, match="is not a LangGraph graph"):
        await anext(events(str, {}))


async def test_each_token_says_whose_it_is(model: str, server: ModelServer) -> None:
    """Of an own call, of a voter in a nested vote, of an agent: the path of the branch, and the call."""
    server.always(Reply(text="two words"))
    server.on("is water wet", Reply(json=YES))

    async def chat(state: Any) -> Any:
        return {"messages": [await init_chat_model(model).ainvoke(state["messages"])]}

    agent: Any = StateGraph(MessagesState)
    agent.add_node("chat", chat)
    agent.add_edge(START, "chat")
    workers = {"ask": Ask("{content}", model=model), "agent": agent.compile()}
    workers |= {"vote": create_voting(model=model, choices=["yes", "no"], voters=2, stop="all_votes")}

    def plan(content: str) -> list[Section]:
        text = {"vote": "is water wet?"}
        return [Section(id=w, title=w, content=text.get(w, "Go"), worker=w) for w in workers]

    graph = create_sectioning(planner=plan, worker=workers)
    seen = [event async for event in events(graph, GIVEN, tokens=True)]
    texts: dict[tuple[str, ...], str] = {}
    calls = {event.call: tuple(event.branch) for event in seen if event.event == "calling"}
    for event in seen:
        if isinstance(event, Token):
            path = tuple(event.branch)
            texts[path] = texts.get(path, "") + event.text
            assert event.call is None if path == ("agent",) else calls[str(event.call)] == path
    assert texts.keys() == {("ask",), ("agent",), ("vote", "#1"), ("vote", "#2")}
    assert (texts["ask",], texts["agent",]) == ("two words", "two words")
    parts: Any = graph.astream(GIVEN, stream_mode="messages", subgraphs=True)
    paths = {tuple(metadata["branch_path"]) async for _, (_, metadata) in parts}
    assert paths == texts.keys()


async def test_the_answer_in_a_chat_does_not_repeat_what_was_shown(model: str, server: ModelServer) -> None:
    """Tokens are those of models: the message that a graph adds is in the output alone."""
    server.always(Reply(json=YES))
    vote = create_voting(model=model, choices=["yes", "no"], voters=2, stop="all_votes")
    app: Any = StateGraph(MessagesState)
    app.add_node("vote", vote)
    app.add_edge(START, "vote")
    seen = [event async for event in events(app.compile(), {"messages": "Is it?"}, tokens=True)]
    assert {tuple(event.branch) for event in seen if isinstance(event, Token)} == {("#1",), ("#2",)}
    assert seen[-1].event == "output"
    assert seen[-1].output["messages"][-1].text.startswith("**yes** (2/2")


async def test_without_subgraphs_calls_are_told_by_the_branch_around(model: str, server: ModelServer) -> None:
    """Nothing that was paid is missing from the stream of the outermost graph."""
    server.always(Reply(json=YES))
    graph: Any = nested(2, 3, model)
    seen = [event async for event in graph.astream(GIVEN, stream_mode="custom")]
    assert {tuple(event["branch"]) for event in seen} == {(), ("0",), ("1",)}
    called = [event for event in seen if event["event"] == "called"]
    assert (len(called), called[-1]["cost"]["calls"]) == (6, 6)
    more: list[dict[str, Any]] = [{}, {"version": "v2"}, {"subgraphs": True}]
    modes: list[Any] = ["custom", ["custom"]]
    for mode, options in product(modes, more):
        chunks = [chunk async for chunk in graph.astream(GIVEN, stream_mode=mode, **options)]
        last, other = chunks[-1], chunks[-2]
        assert type(last) is type(other)
        assert "run_ended" in str(last)
        if isinstance(last, tuple):
            assert last[:-1] == other[:-1]


async def test_progress_reaches_all_of_the_run() -> None:
    """Shares never fall in a plan that does not grow, and end at 1, also where a vote ends early."""
    vote = create_voting(voters={"a": str.upper, "b": str.upper, "c": str.upper}, wave=1, name="vote")
    seen, _ = await told(create_sectioning(planner=numbered(4), worker=vote), GIVEN)
    shares = [event["run_share"] for event in seen if event["event"] == "progress"]
    assert shares == sorted(shares)
    assert (shares[-1], len(shares)) == (1.0, 4 * 3 + 4)


async def test_a_guarded_answer_is_told_once_its_checks_have_passed(model: str, server: ModelServer) -> None:
    """Its tokens have the path of its branch, and nothing of a vote inside of it comes earlier."""
    server.always(Reply(json={"rationale": "r", "choice": "clean", "confidence": 1, "notes": {"quotes": []}}))
    server.on("Answer the message", Reply(text="Water boils."))
    seen, out = await told(create_guarded(model=model, stream=True), {"message": "Hi"})
    tokens = [event for event in seen if event["event"] == "token"]
    assert "".join(event["text"] for event in tokens) == out["answer"] == "Water boils."
    assert {tuple(event["branch"]) for event in tokens} == {("answer",)}


@pytest.mark.parametrize(
    ("answers", "rule", "expected"),
    [
        (["yes", "no", "no"], "majority", [("yes", 1, False), ("yes", 1, True), ("no", 2, False)]),
        (["no", "?", "yes"], "majority", [("no", 1, False), ("no", 1, False), ("no", 1, True)]),
        (["?", "?"], "majority", [(None, 0, False)] * 2),
        (["yes", "no", "yes"], "weighted", [("no", 1, False), ("no", 1, False), ("yes", 2, True)]),
    ],
)
async def test_a_ballot_tells_a_tie(answers: list[str], rule: str, expected: list[Any]) -> None:
    """By the support under the rule: two ballots of weight 1 tie with one of weight 2."""
    weights = {"b": 2.0} if rule == "weighted" else None
    voters: Any = {
        name: lambda _, answer=answer: answer for name, answer in zip("abc", answers, strict=False)
    }
    named: Any = "majority" if weights is None else rules.weighted(weights)
    vote = create_voting(voters=voters, choices=["yes", "no"], rule=named, stop="all_votes", wave=1)
    seen, _ = await told(vote, {"question": "?"})
    assert [
        (event["leader"], event["votes"], event["tied"]) for event in seen if event["event"] == "vote"
    ] == expected


async def test_runs_of_nodes_are_told_apart_by_their_nodes() -> None:
    """At any depth, and in a function that calls a graph; a graph in a branch has its branch."""
    vote = create_voting(voters={"a": str.upper}, name="vote")
    outer = create_sectioning(planner=numbered(1), worker=vote, name="outer")

    async def call(state: Any, config: RunnableConfig) -> dict[str, Any]:
        for _ in range(2):
            await vote.ainvoke({"question": "?"}, config)
        return {}

    names: Any = {"inputs": {"question": "text"}, "outputs": {"verdict": "more"}}
    inner = parent({"deep": create_voting(voters={"a": str.upper}, **names)})
    names = {"inputs": {"content": "text"}, "outputs": {"result": "summary"}}
    ours = create_sectioning(planner=numbered(1), worker=vote, **names)
    graph = parent({"ours": ours, "team": inner, "function": call})
    starts = [event async for event in events(graph, {"text": "go"}) if event.event == "run_started"]
    outermost = sorted(event.node for event in starts if event.parent is None)
    assert outermost == ["function", "function", "ours", "team/deep"]
    assert [event.node for event in starts if event.parent] == [""]
    alone, _ = await told(outer, GIVEN)
    assert {event["node"] for event in alone if event["event"] == "run_started"} == {""}


@pytest.mark.parametrize("is_node", [False, True])
async def test_a_redrive_can_be_watched(is_node: bool, model: str, server: ModelServer) -> None:
    """What runs again is told, and the output is that of `aredrive`; if all is well it is all."""
    config: Any = {"configurable": {"thread_id": "1"}}
    server.always(Reply(json=YES))
    server.on("Number 1:", Reply(status=500), times=1)
    names: Any = {"inputs": {"content": "text"}, "outputs": {"result": "summary", "run_report": "report"}}
    limits: Any = {"attempts": 1, "rest_after": 0}
    graph: Any = flat(3, model, limits=limits, **names, **({} if is_node else {"checkpointer": saver()}))
    if is_node:
        graph = parent({"ours": graph}, checkpointer=saver())
    with pytest.raises(errors.UsageError, match="has no run"):
        await anext(events(graph, None, config, redrive=True))
    first = [event async for event in events(graph, {"text": "go"}, config)]
    assert [event.status for event in first if event.event == "run_ended"] == ["partial"]
    with pytest.raises(errors.UsageError, match="pass None"):
        await anext(events(graph, {"text": "go"}, config, redrive=True))
    seen = [event async for event in events(graph, None, config, redrive=True)]
    assert [event.branch for event in seen if event.event == "ended"] == [["1"]]
    last = seen[-1]
    assert isinstance(last, Output)
    assert last.output["report"].branches == {"ok": 3}
    again = [event async for event in events(graph, None, config, redrive=True)]
    assert [event.event for event in again] == ["output"]
    assert isinstance(again[0], Output)
    assert again[0].output == await aredrive(graph, config)


async def test_what_other_code_writes_is_passed_on() -> None:
    """As `custom`, even if it looks like an event."""

    def work(section: Section) -> str:
        get_stream_writer()({"v": 1, "graph_run": 1, "event": "ended"})
        return ""

    seen = [event async for event in events(create_sectioning(planner=numbered(1), worker=work), GIVEN)]
    assert [e.data["graph_run"] for e in seen if e.event == "custom"] == [1]


async def test_a_tree_that_is_redriven_and_a_vote_that_a_person_decides_have_their_records(
    model: str, server: ModelServer
) -> None:
    """Dropped joins begin anew; `planned` says what is kept; the end of a run that waits is `interrupted`."""
    config: Any = {"configurable": {"thread_id": "1"}}
    server.always(Reply(text="x"))
    server.on("item 2", Reply(status=500))
    options: Any = {"limits": {"attempts": 1, "rest_after": 0}, "fan_in": 2, "checkpointer": InMemorySaver()}
    worker, join = Ask("Count {item}", model=model), Ask("Join {results}", model=model)
    graph: Any = create_map_reduce(worker=worker, synthesizer=join, **options)
    first, out = await told(graph, {"items": [f"item {place}" for place in range(5)]}, config)
    folded = Folded().add(first)
    folded.check(out)
    server.on("item 2", Reply(text="y"))
    assert await rewind(graph, config)
    second, out = await told(graph, None, config)
    folded.add(second).check(out)
    assert {("1",), ("2",), ("4",), ("5",)} < folded.kept
    assert not {tuple(event["branch"]) for event in second if event["event"] == "ended"} & folded.kept

    server.always(Reply(json=YES))
    server.on("voter 2 of", Reply(json={**YES, "choice": "no"}))
    how: Any = {"rule": "unanimous", "stop": "all_votes", "on_undecided": "escalate"}
    vote = create_voting(model=model, choices=["yes", "no"], voters=2, **how)
    graph = create_sectioning(planner=numbered(2), worker=vote, checkpointer=InMemorySaver())
    first, _ = await told(graph, GIVEN, config)
    assert (first[-1]["status"], first[-2]["on"]) == ("interrupted", "person")
    edited = {"name": "decide_vote", "args": {"choice": "yes"}}
    decided = {"decisions": [{"type": "edit", "edited_action": edited}] * 2}
    second, out = await told(graph, Command(resume=decided), config)
    Folded().add(first).add(second).check(out)
    assert [event["decided_by"] for event in second if event["event"] == "verdict"][-1] == "person"


def test_the_schema_is_up_to_date_and_says_what_is_emitted() -> None:
    """`docs/events.schema.json` is that of the records."""
    written = json.loads((Path(__file__).parents[2] / "docs" / "events.schema.json").read_text())
    assert written == events_schema()
    assert len(written["oneOf"]) == 16


async def test_without_a_listener_no_event_is_made(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by `ainvoke` nor by other stream modes."""
    server.always(Reply(json=YES))
    monkeypatch.setattr("langgraph_parallel.runtime.told_run.Level", None)
    graph: Any = nested(1, 2, model)
    assert (await graph.ainvoke(GIVEN))["run_report"].branches == {"ok": 2}
    async for _ in graph.astream(GIVEN, stream_mode=["updates", "messages"], subgraphs=True):
        pass
    with pytest.raises(TypeError):
        await anext(graph.astream(GIVEN, stream_mode="custom"))
