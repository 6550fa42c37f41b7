"""Graphs that run in the task of their caller return and raise what they do when LangGraph runs them."""

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config
from langgraph.graph import START, StateGraph
from langgraph.runtime import get_runtime
from pydantic import BaseModel, PrivateAttr
from typing_extensions import TypedDict

from langgraph_parallel import Ask, Limits, create_labeling, create_voting, errors
from langgraph_parallel.records import Call
from langgraph_parallel.runtime import graph as graph_module
from langgraph_parallel.runtime.draining import drain
from langgraph_parallel.runtime.in_task import run_in_task
from langgraph_parallel.runtime.limiter_registry import get_limiter, reset_limits
from langgraph_parallel.testing import FakeModel
from tests.support.clock import Clock, until
from tests.support.server import Gate, ModelServer, Reply
from tests.support.simulated import simulated

LABELS = ["yes", "no"]
_TIMES = {
    *("started", "ended", "wall_seconds", "sequential_seconds", "speedup", "critical_path_seconds"),
    *("call_p50_seconds", "call_p95_seconds", "at", "cost", "run", "graph_run", "call", "parent", "versions"),
}
"""Fields that differ between any two runs."""
_ITEM = re.compile(r"item (\d+)\.")
_VOTER = re.compile(r"You are (?:annotator|voter) (\d+)")


class InOrder(FakeModel):
    """Answers the voters of an item in an order of its own, and notes what reaches it."""

    asks_no_person: ClassVar[bool] = True
    _ranks: dict[int, int] = PrivateAttr(default_factory=dict)
    seen: list[dict[str, Any]] = []

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        prompt = "\n".join(message.text for message in messages)
        voter, item = (
            int(found[1]) if found else 0 for found in (_VOTER.search(prompt), _ITEM.search(prompt))
        )
        await asyncio.sleep((5 + self._ranks.get(voter, 0) + item / 10) / 1000)
        self.seen.append({"config": get_config(), "runtime": get_runtime(), "manager": run_manager})
        return self._generate(messages, stop, None, **kwargs)


@contextmanager
def by_langgraph() -> Iterator[None]:
    """Let LangGraph run all graphs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_module, "runs_in_task", lambda *_, **__: False)
        yield


@contextmanager
def counting() -> Iterator[list[str]]:
    """Collect the names of the graphs that run in the task of their caller."""
    names: list[str] = []

    async def counted(graph: Any, *args: Any) -> Any:
        names.append(graph.name)
        return await run_in_task(graph, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_module, "run_in_task", counted)
        yield names


def plain(value: Any) -> Any:
    """Return records as plain data, without times and random ids."""
    if isinstance(value, BaseModel):
        kind, fields = type(value).__name__, {name: getattr(value, name) for name in type(value).model_fields}
        hidden = _TIMES | ({"id"} if kind == "Call" else set())
        return kind, {name: plain(field) for name, field in fields.items() if name not in hidden}
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if key not in _TIMES}
    if isinstance(value, list) and any(isinstance(one, Call) for one in value):
        return sorted(map(plain, value), key=repr)  # by their starts, which may be as good as equal
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


async def outcome(graph: Any, given: Any, **options: Any) -> Any:
    """Return what a graph returns or raises."""
    reset_limits()
    try:
        return plain(await graph.ainvoke(given, **options))
    except Exception as error:
        kept = {name: plain(getattr(error, name, None)) for name in ("branches", "run_report", "sections")}
        return type(error).__name__, str(error), kept


def exactly(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run in simulated time, without threads, so that nothing depends on how fast the machine is."""

    async def alone() -> None:
        loop: Any = asyncio.get_running_loop()

        def here(executor: Any, function: Callable[..., Any], *args: Any) -> Any:
            done = loop.create_future()
            done.set_result(function(*args))
            return done

        loop.run_in_executor = here
        await main()

    simulated(alone(), seed=None)


