"""Limits of workers of the caller's: the time, attempts and concurrency of functions, tools and graphs."""

import asyncio
import threading
from collections import Counter
from typing import Any

import httpx
import pytest
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from langgraph_parallel import (
    Ask,
    Limits,
    Section,
    agents,
    create_guarded,
    create_map_reduce,
    create_scatter_gather,
    create_sectioning,
    create_voting,
)
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.catalogue.tools import Toolbox, ToolCall
from langgraph_parallel.nodes.text.passages import Passages
from tests.support.clock import Clock, until
from tests.support.fans import GIVEN, numbered
from tests.support.server import Gate, ModelServer, Reply

QUICK: Any = {"backoff": 0.001}


class Busy(Exception):
    """An error of the caller's own."""


class Status(Exception):
    """An error of an HTTP client."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__(f"status {status}")
        self.response = httpx.Response(
            status, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )


class Flaky:
    """Work that fails a number of times for each section."""

    def __init__(self, times: int, error: Exception) -> None:
        self.calls: Counter[str] = Counter()
        self._times, self._error = times, error

    async def __call__(self, section: Section) -> str:
        """Do it."""
        self.calls[section.id] += 1
        if self.calls[section.id] <= self._times:
            raise self._error
        return f"done {section.id}"


def as_graph(work: Any) -> Any:
    """A graph of others with one node."""

    class State(TypedDict, total=False):
        id: str
        value: str

    async def node(state: State) -> Any:
        return {"value": await work(Section(id=state["id"], title="x"))}

    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile()


def as_chain(work: Any) -> Any:
    """A chain, which gets the section as a mapping."""

    async def step(given: dict[str, Any]) -> Any:
        return await work(Section.model_validate(given))

    return RunnableLambda(step) | RunnableLambda(lambda value: value)


FORMS: dict[str, Any] = {
    "function": lambda work: work,
    "chain": as_chain,
    "graph": as_graph,
    "adapted": agents.adapt,
}


async def run(worker: Any, n: int = 1, **limits: Any) -> dict[str, Any]:
    """Run a fan-out of n sections."""
    graph = create_sectioning(planner=numbered(n), worker=worker, limits=Limits(**QUICK, **limits))
    return await graph.ainvoke(GIVEN)


@pytest.mark.parametrize("form", FORMS)
async def test_attempts_hold_for_every_kind_of_worker(form: str) -> None:
    """A failure that may be gone is tried again, and each attempt is a call in the report."""
    work = Flaky(2, Status(503))
    out = await run(FORMS[form](work), 3, attempts=3)
    assert out["run_report"].branches == {"ok": 3}
    assert set(work.calls.values()) == {3}
    calls = out["branches"]["0"].calls
    assert [(call.attempt, call.ok, call.kind) for call in calls] == [
        (1, False, "worker"),
        (2, False, "worker"),
        (3, True, "worker"),
    ]
    assert (out["run_report"].retries, out["run_report"].unseen) == (6, 3)


async def test_the_last_attempt_fails_the_branch() -> None:
    """With the worker's own error, and no further attempt than those."""
    work = Flaky(9, Status(500))
    out = await run_two(work)
    assert out["branches"]["a"].status == "failed"
    assert "status 500" in out["branches"]["a"].error
    assert [call.attempt for call in out["branches"]["a"].calls] == [1, 2]


async def run_two(work: Any) -> Any:
    """Run a section that fails beside one that does not."""
    sections = [Section(id=name, title=name, worker=name) for name in "ab"]
    return await create_sectioning(
        planner=lambda content: sections,
        worker={"a": work, "b": lambda section: "ok"},
        limits=Limits(attempts=2, backoff=0),
    ).ainvoke(GIVEN)


