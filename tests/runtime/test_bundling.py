"""Votes whose voters share one task of LangGraph's return, raise and tell what they do with one task each."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config, get_stream_writer
from langgraph.func import task
from langgraph.graph import START, StateGraph
from langgraph.runtime import get_runtime
from langgraph.types import interrupt
from typing_extensions import TypedDict

from langgraph_parallel import Limits, create_sectioning, create_voting, split
from langgraph_parallel.nodes.fan_out import bundle as bundle_module
from langgraph_parallel.nodes.fan_out.bundle import run_bundle
from langgraph_parallel.nodes.vote import nodes
from langgraph_parallel.runtime import graph as graph_module
from langgraph_parallel.runtime.context import VotingContext
from langgraph_parallel.runtime.draining import drain
from langgraph_parallel.runtime.hearers import hearing
from tests.runtime.test_in_task import POLICIES, THREAD, exactly, outcome, plain, sorted_by_branch
from tests.support.clock import Clock, until

QUESTION = {"question": "Is it?"}


@contextmanager
def one_task_each() -> Iterator[None]:
    """Let each voter have a task of LangGraph's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_module, "may_bundle", lambda *_, **__: False)
        yield


@contextmanager
def counting() -> Iterator[list[int]]:
    """Collect the sizes of the first waves that share a task."""
    sizes: list[int] = []

    async def counted(bundle: Any, *args: Any) -> Any:
        sizes.append(len(bundle))
        return await run_bundle(bundle, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle_module, "run_bundle", counted)
        yield sizes


class Voters:
    """Voters that give answers after some time, and note in which order they were asked.

    Args:
        answers: of each voter: a value, an error to raise, or a function to call.
        delays: of each voter, in milliseconds; 0 for an answer at once.
    """

    def __init__(self, answers: list[Any], delays: list[int]) -> None:
        self._answers, self._delays = answers, delays
        self.asked: list[str] = []

    def workers(self) -> Mapping[str, Callable[[Any], Any]]:
        """Return the voters by their names."""
        return {f"v{place}": self._voter(place) for place in range(len(self._answers))}

    def _voter(self, place: int) -> Callable[[Any], Any]:
        async def say(question: Any) -> Any:
            self.asked.append(f"v{place}")
            if delay := self._delays[place]:
                await asyncio.sleep(delay / 1000)
            answer = self._answers[place]
            if isinstance(answer, Exception):
                raise answer
            return answer() if callable(answer) else answer

        return say


class Told:
    """Hears the events of runs."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def add(self, event: Mapping[str, Any]) -> None:
        """Hear an event."""
        self.events.append(plain({**event}))

    def close(self, status: Any) -> None:
        """Hear the end."""
        self.events.append({"event": "closed", "status": status, "branch": []})


ANSWERS: Any = st.sampled_from(["yes", "yes", "no", "perhaps", None, ValueError("broken"), TimeoutError()])
OPTIONS: Any = st.sampled_from(
    [
        {"rule": rule, "stop": stop}
        for rule in ("majority", "unanimous", "threshold(0.6)", "first_valid")
        for stop in ("all_votes", "decided", *(["ahead_by(2)"] if rule == "majority" else []))
    ]
)
MORE: Any = st.fixed_dictionaries(
    {
        "wave": st.sampled_from([None, "lossless", "all", 1, 2, 5]),
        "race": st.booleans(),
        "choices": st.sampled_from([None, ["yes", "no"]]),
        "on_undecided": st.sampled_from(["return", "weighted", lambda question: "no"]),
        "shadow": st.booleans(),
        "completion": st.sampled_from(POLICIES),
        "limits": st.sampled_from([None, {"deadline": 0.004}, {"call_timeout": 0.003}]),
    }
)


@settings(max_examples=120)
@given(
    answers=st.lists(st.tuples(ANSWERS, st.integers(0, 9)), min_size=1, max_size=11),
    at_once=st.sampled_from([3, 1_000]),
    options=OPTIONS,
    more=MORE,
    heard=st.booleans(),
)
def test_a_vote_is_the_same(answers: Any, at_once: int, options: Any, more: Any, heard: bool) -> None:
    """Whatever voters answer, and when, under any stop, wave, rule, policy and limit: also who was asked."""
    said, delays = [list(part) for part in zip(*answers, strict=True)]

    async def run() -> Any:
        voters, told = Voters(said, delays), Told()
        graph = create_voting(voters=voters.workers(), **options, **more)
        if not heard:
            return await outcome(graph, QUESTION), voters.asked, []
        with hearing(told):
            return await outcome(graph, QUESTION), voters.asked, told.events

    async def both() -> None:
        with counting() as sizes:
            ours = await run()
        assert len(sizes) == 1
        with one_task_each(), counting() as sizes:
            theirs = await run()
        assert sizes == []
        assert ours[:2] == theirs[:2]
        assert sorted_by_branch(ours[2]) == sorted_by_branch(theirs[2])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodes, "AT_ONCE", at_once)
        exactly(both)


class _State(TypedDict):
    question: str


@task
async def as_task(value: str) -> str:
    """Return the value, in a task of LangGraph's."""
    return value