ANSWERS: Any = st.sampled_from(
    [
        *({"choice": "yes", "confidence": 0.9}, {"choice": "no"}, {"choice": None}, {"choice": "perhaps"}),
        *("not JSON", ValueError("broken")),
    ]
)
OPTIONS: Any = st.fixed_dictionaries({"wave": st.sampled_from([None, "lossless", "all", 1, 2])}).flatmap(
    lambda chosen: st.sampled_from(
        [
            {**chosen, "rule": rule, "stop": stop}
            for rule in ("majority", "unanimous", "threshold(0.7)")
            for stop in ("all_votes", "decided", *(["ahead_by(2)"] if rule == "majority" else []))
        ]
    )
)
POLICIES = [None, "min_success(0.5)", "min_success(1.0)", "tolerated_failures(1)"]
MORE: Any = st.fixed_dictionaries(
    {
        "race": st.booleans(),
        "on_undecided": st.sampled_from(["return", "weighted"]),
        "shadow": st.booleans(),
        "completion": st.sampled_from(POLICIES),
        "limits": st.sampled_from([None, {"budget_calls": 2}, {"budget_calls": 4}]),
    }
)


def _is_asked(item: int, voter: int, prompt: str) -> bool:
    return f"item {item}." in prompt and f" {voter}" in prompt[-30:]


@st.composite
def models(draw: Any, items: int) -> InOrder:
    """Draw a model that answers each of five voters on each item, in any order."""
    model = InOrder()
    for item in range(items):
        for voter in range(1, 6):
            model.on(partial(_is_asked, item, voter), draw(ANSWERS))
    model._ranks = dict(enumerate(draw(st.permutations(range(5))), 1))
    return model


@settings(max_examples=30)
@given(model=models(1), voters=st.integers(1, 5), options=OPTIONS, more=MORE)
def test_a_vote_is_the_same(model: InOrder, voters: int, options: Any, more: Any) -> None:
    """Whatever voters answer, in whatever order, under any stop, wave, rule, policy and budget."""

    async def both() -> None:
        graph = create_voting(model=model, choices=LABELS, voters=voters, **options, **more)
        with counting() as names:
            ours = await outcome(graph, {"question": "What is item 0.?"})
        assert names == ["voting"]
        with by_langgraph():
            assert await outcome(graph, {"question": "What is item 0.?"}) == ours

    exactly(both)


@settings(max_examples=8)
@given(model=models(3), voters=st.integers(1, 5), options=OPTIONS)
def test_a_labeling_is_the_same(model: InOrder, voters: int, options: Any) -> None:
    """With all of its votes, in records and in the order of events."""

    async def both() -> None:
        graph = create_labeling(labels=LABELS, model=model, voters=voters, **options)
        given = {"items": {name: f"item {i}." for i, name in enumerate(["b", "a", "ü"])}}
        with counting() as names:
            ours, told = await outcome(graph, given), await events(graph, given)
        assert names == ["labeling", *["label"] * 6]
        with by_langgraph():
            assert await outcome(graph, given) == ours
            assert sorted_by_branch(await events(graph, given)) == sorted_by_branch(told)

    exactly(both)


async def events(graph: Any, given: Any) -> list[Any]:
    """Return the events of a streamed run; its votes have no stream of their own."""
    told = [plain(event) async for event in graph.astream(given, stream_mode="custom")]
    for event in told:  # which of several that are cancelled at once is told first is not said
        if event["event"] == "called":
            del event["input_tokens"]
    return told


def sorted_by_branch(told: list[Any]) -> list[Any]:
    """Return events item by item, each with its own in the order in which they were told."""
    return sorted((e for e in told if e["event"] != "progress"), key=lambda event: event["branch"][:1])


async def test_what_a_caller_sets_reaches_the_models() -> None:
    """Tags, metadata, configurable values and the runtime context do, at each level."""
    config: RunnableConfig = {
        "tags": ["mine"],
        "metadata": {"team": "blue"},
        "configurable": {"thread_id": "7"},
    }
    told = []
    for langgraph in (False, True):
        model = InOrder(default={"choice": "yes"})
        graph = create_labeling(labels=LABELS, model=model, voters=2)
        with by_langgraph() if langgraph else counting():
            await graph.ainvoke({"items": ["a"]}, config, context={"trace": "graph"})
        for seen in model.seen:
            assert seen["runtime"].context.trace == "graph"
            assert seen["config"]["configurable"]["thread_id"] == "7"
        told.append([metadata_of(seen) for seen in model.seen])
    assert told[0] == told[1]
    assert told[0][0]["metadata"].items() >= {"team": "blue", "branch": "#1"}.items()
    assert "mine" in told[0][0]["tags"]