@pytest.mark.parametrize(
    ("retry_on", "calls"),
    [
        (None, 1),
        (Busy, 3),
        ((OSError, Busy), 3),
        (lambda error: "busy" in str(error), 3),
        (OSError, 1),
        (lambda error: False, 1),
    ],
    ids=["default", "type", "types", "predicate", "another type", "never"],
)
async def test_what_is_tried_again_is_a_type_types_or_a_predicate(retry_on: Any, calls: int) -> None:
    """Without one, an error of the caller's own code is not: it would fail again."""
    work = Flaky(2, Busy("busy"))
    worker = agents.adapt(work, limits=Limits(attempts=3, backoff=0), retry_on=retry_on)
    graph = create_sectioning(
        planner=lambda content: [
            Section(id="a", title="a", worker="a"),
            Section(id="b", title="b", worker="b"),
        ],
        worker={"a": worker, "b": lambda section: "ok"},
    )
    out = await graph.ainvoke(GIVEN)
    assert work.calls["a"] == calls
    assert out["branches"]["a"].status == ("ok" if calls == 3 else "failed")


async def test_without_limits_that_somebody_sets_a_worker_is_called_once() -> None:
    """The default attempts, timeout and concurrency are those of a request to a model."""
    work = Flaky(1, Status(500))
    graph = create_sectioning(planner=lambda content: [Section(id="a", title="a")], worker=work)
    out = await graph.ainvoke(GIVEN)
    assert (out["branches"]["a"].status, work.calls["a"]) == ("failed", 1)


@pytest.mark.parametrize("form", FORMS)
async def test_a_timeout_holds_for_every_kind_of_worker(form: str, clock: Clock) -> None:
    """The branch has timed out; the others are not concerned."""
    begun = asyncio.Event()

    async def work(section: Section) -> str:
        if section.id == "0":
            begun.set()
            await asyncio.Event().wait()
        return "done"

    graph = create_sectioning(
        planner=numbered(2), worker=FORMS[form](work), limits=Limits(call_timeout=50, **QUICK)
    )
    out: Any = None
    parts: Any = graph.astream(GIVEN, stream_mode=["custom", "values"])
    async for mode, part in parts:
        out = part if mode == "values" else out
        if mode == "custom" and part["event"] == "ended" and part["branch"] == ["1"]:
            # It has ended, and not only begun: a step of it may run in a thread.
            await begun.wait()
            clock.advance(51)
    assert {id: branch.status for id, branch in out["branches"].items()} == {"0": "timed_out", "1": "ok"}
    assert "no result within 50 s" in out["branches"]["0"].error


async def test_a_timeout_is_tried_again(clock: Clock) -> None:
    """With attempts left, a late attempt is cut off and repeated."""
    seen: list[int] = []

    async def work(section: Section) -> str:
        seen.append(1)
        if len(seen) == 1:
            await asyncio.Event().wait()
        return "done"

    running = asyncio.ensure_future(run(work, 1, call_timeout=50, attempts=2))
    await until(lambda: len(seen) == 1)
    clock.advance(51)
    out = await running
    assert (out["branches"]["0"].value, len(seen)) == ("done", 2)


async def test_the_clock_of_a_worker_stands_while_a_call_is_under_way(
    model: str, server: ModelServer, clock: Clock
) -> None:
    """A function that asks models three times has its own time only; the calls have theirs."""
    gates = [Gate() for _ in range(3)]
    for number, gate in enumerate(gates):
        server.on(f"call {number}", Reply(text="hello", gate=gate))
    ask = Ask("{text}", model=model)
    idle = asyncio.Event()

    async def work(section: Section) -> str:
        for number in range(3):
            await ask.ainvoke(f"call {number}")
        await idle.wait()
        return "done"

    running = asyncio.ensure_future(run(work, 1, call_timeout=50))
    for number, gate in enumerate(gates):
        await until(lambda number=number: len(server.requests) == number + 1)  # type: ignore[misc]
        clock.advance(40)
        gate.open()
    await until(lambda: server.in_flight == 0)
    clock.advance(40)
    await until(lambda: not running.done())
    idle.set()
    assert (await running)["branches"]["0"].value == "done"


