"""Guards on both sides: checks of the answer, checks that block, and nothing that is seen too early."""

import asyncio
import os
import random
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from langgraph_parallel import Check, aestimate, aredrive, create_guarded, create_moderation, create_voting
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.catalogue.answer_checks import PartChecks
from tests.support.server import ModelServer, Reply

MESSAGE = {"message": "How do I mend a tube?"}
CONFIG: Any = {"configurable": {"thread_id": "1"}}
SECRET = "s3cret"
RUNS = 20 * int(os.environ.get("RACES", "10"))
"""Runs under drawn timings, in each part of the test."""


class Tracer(BaseTracer):
    """Keeps everything that it is told, as text."""

    run_inline = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.names: list[str] = []

    def _persist_run(self, run: Run) -> None:
        """Keep a trace."""
        self.seen.append(run.model_dump_json() if hasattr(run, "model_dump_json") else repr(run))

    def _start_trace(self, run: Run) -> None:
        super()._start_trace(run)
        self.names.append(run.name)
        self.seen.append(f"{run.inputs}")

    def _end_trace(self, run: Run) -> None:
        self.seen.append(f"{run.inputs} {run.outputs} {run.error} {run.events}")
        super()._end_trace(run)


class Hearer(AsyncCallbackHandler):
    """Keeps everything that it is told, in coroutines."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        """Keep it."""
        self.seen.append(f"{args} {kwargs}")

    on_llm_new_token = on_llm_end = on_llm_error = on_chat_model_start
    on_chain_start = on_chain_end = on_chain_error = on_custom_event = on_chat_model_start


def worker_of(kind: str, text: str, turn: Any) -> Any:
    """Return a worker that answers with a text: a function, a chain, or a graph, with a model in it."""

    async def function(message: str) -> str:
        await turn()
        get_stream_writer()({"said": text})
        await turn()
        return text

    if kind == "function":
        return function
    model = GenericFakeChatModel(messages=iter([AIMessage(text)] * 9))
    if kind == "chain":
        return RunnableLambda(function) | RunnableLambda(lambda said: f"{said}") | model

    class State(TypedDict, total=False):
        messages: list[Any]

    async def node(state: State) -> Any:
        await turn()
        return {"messages": [await model.ainvoke("x")]}

    async def idle(state: State) -> Any:
        await turn()
        return {}

    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_node("idle", idle)
    builder.add_edge(START, "node")
    builder.add_edge("node", "idle")
    builder.add_edge("idle", END)
    return builder.compile()


@pytest.mark.parametrize("part", range(2))
async def test_nothing_is_seen_that_a_check_caught_under_any_timing(part: int) -> None:
    """Not in state, streams, traces or checkpoints, whoever is first; four hundred runs in two parts."""
    released = withheld = 0
    for seed in range(part * RUNS, part * RUNS + RUNS):
        draw = random.Random(seed)

        async def turn(draw: random.Random = draw) -> None:
            for _ in range(draw.randrange(6)):
                await asyncio.sleep(0)

        def check(draw: random.Random = draw, turn: Any = turn) -> Any:
            found = draw.choice([False, False, False, True, "hit", None, ConnectionError("down")])

            async def judge(text: str) -> Any:
                await turn()
                await turn()
                if isinstance(found, Exception):
                    raise found
                return found

            return Check(worker=judge)

        checks = {"a": check(), "b": Check(worker=check().worker, blocking=draw.random() < 0.3)}
        answer_checks = {"c": check()} if draw.random() < 0.5 else None
        saver, tracer, hearer = InMemorySaver(), Tracer(), Hearer()
        graph = create_guarded(
            worker=worker_of(draw.choice(["function", "chain", "graph"]), SECRET, turn),
            checks=checks,
            answer_checks=answer_checks,
            policy=draw.choice(["open", "closed"]),
            stream=draw.random() < 0.5,
            checkpointer=saver,
        )
        config: Any = {**CONFIG, "callbacks": [tracer, hearer]}
        modes: Any = ["custom", "updates", "values", "messages"]
        seen = [c async for c in graph.astream(MESSAGE, config, stream_mode=modes, subgraphs=True)]
        out = (await graph.aget_state(CONFIG)).values
        stored = repr([*saver.storage.items()]) + repr([*saver.writes.items()]) + repr([*saver.blobs.items()])
        places = {
            "stream": repr(seen),
            "trace": repr(tracer.seen),
            "heard": repr(hearer.seen),
            "saver": stored,
        }
        if out["released"]:
            released += 1
            assert out["answer"] == SECRET
            assert SECRET in places["stream"]
            continue
        withheld += 1
        shown = [name for name, what in places.items() if SECRET in what]
        assert (seed, shown) == (seed, [])
        assert SECRET not in repr(out)
    assert released > 30
    assert withheld > 30


async def test_what_a_graph_in_an_answer_streams_follows_once_it_is_released() -> None:
    """Its own events, and the updates of its nodes, in their order."""

    async def turn() -> None:
        await asyncio.sleep(0)

    class State(TypedDict, total=False):
        messages: list[Any]

    async def node(state: State) -> Any:
        get_stream_writer()({"said": "so far"})
        return {"messages": [AIMessage("Patch it.")]}

    builder = StateGraph(State)
    builder.add_node("patcher", node)
    builder.add_edge(START, "patcher")
    for flagged in (False, True):
        graph = create_guarded(worker=builder.compile(), checks={"a": lambda text, flagged=flagged: flagged})
        modes: Any = ["custom", "updates"]
        seen = [chunk async for chunk in graph.astream(MESSAGE, stream_mode=modes, subgraphs=True)]
        assert ("so far" in repr(seen)) is not flagged
        assert ("'patcher'" in repr(seen)) is not flagged


async def test_what_an_answer_shows_before_it_asks_a_person_stays_held() -> None:
    """The checks of the message have passed, those of the answer have not run yet."""

    async def worker(message: str) -> str:
        get_stream_writer()({"said": SECRET})
        await RunnableLambda(lambda text: text).ainvoke(SECRET)
        return f"{SECRET} {interrupt('go on?')}"

    for flagged in (False, True):
        tracer, saver = Tracer(), InMemorySaver()
        graph = create_guarded(
            worker=worker,
            checks={"a": lambda text: False},
            answer_checks={"b": lambda text, flagged=flagged: flagged},
            checkpointer=saver,
        )
        config: Any = {**CONFIG, "callbacks": [tracer]}
        modes: Any = ["custom", "updates", "messages"]
        seen = [chunk async for chunk in graph.astream(MESSAGE, config, stream_mode=modes)]
        assert "go on?" in repr(seen)
        assert SECRET not in repr([seen, tracer.seen])
        resumed = graph.astream(Command(resume="yes"), config, stream_mode=modes)
        seen = [chunk async for chunk in resumed]
        assert (SECRET in repr(seen)) is not flagged
        stored: list[Any] = [dict(saver.storage), dict(saver.writes), dict(saver.blobs)]
        if flagged:
            assert SECRET not in repr([tracer.seen, *stored])


async def test_events_of_an_app_do_not_show_a_withheld_answer() -> None:
    """`astream_events` of a graph that has the guarded one as a node."""

    class App(TypedDict, total=False):
        message: str
        answer: str

    async def turn() -> None:
        await asyncio.sleep(0)

    guarded = create_guarded(worker=worker_of("chain", SECRET, turn), checks={"a": lambda text: True})
    builder = StateGraph(App)
    builder.add_node("guarded", guarded)
    builder.add_edge(START, "guarded")
    app = builder.compile()
    stream: Any = app.astream_events({"message": "?"}, version="v2")
    events = [event async for event in stream]
    assert SECRET not in repr(events)
    assert any(event["name"] == "guarded" for event in events)


async def test_traces_show_the_steps_of_an_answer_and_its_tokens_without_contents() -> None:
    """Names and times are there; after the gate has opened, contents are as well."""
    opened, is_open = asyncio.Event(), asyncio.Event()

    async def check(text: str) -> bool:
        await opened.wait()
        return False

    def step(name: str) -> Any:
        return RunnableLambda(lambda text: f"{name} {text}").with_config(run_name=name)

    async def worker(message: str) -> str:
        first = await step("early").ainvoke("secret 1")
        opened.set()
        await is_open.wait()
        last = await step("late").ainvoke("secret 2")
        return f"{first} {last}"

    tracer = Tracer()
    graph = create_guarded(worker=worker, checks={"a": check})
    async for event in graph.astream(MESSAGE, {"callbacks": [tracer]}, stream_mode="custom"):
        if event.get("event") == "ended" and event["branch"] == ["check/a"]:
            is_open.set()
    assert {"early", "late"} <= set(tracer.names)
    inside = [seen for seen in tracer.seen if "early secret 1" in seen or "late secret 2" in seen]
    assert not any("early secret 1" in seen and "late secret 2" not in seen for seen in inside)
    assert any("late secret 2" in seen and "early" not in seen for seen in inside)


async def test_a_handler_keeps_what_it_counts() -> None:
    """It sees the tokens of a withheld answer, and has the same state as outside."""

    class Counter(BaseCallbackHandler):
        calls = 0

        def on_llm_end(self, response: Any, **kwargs: Any) -> None:
            self.calls += 1
            assert SECRET not in repr(response)

    async def turn() -> None:
        await asyncio.sleep(0)

    counter = Counter()
    graph = create_guarded(worker=worker_of("chain", SECRET, turn), checks={"a": lambda text: True})
    await graph.ainvoke(MESSAGE, {"callbacks": [counter]})
    assert counter.calls <= 1  # the answer may have been cancelled before
    graph = create_guarded(worker=worker_of("chain", "fine", turn), checks={"a": lambda text: False})
    before = counter.calls
    await graph.ainvoke(MESSAGE, {"callbacks": [counter]})
    assert counter.calls == before + 1


async def test_a_check_of_the_answer_withholds_it() -> None:
    """It gets the text of the answer; what it says of it is in no output, since it may quote it."""
    asked: list[str] = []

    def leaks(text: str) -> Any:
        asked.append(text)
        return {"flagged": SECRET in text, "reason": f"it says {text}", "quotes": [SECRET]}

    graph = create_guarded(
        worker=lambda message: f"It is {SECRET}.",
        checks={"a": lambda text: False},
        answer_checks={"leaks": leaks},
    )
    out = await graph.ainvoke(MESSAGE)
    assert asked == [f"It is {SECRET}."]
    assert (out["answer"], out["released"], out["reason"]) == (None, False, "leaks has flagged the answer")
    assert [(outcome.check, outcome.status) for outcome in out["outcomes"]] == [
        ("a", "clean"),
        ("leaks", "flagged"),
    ]
    assert SECRET not in repr(out)
    assert out["run_report"].failures == {}


async def test_an_answer_that_passes_its_checks_is_released_with_what_they_say() -> None:
    """The outcomes of both sides are in the order of the checks."""
    graph = create_guarded(
        worker=lambda message: "Patch it.",
        checks={"a": lambda text: False},
        answer_checks={"b": lambda text: {"flagged": False, "reason": f"fine: {text}"}},
    )
    out = await graph.ainvoke(MESSAGE)
    assert (out["answer"], out["released"], out["reason"]) == ("Patch it.", True, "")
    assert [outcome.check for outcome in out["outcomes"]] == ["a", "b"]
    assert out["outcomes"][1].reasons == ["fine: Patch it."]


def fails(text: str) -> Any:
    """Raise an error that quotes the answer."""
    raise ConnectionError(f"cannot send {text}")


@pytest.mark.parametrize(
    ("check", "policy", "released"),
    [
        (fails, "closed", False),
        (fails, "open", True),
        (lambda text: "yes", "open", False),
        (lambda text: None, "open", False),
        (lambda text: interrupt("may I?"), "open", False),
    ],
    ids=["fails, closed", "fails, open", "unreadable", "undecided", "asks"],
)
async def test_the_policy_holds_for_checks_of_the_answer(check: Any, policy: Any, released: bool) -> None:
    """Only one that fails to run passes under `open`; none can ask a person about a text that is not kept."""
    graph = create_guarded(
        worker=lambda message: SECRET,
        checks={"a": lambda text: False},
        answer_checks={"b": check},
        policy=policy,
        checkpointer=InMemorySaver(),
    )
    out = await graph.ainvoke(MESSAGE, CONFIG)
    assert out["released"] is released
    assert (SECRET in repr(out)) is released
    assert "__interrupt__" not in out


async def test_models_and_votes_check_the_answer(model: str, server: ModelServer) -> None:
    """By criteria; the prompt has the answer as data, and the calls are in the report."""
    notes: dict[str, Any] = {"quotes": []}
    flag = {"rationale": f"it says {SECRET}", "choice": "flag", "confidence": 1, "notes": notes}
    clean = {"rationale": "", "choice": "clean", "confidence": 1, "notes": notes}
    server.on("Answer the message", Reply(text=f"It is {SECRET}."))
    server.on("Decide whether a message", Reply(json=clean))
    server.on("Decide whether an answer", Reply(json=flag))
    for voters in (1, 3):
        graph = create_guarded(model=model, answer_checks={"leaks": Check("No secrets.", voters=voters)})
        out = await graph.ainvoke(MESSAGE)
        assert (out["released"], out["reason"]) == (False, "leaks has flagged the answer")
        assert SECRET not in repr(out)
        (asked, *_) = server.asked("Decide whether an answer")
        assert 'name="answer">\nIt is s3cret.\n</' in asked.prompt
        assert "No secrets." in asked.prompt
        assert len(out["run_report"].calls) == len(server.requests)
        server.requests.clear()


async def test_a_streamed_answer_is_checked_sentence_by_sentence(model: str, server: ModelServer) -> None:
    """Only sentences that have passed are streamed; then the stream says that the answer is withheld."""
    text = f"First this. Then that. It is {SECRET}. More follows. And more."
    server.on("Answer the message", Reply(text=text))
    judged: list[str] = []

    def leaks(part: str) -> bool:
        judged.append(part)
        return SECRET in part

    graph = create_guarded(
        model=model, stream=True, checks={"a": lambda t: False}, answer_checks={"leaks": leaks}
    )
    events = [event async for event in graph.astream(MESSAGE, stream_mode="custom")]
    shown = "".join(event["text"] for event in events if event["event"] == "token")
    assert text.startswith(shown)
    assert SECRET not in shown
    assert all(text.startswith(part) for part in judged)
    withheld = [event for event in events if event["event"] == "withheld"]
    assert len(withheld) == bool(shown)


async def test_a_part_is_streamed_once_its_prefix_has_passed() -> None:
    """While the rest is still being written; a restart begins anew, and the end follows as a whole."""
    seen = asyncio.Event()
    shown: list[str | None] = []

    async def judge(part: str) -> bool:
        return False

    def show(part: str | None) -> None:
        shown.append(part)
        seen.set()

    parts = PartChecks(show, judge)
    running = asyncio.ensure_future(parts.run())
    parts.feed("One. ")
    parts.feed("Tw")
    await asyncio.sleep(0)
    assert shown == []
    parts.feed("o. Th")
    await seen.wait()
    assert "".join(part or "" for part in shown) == "One. Two. "
    parts.feed(None)
    assert shown[-1] is None
    parts.finish("All.")
    assert shown[-1] == "All."
    running.cancel()


async def test_a_blocking_check_precedes_everything() -> None:
    """Neither the answer nor the other checks start before it has passed, and never if it trips."""
    order: list[str] = []

    def note(name: str, found: bool = False) -> Any:
        def judge(text: str) -> bool:
            order.append(name)
            return found

        return judge

    def worker(message: str) -> str:
        order.append("answer")
        return "Patch it."

    def build(found: bool) -> Any:
        checks: Any = {"beside": note("beside"), "first": {"worker": note("first", found), "blocking": True}}
        return create_guarded(worker=worker, checks=checks)

    out = await build(False).ainvoke(MESSAGE)
    assert (out["answer"], order[0], sorted(order)) == ("Patch it.", "first", ["answer", "beside", "first"])
    order.clear()
    out = await build(True).ainvoke(MESSAGE)
    assert (out["released"], out["reason"], order) == (False, "first has flagged it", ["first"])
    assert [(outcome.check, outcome.status) for outcome in out["outcomes"]] == [
        ("beside", "not_run"),
        ("first", "flagged"),
    ]
    assert (await aestimate(build(False), MESSAGE)).calls == 0


@pytest.mark.parametrize(("policy", "answer"), [("closed", None), ("open", "Patch it.")])
async def test_the_policy_holds_for_blocking_checks(policy: Any, answer: str | None) -> None:
    """One that fails to run lets the answer begin only under `open`."""
    checks = {"first": Check(worker=fails, blocking=True), "beside": Check(worker=lambda text: False)}
    graph = create_guarded(worker=lambda message: "Patch it.", checks=checks, policy=policy)
    out = await graph.ainvoke(MESSAGE)
    assert out["answer"] == answer


async def test_a_blocking_check_may_ask_a_person() -> None:
    """The answer begins once it has passed, on the same thread, and each is asked once."""
    calls: list[str] = []

    def ask(text: str) -> Any:
        calls.append("check")
        return interrupt("may I?") != "yes"

    def worker(message: str) -> str:
        calls.append("answer")
        return "Patch it."

    graph = create_guarded(
        worker=worker,
        checks={"first": Check(worker=ask, blocking=True), "beside": Check(worker=lambda text: False)},
        checkpointer=InMemorySaver(),
    )
    out = await graph.ainvoke(MESSAGE, CONFIG)
    assert len(out["__interrupt__"]) == 1
    assert calls == ["check"]
    out = await graph.ainvoke(Command(resume="yes"), CONFIG)
    assert (out["answer"], calls) == ("Patch it.", ["check", "check", "answer"])


async def test_a_redrive_goes_on_after_a_blocking_check_that_could_not_run() -> None:
    """The check is asked again, and then the answer begins."""
    down = [True]

    def first(text: str) -> bool:
        if down:
            raise ConnectionError("down")
        return False

    graph = create_guarded(
        worker=lambda message: "Patch it.",
        checks={"first": Check(worker=first, blocking=True), "beside": Check(worker=lambda text: False)},
        checkpointer=InMemorySaver(),
    )
    assert (await graph.ainvoke(MESSAGE, CONFIG))["answer"] is None
    down.clear()
    assert (await aredrive(graph, CONFIG))["answer"] == "Patch it."


async def test_a_redrive_asks_again_after_a_check_of_the_answer_that_could_not_run() -> None:
    """The answer is made again, since it was kept nowhere."""
    down, made = [True], []

    def check(text: str) -> bool:
        if down:
            raise ConnectionError("down")
        return False

    def worker(message: str) -> str:
        made.append(message)
        return "Patch it."

    graph = create_guarded(
        worker=worker,
        checks={"a": lambda text: False},
        answer_checks={"b": check},
        checkpointer=InMemorySaver(),
    )
    assert (await graph.ainvoke(MESSAGE, CONFIG))["answer"] is None
    down.clear()
    out = await aredrive(graph, CONFIG)
    assert (out["answer"], len(made)) == ("Patch it.", 2)


def test_checks_that_cannot_block_or_are_named_twice_are_refused() -> None:
    """A check of an answer and one of a moderation have nothing that they could precede."""
    blocking = Check("No.", blocking=True)
    with pytest.raises(UsageError, match="answer_checks: 'b' is blocking"):
        create_guarded(answer_checks={"b": blocking})
    with pytest.raises(UsageError, match="checks: 'b' is blocking"):
        create_moderation(checks={"b": blocking})
    with pytest.raises(UsageError, match="'safety' is in checks and in answer_checks"):
        create_guarded(answer_checks={"safety": "No."})
    with pytest.raises(UsageError, match="answer_checks is empty"):
        create_guarded(answer_checks={})


async def test_a_vote_may_answer_and_its_text_is_checked() -> None:
    """A graph of this package as the worker: its result is checked as text."""
    vote = create_voting(voters={"x": lambda q: SECRET, "y": lambda q: SECRET})
    graph = create_guarded(
        worker=vote, checks={"a": lambda text: False}, answer_checks={"b": lambda text: SECRET in text}
    )
    out = await graph.ainvoke(MESSAGE)
    assert (out["released"], out["reason"]) == (False, "b has flagged the answer")
    assert SECRET not in repr(out)