def inner_graph() -> Any:
    """Return a graph of others, whose node says where it is."""
    builder: Any = StateGraph(_State)
    builder.add_node("node", lambda state: {"question": get_config()["metadata"]["langgraph_checkpoint_ns"]})
    builder.add_edge(START, "node")
    return builder.compile()


async def seen_by_voters(**options: Any) -> list[dict[str, Any]]:
    """Return what voters find around them."""
    seen: list[dict[str, Any]] = []

    async def say(question: Any) -> str:
        config, runtime = get_config(), get_runtime(VotingContext)
        get_stream_writer()({"mine": 1})
        inside = await inner_graph().ainvoke({"question": "?"})
        assert await as_task("one") == "one"
        info = runtime.execution_info
        assert info is not None
        seen.append(
            {
                "config": {key: config[key] for key in ("tags", "recursion_limit")},
                "keys": sorted(config["configurable"]),
                "metadata": dict(config["metadata"]),
                "place": config["configurable"]["checkpoint_ns"],
                "task": config["configurable"]["__pregel_task_id"],
                "info": info,
                "inside": inside["question"],
                "team": runtime.context.trace,
            }
        )
        return "yes"

    graph = create_voting(voters={f"v{i}": say for i in range(4)}, stop="all_votes", wave=2, **options)
    config: Any = {"tags": ["mine"], "metadata": {"team": "blue"}, "configurable": {"thread_id": "7"}}
    await graph.ainvoke(QUESTION, config, context={"trace": "graph"})
    return seen


async def test_a_voter_finds_around_it_what_langgraph_puts_there() -> None:
    """Config, metadata, runtime, the place and the id of a task of its own, also for what runs inside."""
    with counting() as sizes:
        ours = await seen_by_voters()
    assert sizes == [2]
    with one_task_each():
        theirs = await seen_by_voters()
    hidden = {"langgraph_checkpoint_ns", "checkpoint_ns"}
    for seen, other in zip(ours, theirs, strict=True):
        assert (seen["config"], seen["keys"], seen["team"]) == (other["config"], other["keys"], "graph")
        assert seen["metadata"].keys() == other["metadata"].keys()
        for key in seen["metadata"].keys() - hidden:
            assert seen["metadata"][key] == other["metadata"][key], key
    for seen in (*ours, *theirs):
        assert seen["place"] == f"voter:{seen['task']}" == seen["metadata"]["langgraph_checkpoint_ns"]
        assert (seen["info"].task_id, seen["info"].checkpoint_ns) == (seen["task"], seen["place"])
        assert seen["inside"].startswith(f"{seen['place']}|")
    assert len({seen["task"] for seen in ours}) == 4


def asks_person(question: str = "who?") -> Any:
    """Ask a person."""
    return interrupt(question)