def metadata_of(seen: dict[str, Any]) -> dict[str, Any]:
    """Return what a model call is told of its place, without LangGraph's own names for it."""
    hidden = ("langgraph_", "ls_", "checkpoint_ns", "call", "lc_")
    metadata = {k: v for k, v in seen["manager"].metadata.items() if not k.startswith(hidden)}
    return {"tags": seen["manager"].tags, "metadata": metadata, "name": seen["config"].get("run_name")}


class _State(TypedDict):
    question: str
    verdict: Any


def inside_of_another(graph: Any) -> Any:
    """Return a graph of others with this one as its node."""
    builder: Any = StateGraph(_State)
    builder.add_node("vote", graph)
    builder.add_edge(START, "vote")
    return builder.compile()


class Heard(BaseCallbackHandler):
    """Listens to nothing in particular."""


class Watched(FakeModel):
    """A model with callbacks of its own."""


def _with_saver() -> Any:
    return create_voting(
        model=FakeModel(default={"choice": "yes"}), choices=LABELS, checkpointer=InMemorySaver()
    )


def _voting(**options: Any) -> Any:
    return create_voting(**{"model": FakeModel(default={"choice": "yes"}), "choices": LABELS, **options})


def _watched_model() -> Any:
    model = FakeModel(default={"choice": "yes"})
    model.callbacks = [Heard()]
    return model


THREAD: RunnableConfig = {"configurable": {"thread_id": "1"}}
LEFT_TO_LANGGRAPH: Any = {
    "a checkpointer": (lambda: _with_saver(), {"config": THREAD}),
    "callbacks": (lambda: _voting(), {"config": {"callbacks": [Heard()]}}),
    "callbacks around it": (
        lambda: RunnableLambda(_voting().ainvoke),
        {"config": {"callbacks": [Heard()]}},
    ),
    "a bound of concurrency": (lambda: _voting(), {"config": {"max_concurrency": 2}}),
    "settings of LangGraph": (lambda: _voting(), {"stream_mode": "updates"}),
    "a config of its own": (lambda: _voting().with_config(tags=["mine"]), {}),
    "voters of the caller": (lambda: create_voting(voters={"a": lambda q: "yes"}, choices=LABELS), {}),
    "a rule of the caller": (lambda: _voting(rule=lambda choices: choices[0]), {}),
    "a judge": (lambda: _voting(on_undecided=Ask("{question}", model=FakeModel())), {}),
    "a model that is watched": (lambda: _voting(model=_watched_model()), {}),
    "names of the caller": (lambda: _voting(outputs={"verdict": "verdict"}), {}),
    "a graph of others": (lambda: inside_of_another(_voting()), {}),
}


@pytest.mark.parametrize("case", LEFT_TO_LANGGRAPH.values(), ids=LEFT_TO_LANGGRAPH.keys())
async def test_langgraph_runs_what_somebody_may_watch(case: Any) -> None:
    """Who has a checkpointer, callbacks, code or graphs of their own around it finds LangGraph there."""
    build, options = case
    with counting() as names:
        await build().ainvoke({"question": "Is it?"}, **options)
    assert names == []