async def test_the_clock_stands_for_calls_of_graphs_inside_the_worker(
    model: str, server: ModelServer, clock: Clock
) -> None:
    """However deep they are: a function that runs a vote has not timed out while its voters are asked."""
    gate = Gate()
    server.always(Reply(json={"rationale": "", "choice": "yes", "confidence": None}, gate=gate))
    vote = create_voting(model=model, voters=1, choices=["yes", "no"])

    async def work(section: Section) -> Any:
        return (await vote.ainvoke({"question": "?"}))["verdict"].choice

    running = asyncio.ensure_future(run(work, 1, call_timeout=50, attempts=1))
    await until(lambda: len(server.requests) == 1)
    clock.advance(45)  # below the time limit of the request, and with the next one above it
    gate.open()
    out = await running
    assert out["branches"]["0"].value == "yes"


@pytest.mark.parametrize("form", FORMS)
async def test_concurrency_holds_for_every_kind_of_worker(form: str) -> None:
    """Of many branches only so many work at the same time, and all of them do in the end."""
    at_once, most = 0, 0

    async def work(section: Section) -> str:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        at_once -= 1
        return "done"

    out = await run(FORMS[form](work), 30, concurrency=3)
    assert out["run_report"].branches == {"ok": 30}
    assert most == 3


async def test_concurrency_holds_over_nested_graphs_and_runs() -> None:
    """The worker of an inner graph, of which many run at the same time, in two runs side by side."""
    at_once, most = 0, 0

    async def work(section: Section) -> str:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        for _ in range(5):
            await asyncio.sleep(0)
        at_once -= 1
        return "done"

    inner = create_sectioning(planner=numbered(4), worker=work)
    outer = create_sectioning(planner=numbered(5), worker=inner, limits=Limits(concurrency=2))
    both = await asyncio.gather(outer.ainvoke(GIVEN), outer.ainvoke(GIVEN))
    assert [out["run_report"].branches for out in both] == [{"ok": 20}] * 2
    assert most == 2


async def test_a_worker_that_calls_itself_does_not_wait_for_itself() -> None:
    """The graph that it runs has the same worker, and one slot in all."""
    graph: Any = None

    async def work(section: Section) -> Any:
        if section.content == "inner":
            return "leaf"
        out = await graph.ainvoke({"content": "inner"})
        return out["branches"]["0"].value

    def plan(content: str) -> list[Section]:
        return [Section(id="0", title="0", content=content)]

    graph = create_sectioning(planner=plan, worker=work, limits=Limits(concurrency=1))
    async with asyncio.timeout(30):
        out = await graph.ainvoke({"content": "outer"})
    assert out["branches"]["0"].value == "leaf"


async def test_a_429_of_a_worker_makes_its_siblings_wait(clock: Clock) -> None:
    """They keep the pause that the service asks for, as calls to a model do, and all are done in the end."""
    refused: list[str] = []
    times: list[float] = []

    async def work(section: Section) -> str:
        times.append(clock.monotonic())
        if not refused:
            refused.append(section.id)
            raise Status(429, retry_after="30")
        return "done"

    running = asyncio.ensure_future(run(work, 5, concurrency=1, attempts=2))
    while not running.done():
        await until(lambda: True)
        clock.advance(5)
    out = await running
    assert out["run_report"].branches == {"ok": 5}
    assert len(times) == 6
    assert min(times[1:]) - times[0] >= 30