@pytest.mark.parametrize(
    ("answers", "wave"),
    [
        pytest.param(["yes", asks_person, "no"], "all", id="first wave"),
        pytest.param(["yes", "no", "yes", asks_person, "no"], 2, id="second wave"),
        pytest.param([asks_person, "yes", asks_person, asks_person], "all", id="several"),
        pytest.param(["no", "yes", asks_person, asks_person], 2, id="several in the second wave"),
    ],
)
async def test_a_voter_that_asks_a_person_interrupts(answers: Any, wave: Any) -> None:
    """With all that is asked, each with an id of its own, and the records of the waves before."""
    outputs = []
    for alone in (False, True):
        voters = Voters(answers, [0] * len(answers))
        graph = create_voting(voters=voters.workers(), stop="all_votes", wave=wave)
        with one_task_each() if alone else counting() as sizes:
            out = await graph.ainvoke(QUESTION)
        assert alone or sizes
        asked = out.pop("__interrupt__")
        assert len({one.id for one in asked}) == len(asked)
        outputs.append((plain(out), sorted(repr(one.value) for one in asked), voters.asked))
    assert outputs[0] == outputs[1]
    assert len(outputs[0][1]) == answers.count(asks_person)


@pytest.mark.parametrize("waits", [0, 4], ids=["first wave", "third wave"])
async def test_cancelling_ends_all_voters(waits: int) -> None:
    """Also those of a later wave, before the caller goes on."""
    begun, ended = asyncio.Event(), list[str]()

    def voter(place: int) -> Callable[[Any], Any]:
        async def say(question: Any) -> str:
            if place < waits:
                return "yes"
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(f"v{place}")
            return "no"

        return say

    graph = create_voting(voters={f"v{i}": voter(i) for i in range(6)}, stop="all_votes", wave=2)
    before = asyncio.all_tasks()
    with counting() as sizes:
        running = asyncio.create_task(graph.ainvoke(QUESTION))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert sizes == [2]
    assert sorted(ended) == [f"v{waits}", f"v{waits + 1}"]
    assert asyncio.all_tasks() == before


async def test_a_voter_that_cancels_itself_is_alone() -> None:
    """Its record says so, and the others are heard."""

    async def cancels(question: Any) -> None:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await asyncio.sleep(0)

    async def says(question: Any) -> str:
        return "yes"

    outputs = []
    for alone in (False, True):
        graph = create_voting(
            voters={"a": says, "b": cancels, "c": RunnableLambda(cancels), "d": says}, stop="all_votes"
        )
        with one_task_each() if alone else counting():
            outputs.append(await outcome(graph, QUESTION))
    assert outputs[0] == outputs[1]
    assert {key: one[1]["status"] for key, one in outputs[0]["branches"].items()} == {
        "a": "ok",
        "b": "cancelled",
        "c": "cancelled",
        "d": "ok",
    }


async def test_a_drain_ends_the_vote_between_waves() -> None:
    """Who has not been asked by then is not asked, and has a record."""

    async def last(question: Any) -> str:
        drain("enough")
        return "yes"

    async def says(question: Any) -> str:
        return "no"

    outputs = []
    for alone in (False, True):
        graph = create_voting(voters={"a": says, "b": last, "c": says, "d": says}, stop="all_votes", wave=2)
        with one_task_each() if alone else counting() as sizes:
            outputs.append(await outcome(graph, QUESTION))
        assert alone or sizes == [2]
    assert outputs[0] == outputs[1]
    assert outputs[0]["branches"]["c"][1]["ended_by"] == "drain"


async def test_votes_in_sections_and_in_votes_are_the_same() -> None:
    """A vote of functions as a worker, and as a voter, with what fails in it."""

    def voters(name: str) -> Any:
        return Voters(["yes", ValueError(name), "no", "yes"], [0, 0, 2, 1]).workers()

    async def both(build: Callable[[], Any], given: Any) -> None:
        with counting() as sizes:
            ours = await outcome(build(), given)
        assert sizes
        with one_task_each():
            assert await outcome(build(), given) == ours

    def sections() -> Any:
        vote = create_voting(voters=voters("in a section"), wave=1)
        return create_sectioning(planner=split.by_heading(), worker=vote)

    def votes() -> Any:
        return create_voting(voters={"a": create_voting(voters=voters("a")), **voters("b")}, wave="all")

    text = "# One\n\nfirst\n\n# Two\n\nsecond"
    await both(sections, {"content": text})
    await both(votes, QUESTION)


class Heard(BaseCallbackHandler):
    """Listens to nothing in particular."""


def _vote(**options: Any) -> Any:
    return create_voting(voters=Voters(["yes", "no", "yes"], [0, 0, 0]).workers(), **options)