async def test_langgraph_runs_what_the_environment_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback that is registered for the whole process counts as well."""
    from langchain_core.callbacks import get_usage_metadata_callback

    with counting() as names, get_usage_metadata_callback() as usage:
        await _voting().ainvoke({"question": "Is it?"})
    assert names == []
    assert usage is not None


async def test_votes_whose_events_are_heard_at_all_levels_are_left_to_langgraph() -> None:
    """It alone has a stream for each level."""
    graph = create_labeling(labels=LABELS, model=FakeModel(default={"choice": "yes"}))
    with counting() as names:
        async for _ in graph.astream({"items": ["a"]}, stream_mode="custom", subgraphs=True):
            pass
    assert names == []


@pytest.mark.parametrize("given", [None, "text", {}, {"question": ""}, []])
async def test_a_wrong_input_is_refused_alike(given: Any) -> None:
    """With the same error, whoever runs the graph."""
    graph = _voting()
    ours = await outcome(graph, given)
    with by_langgraph():
        assert await outcome(graph, given) == ours
    assert ours[0] in ("InputError", "EmptyInputError")


async def test_a_wrong_context_is_refused_alike() -> None:
    """With the same error, whoever runs the graph."""
    ours = await outcome(_voting(), {"question": "Is it?"}, context={"voters": 0})
    with by_langgraph():
        assert await outcome(_voting(), {"question": "Is it?"}, context={"voters": 0}) == ours
    assert ours[0] == "UsageError"


async def test_a_conversation_gets_its_answer() -> None:
    """Messages in, messages out, as otherwise."""
    given = {"messages": [{"role": "user", "content": "Is it?", "id": "1"}]}
    ours = (await _voting().ainvoke(given))["messages"]
    with by_langgraph():
        theirs = (await _voting().ainvoke(given))["messages"]
    assert [(m.type, m.text, m.name) for m in ours] == [(m.type, m.text, m.name) for m in theirs]
    assert len(ours) == 2


async def test_cancelling_closes_the_connections(model: str, server: ModelServer) -> None:
    """All voters of all items end before the caller goes on."""
    server.always(Reply(gate=Gate()))
    graph = create_labeling(labels=LABELS, model=model, voters=3, stop="all_votes")
    before = asyncio.all_tasks()
    with counting() as names:
        running = asyncio.create_task(graph.ainvoke({"items": ["a", "b"]}))
        await asyncio.to_thread(server.wait, lambda s: s.in_flight == 6)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert names == ["labeling", "label", "label"]
    assert asyncio.all_tasks() == before
    await asyncio.to_thread(server.wait, lambda s: s.cut_off == 6)


async def test_a_drain_reaches_the_votes(model: str, server: ModelServer) -> None:
    """What is in flight has its grace, what has not begun is skipped, and the graph closes on what it has."""
    gate = Gate()
    server.always(Reply(json={"choice": "yes"}, gate=gate))
    limits = Limits(concurrency=2)
    graph = create_labeling(labels=LABELS, model=model, voters=2, stop="all_votes", limits=limits)
    running = asyncio.create_task(graph.ainvoke({"items": ["a", "b"]}))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
    drain("enough", grace=60)
    gate.open()
    out = await running
    assert out["run_report"].branches == {"ok": 2, "skipped": 2}
    assert {str(label.label) for label in out["labels"]} <= {"yes", "None"}


async def test_a_deadline_ends_the_votes(model: str, server: ModelServer, clock: Clock) -> None:
    """The voters that have answered count, and the others have timed out."""
    server.always(Reply(gate=Gate()))
    server.on("annotator 1", Reply(json={"choice": "yes"}))
    limits, limiter = Limits(deadline=500), get_limiter(f"{server.url}/", "test-model")
    graph = create_labeling(labels=LABELS, model=model, voters=2, stop="all_votes", limits=limits)
    running = asyncio.ensure_future(graph.ainvoke({"items": ["a"]}))
    await until(lambda: len(server.requests) == 2 and limiter.in_flight == 1)
    clock.advance(500)
    out = await running
    assert out["run_report"].branches == {"ok": 1, "timed_out": 1}
    assert out["labels"][0].votes == {"#1": "yes", "#2": None}


async def test_a_bug_in_a_model_ends_no_other_vote() -> None:
    """It is the record of its branch."""
    model = FakeModel({"bad": ZeroDivisionError("bug")}, default={"choice": "yes"})
    out = await create_labeling(labels=LABELS, model=model).ainvoke({"items": ["bad", "good"]})
    assert [label.label for label in out["labels"]] == [None, "yes"]
    assert out["run_report"].status == "partial"


async def test_an_unmet_policy_raises_with_all_branches() -> None:
    """As when LangGraph runs the graph."""
    model = FakeModel({"voter 1": ValueError("no")}, default={"choice": "yes"})
    graph = _voting(model=model, completion="min_success(1.0)", stop="all_votes")
    with pytest.raises(errors.CompletionError) as raised, counting() as names:
        await graph.ainvoke({"question": "Is it?"})
    assert names == ["voting"]
    assert set(raised.value.branches) == {"#1", "#2", "#3"}


async def test_many_runs_at_once_share_nothing() -> None:
    """Each has its own channels, whichever ends first."""
    model = FakeModel()
    for i in range(20):
        model.on(f"<{i}>", {"choice": LABELS[i % 2]})
    graph = _voting(model=model)
    outs = await asyncio.gather(*(graph.ainvoke({"question": f"Is it <{i}>?"}) for i in range(20)))
    assert [out["verdict"].choice for out in outs] == [LABELS[i % 2] for i in range(20)]
    assert all(isinstance(one, BaseChatModel) for one in [model])