async def test_a_sync_function_is_not_waited_for_after_its_time(clock: Clock) -> None:
    """Its thread cannot be stopped, and what it returns later counts for nothing."""
    begun, release = threading.Event(), threading.Event()

    def work(section: Section) -> str:
        begun.set()
        release.wait(60)
        return "late"

    sections = [Section(id="a", title="a", worker="a"), Section(id="b", title="b", worker="b")]
    graph = create_sectioning(
        planner=lambda content: sections,
        worker={"a": work, "b": lambda section: "ok"},
        limits=Limits(call_timeout=50),
    )
    running = asyncio.ensure_future(graph.ainvoke(GIVEN))
    await until(begun.is_set)
    clock.advance(51)
    try:
        out = await running
    finally:
        release.set()
    assert (out["branches"]["a"].status, out["branches"]["a"].value) == ("timed_out", None)


async def test_limits_hold_for_voters_items_and_sources() -> None:
    """In every graph whose workers may be the caller's."""

    def flaky() -> Any:
        calls: list[Any] = []

        def work(given: Any) -> str:
            calls.append(given)
            if len(calls) == 1:
                raise Status(503)
            return "yes"

        return work

    limits = Limits(attempts=2, backoff=0)
    vote = create_voting(voters={"a": flaky(), "b": flaky()}, limits=limits, stop="all_votes")
    out = await vote.ainvoke({"question": "?"})
    assert (out["verdict"].cast, out["run_report"].retries) == (2, 2)
    mapped = create_map_reduce(worker=flaky(), synthesizer=lambda given: given.values, limits=limits)
    assert (await mapped.ainvoke({"items": ["x"]}))["result"] == "yes"
    scattered = create_scatter_gather(sources={"a": flaky()}, limits=limits)
    assert (await scattered.ainvoke({"request": "?"}))["branches"]["a"].status == "ok"


async def test_limits_hold_for_a_guarded_answer_and_its_checks() -> None:
    """Of both sides; a failure that may be gone withholds nothing."""
    calls: Counter[str] = Counter()

    def flaky(name: str, result: Any) -> Any:
        def work(text: str) -> Any:
            calls[name] += 1
            if calls[name] == 1:
                raise Status(503)
            return result

        return work

    graph = create_guarded(
        worker=flaky("answer", "Patch it."),
        checks={"a": flaky("a", False)},
        answer_checks={"b": flaky("b", False)},
        limits=Limits(attempts=2, backoff=0),
    )
    out = await graph.ainvoke({"message": "?"})
    assert (out["answer"], calls) == ("Patch it.", {"answer": 2, "a": 2, "b": 2})


async def test_limits_hold_for_tools() -> None:
    """A tool of LangChain's as a source, and one with limits of its own."""
    calls: Counter[str] = Counter()

    @tool
    def price(request: str) -> str:
        """Return a price."""
        calls["price"] += 1
        if calls["price"] < 3:
            raise Busy("busy")
        return "9"

    adapted = agents.adapt(price, limits={"attempts": 3, "backoff": 0}, retry_on=Busy)
    graph = create_scatter_gather(sources={"price": adapted})
    out = await graph.ainvoke({"request": "?"})
    assert (out["branches"]["price"].value, calls["price"]) == ("9", 3)


async def test_a_tool_of_a_researcher_is_tried_again() -> None:
    """`agents.adapt` gives it limits of its own; to the model it has its name and its docstring."""
    calls: list[str] = []

    def lookup(term: str) -> str:
        """Look a term up."""
        calls.append(term)
        if len(calls) == 1:
            raise Busy("busy")
        return "Water is wet."

    adapted = agents.adapt(lookup, limits=Limits(attempts=2, backoff=0), retry_on=Busy)
    toolbox = Toolbox([adapted])
    assert "- lookup: Look a term up." in toolbox.describe(files=False)
    results = await toolbox.use(ToolCall(tool="lookup", input="water"), Passages({}), None)
    assert [result.text for result in results] == ["Water is wet."]
    assert len(calls) == 2