def _node_of_another() -> Any:
    builder: Any = StateGraph(_State)
    builder.add_node("vote", _vote())
    builder.add_edge(START, "vote")
    return builder.compile()


SEEN: Any = {
    "a checkpointer": (lambda: _vote(checkpointer=InMemorySaver()), {"config": THREAD}),
    "callbacks": (_vote, {"config": {"callbacks": [Heard()]}}),
    "callbacks around it": (lambda: RunnableLambda(_vote().ainvoke), {"config": {"callbacks": [Heard()]}}),
    "a bound of concurrency": (_vote, {"config": {"max_concurrency": 2}}),
    "settings of LangGraph": (_vote, {"stream_mode": "updates"}),
    "a config of its own": (lambda: _vote().with_config(tags=["mine"]), {}),
    "names of the caller": (lambda: _vote(outputs={"verdict": "verdict"}), {}),
    "a graph of others": (_node_of_another, {}),
}


@pytest.mark.parametrize("case", SEEN.values(), ids=SEEN.keys())
async def test_voters_have_tasks_of_their_own_where_somebody_may_see_them(case: Any) -> None:
    """Who has a checkpointer, callbacks, a stream or a graph around it finds a task for each voter."""
    build, options = case
    with counting() as sizes:
        await build().ainvoke(QUESTION, **options)
    assert sizes == []


@pytest.mark.parametrize("mode", ["updates", "values", "tasks", "debug", "custom", "messages"])
async def test_who_streams_finds_a_task_for_each_voter(mode: Any) -> None:
    """Whatever is streamed."""
    with counting() as sizes:
        async for _ in _vote().astream(QUESTION, stream_mode=mode):
            pass
    assert sizes == []


async def test_who_traces_finds_a_task_for_each_voter() -> None:
    """Also where the tracer is registered for the whole process."""
    from langchain_core.callbacks import get_usage_metadata_callback

    with counting() as sizes, get_usage_metadata_callback():
        await _vote().ainvoke(QUESTION)
    assert sizes == []


async def test_a_vote_inside_of_a_stored_graph_is_stored_voter_by_voter() -> None:
    """A run that is killed goes on with those who were not heard, so each has a task of its own."""
    graph = create_sectioning(
        planner=split.by_heading(), worker=_vote(wave="all"), checkpointer=InMemorySaver()
    )
    with counting() as sizes:
        await graph.ainvoke({"content": "# One\n\nfirst"}, THREAD)
    assert sizes == []


async def test_a_deadline_ends_a_later_wave(clock: Clock) -> None:
    """Who has answered counts, and the others have timed out."""
    hanging = 0

    async def says(question: Any) -> str:
        return "yes"

    async def hangs(question: Any) -> None:
        nonlocal hanging
        hanging += 1
        await asyncio.Event().wait()

    voters: Any = {"a": says, "b": says, "c": hangs, "d": hangs}
    graph = create_voting(voters=voters, stop="all_votes", wave=2, limits=Limits(deadline=500))
    with counting() as sizes:
        running = asyncio.ensure_future(graph.ainvoke(QUESTION))
        await until(lambda: hanging == 2)
        clock.advance(500)
        out = await running
    assert sizes == [2]
    assert out["run_report"].branches == {"ok": 2, "timed_out": 2}


async def test_a_voter_cannot_change_the_config_of_another() -> None:
    """Handlers, tags, metadata and configurable values that it adds are its own."""
    seen: list[tuple[int, int, bool, bool]] = []

    async def changes(question: Any) -> str:
        config = get_config()
        callbacks: Any = config["callbacks"]
        tags, metadata, configurable = config["tags"], config["metadata"], config["configurable"]
        seen.append((len(callbacks.handlers), len(tags), "mine" in metadata, "mine" in configurable))
        callbacks.add_handler(Heard())
        tags.append("mine")
        metadata["mine"] = configurable["mine"] = 1
        return "yes"

    voters: Any = {f"v{i}": changes for i in range(6)}
    with counting() as sizes:
        await create_voting(voters=voters, stop="all_votes", wave=3).ainvoke(QUESTION)
    assert sizes == [3]
    assert len(set(seen)) == 1