async def test_calls_that_used_up_their_attempts_are_not_multiplied(model: str, server: ModelServer) -> None:
    """A function whose `Ask` has failed twice is not called again: two attempts are two requests."""
    server.always(Reply(status=500))
    ask = Ask("{text}", model=model)

    async def work(section: Section) -> Any:
        return await ask.ainvoke(section.content)

    sections = [Section(id="a", title="a", worker="a"), Section(id="b", title="b", worker="b")]
    graph = create_sectioning(
        planner=lambda content: sections,
        worker={"a": work, "b": lambda section: "ok"},
        limits=Limits(attempts=2, backoff=0),
    )
    out = await graph.ainvoke(GIVEN)
    assert out["branches"]["a"].status == "failed"
    assert len(server.requests) == 2


async def test_an_interrupt_is_no_failure() -> None:
    """A worker that asks a person is not tried again, and its answer counts once."""
    asked: list[str] = []

    def work(section: Section) -> Any:
        asked.append(section.id)
        return interrupt("?")

    graph = create_sectioning(
        planner=lambda content: [Section(id="a", title="a")],
        worker=agents.adapt(work, limits=Limits(attempts=5, backoff=0), retry_on=Exception),
        checkpointer=InMemorySaver(),
    )
    config: Any = {"configurable": {"thread_id": "1"}}
    out = await graph.ainvoke(GIVEN, config)
    assert len(out["__interrupt__"]) == 1
    assert asked == ["a"]
    out = await graph.ainvoke(Command(resume="yes"), config)
    assert (out["branches"]["a"].value, asked) == ("yes", ["a", "a"])


async def test_a_section_has_a_time_of_its_own(clock: Clock) -> None:
    """`Section.timeout` ends its branch, whatever the worker waits for."""
    begun = asyncio.Event()

    async def work(section: Section) -> str:
        if section.timeout:
            begun.set()
            await asyncio.Event().wait()
        return "done"

    sections = [Section(id="a", title="a", timeout=50), Section(id="b", title="b")]
    graph = create_sectioning(planner=lambda content: sections, worker=work)
    running = asyncio.ensure_future(graph.ainvoke(GIVEN))
    await begun.wait()
    clock.advance(51)
    out = await running
    assert {id: branch.status for id, branch in out["branches"].items()} == {"a": "timed_out", "b": "ok"}
    assert "within 50 s" in out["branches"]["a"].error


async def test_a_nested_graph_closes_on_what_it_has_when_the_time_of_its_section_is_over(
    clock: Clock,
) -> None:
    """Its time is the deadline of the inner run: what had ended by then is in the result."""
    begun = asyncio.Event()

    async def work(section: Section) -> str:
        if section.id == "1":
            begun.set()
            await asyncio.Event().wait()
        return f"done {section.id}"

    inner = create_sectioning(planner=numbered(2), worker=work)
    outer = create_sectioning(
        planner=lambda content: [Section(id="a", title="a", content="x", timeout=50)], worker=inner
    )
    running = asyncio.ensure_future(outer.ainvoke(GIVEN))
    await begun.wait()
    await until(lambda: True)
    clock.advance(51)
    out = await running
    branch = out["branches"]["a"]
    assert branch.status == "ok"
    assert "done 0" in str(branch.value)
    assert out["run_report"].branches == {"ok": 1, "timed_out": 1}


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_time_that_is_none_is_refused(timeout: float) -> None:
    """When the section is made."""
    with pytest.raises(ValueError, match="greater than 0"):
        Section(id="a", title="a", timeout=timeout)


@pytest.mark.parametrize("retry_on", [3, "OSError", (), (OSError, 3), KeyboardInterrupt], ids=repr)
def test_what_is_no_exception_and_no_function_is_refused(retry_on: Any) -> None:
    """When the worker is adapted."""
    with pytest.raises(UsageError, match=r"retry_on is .*; expected a type of exception"):
        agents.adapt(lambda section: section, retry_on=retry_on)


def test_what_cannot_be_called_is_refused() -> None:
    """A value is no worker."""
    with pytest.raises(UsageError, match="cannot be adapted"):
        agents.adapt(3)  # type: ignore[arg-type]
