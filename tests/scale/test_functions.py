"""Functions of a row: what they get, what they return and raise, and what their calls take."""

import asyncio
import contextvars
import dataclasses
import signal
import threading
from collections.abc import Mapping
from typing import Any, TypedDict

import pytest
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel

from langgraph_parallel import governed
from langgraph_parallel.scale.making import make_program
from langgraph_parallel.testing.replies import Reply
from tests.scale.working import run_rows
from tests.support.server import ModelServer


class Review(BaseModel):
    """A record of a row."""

    text: str
    stars: int = 0


@dataclasses.dataclass
class Point:
    """Another one."""

    x: int
    y: int


def of_mapping(row):  # type: ignore[no-untyped-def]  # noqa: D103 - as people write them
    return {"keys": sorted(row)}


def of_text(text):  # type: ignore[no-untyped-def]  # noqa: D103
    return text.upper()


async def of_numbers(x: int, y: float = 0.5, flag: bool | None = None) -> Any:  # noqa: D103
    return {"sum": x + y, "flag": flag}


async def of_others(x: int, **others: Any) -> Any:  # noqa: D103
    return {"x": x, "others": sorted(others)}


async def of_record(review: Review) -> Review:  # noqa: D103
    return review.model_copy(update={"stars": review.stars + 1})


def of_dataclass(point: Point) -> Point:  # noqa: D103
    return Point(point.y, point.x)


class Caller:
    """An object that is called."""

    async def __call__(self, text: str) -> int:
        """Return the length."""
        return len(text)


CASES = [
    (of_mapping, {"text": "a", "n": 1}, {"keys": ["n", "text"]}),
    (of_text, {"text": "a", "n": 1}, {"result": "A"}),
    (of_numbers, {"x": "3", "y": "0.25", "flag": "true", "more": 1}, {"sum": 3.25, "flag": True}),
    (of_numbers, {"x": 3}, {"sum": 3.5, "flag": None}),
    (of_others, {"x": 1, "b": 2, "a": 3}, {"x": 1, "others": ["a", "b"]}),
    (of_record, {"text": "a", "stars": 2}, {"text": "a", "stars": 3}),
    (of_dataclass, {"x": 1, "y": 2}, {"x": 2, "y": 1}),
    (Caller(), {"text": "four"}, {"result": 4}),
    (lambda text: None, {"text": ""}, {"result": None}),
]


@pytest.mark.parametrize(("function", "row", "output"), CASES, ids=[str(i) for i in range(len(CASES))])
async def test_a_function_gets_what_its_signature_says(
    function: Any, row: dict[str, Any], output: dict[str, Any]
) -> None:
    """The mapping, a record of it, or columns by name as its types say; what it returns becomes columns."""
    result = (await run_rows(make_program(function), {"k": row}))["k"]
    assert (result.status, dict(result.output), result.error) == ("ok", output, "")


@pytest.mark.parametrize(
    ("function", "row", "error"),
    [
        (of_numbers, {"y": 1}, "it has no column 'x'"),
        (of_record, {"stars": 1}, "text of Review: Field required"),
        (of_text, {"text": 3}, "AttributeError: 'int' object has no attribute 'upper'"),
        (of_numbers, {"x": "three"}, "x takes integer, not 'three'"),
    ],
    ids=["missing", "record", "own error", "not a number"],
)
async def test_a_row_that_does_not_fit_fails_alone(function: Any, row: dict[str, Any], error: str) -> None:
    """Its error names the column; no other row is touched."""
    good = {"text": "a", "x": 1}
    results = await run_rows(make_program(function), {"bad": row, "good": good})
    assert results["bad"].status == "failed"
    assert error in results["bad"].error
    assert "\n" not in results["bad"].error
    assert results["good"].status == "ok"


async def cancels_itself(row: Mapping[str, Any]) -> None:  # noqa: D103
    raise asyncio.CancelledError("by itself")


def returns_coroutine(row: Mapping[str, Any]) -> Any:  # noqa: D103
    return cancels_itself(row) if row.get("cancel") else asyncio.sleep(0, "slept")


@pytest.mark.parametrize("function", [cancels_itself, returns_coroutine], ids=["async", "returned"])
async def test_a_row_that_cancels_itself_has_failed(function: Any) -> None:
    """It is no cancellation of the map, as with branches."""
    results = await run_rows(make_program(function), {"a": {"cancel": True}})
    assert results["a"].status == "failed"
    assert "CancelledError" in results["a"].error


def _raising(error: BaseException) -> Mapping[str, Any]:
    """Return functions of each kind that raise it for the row `bad`."""

    def blocking(row: Mapping[str, Any]) -> str:
        if row["bad"]:
            raise error
        return "fine"

    async def waiting(row: Mapping[str, Any]) -> str:
        await asyncio.sleep(0)
        return blocking(row)

    def returned(row: Mapping[str, Any]) -> Any:
        return waiting(row)

    return {"blocking": blocking, "async": waiting, "returned": returned}


@pytest.mark.parametrize("kind", ["blocking", "async", "returned"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (GeneratorExit(), "GeneratorExit"),
    ],
    ids=["exit", "interrupt", "generator"],
)
async def test_a_row_that_ends_the_program_has_failed_alone(
    error: BaseException, said: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code of others calls `sys.exit` for an error of its own, as command lines do."""
    monkeypatch.setattr(signal, "getsignal", lambda number: None)  # nobody can press Ctrl-C here
    rows = {"a": {"bad": False}, "b": {"bad": True}, "c": {"bad": False}}
    results = await run_rows(make_program(_raising(error)[kind]), rows)
    assert {key: result.status for key, result in results.items()} == {"a": "ok", "b": "failed", "c": "ok"}
    assert results["b"].error == said


async def test_an_interrupt_by_a_person_is_no_failure_of_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Ctrl-C raises an exception in whatever runs, it ends the work."""
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        await run_rows(make_program(_raising(KeyboardInterrupt())["async"]), {"a": {"bad": True}})


async def test_sync_functions_run_in_as_many_threads_as_rows_may_run() -> None:
    """All of them run at the same time, though none of them gives way."""
    together = threading.Barrier(40, timeout=20)

    def meet(row: Mapping[str, Any]) -> int:
        return together.wait()

    results = await run_rows(make_program(meet, limits={"concurrency": 20}), {str(i): {} for i in range(40)})
    assert {result.status for result in results.values()} == {"ok"}


async def test_rows_that_never_wait_let_others_have_their_turn() -> None:
    """The event loop goes on while hundreds of rows end without a single wait."""
    turns = 0

    async def busy(row: Mapping[str, Any]) -> None:
        pass

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await run_rows(make_program(busy), {str(i): {} for i in range(200)})
    counting.cancel()
    assert turns >= 5


async def test_calls_of_a_function_are_counted_for_its_row(server: ModelServer, own: ChatOpenAI) -> None:
    """Those of governed models, and those of plain ones, in async code and in threads."""
    server.always(Reply(text="fine"))
    model = governed(own)

    async def asks(row: Mapping[str, Any]) -> str:
        for _ in range(row["times"]):
            await model.ainvoke(f"one of {row['times']}")
        return "done"

    async def asks_plainly(row: Mapping[str, Any]) -> str:
        await own.ainvoke("plain")
        return "done"

    def asks_blocking(row: Mapping[str, Any]) -> str:
        return str(model.invoke("blocking").text)

    results = await run_rows(make_program(asks), {str(n): {"times": n} for n in range(3)})
    assert {key: result.spent.calls for key, result in results.items()} == {"0": 0, "1": 1, "2": 2}
    assert results["2"].spent.input_tokens == 2 * results["1"].spent.input_tokens > 0
    plain = await run_rows(make_program(asks_plainly), {"a": {}})
    assert plain["a"].spent.calls == 1
    blocking = await run_rows(make_program(asks_blocking), {"a": {}, "b": {}})
    assert [result.spent.calls for result in blocking.values()] == [1, 1]
    assert blocking["a"].output == {"result": "fine"}


async def test_a_spent_budget_stops_rows_without_a_result(server: ModelServer, own: ChatOpenAI) -> None:
    """The budget counts what earlier commands have spent; rows without their calls have no result."""
    server.always(Reply(text="fine"))
    model = governed(own)

    async def asks(row: Mapping[str, Any]) -> str:
        try:
            return str((await model.ainvoke("hello")).text)
        except Exception as error:
            raise RuntimeError("no answer") from error

    program = make_program(asks, limits={"budget_calls": 5})
    results = await run_rows(program, {str(i): {} for i in range(9)}, spent_calls=2)
    assert {result.status for result in results.values()} == {"ok"}
    assert len(results) == len(server.requests) == 3


async def test_graphs_of_others_and_chains_are_programs(server: ModelServer, own: ChatOpenAI) -> None:
    """A compiled graph gets the row as its input; a checkpointer of its own is not used."""
    server.always(Reply(text="short"))

    class State(TypedDict, total=False):
        text: str
        summary: str

    async def summarise(state: State) -> State:
        return {"summary": str((await own.ainvoke(state["text"])).text)}

    builder = StateGraph(State)
    builder.add_node("summarise", summarise)
    builder.add_edge(START, "summarise")
    builder.add_edge("summarise", END)
    from langgraph.checkpoint.memory import InMemorySaver

    graph = builder.compile(checkpointer=InMemorySaver(), name="summary")
    results = await run_rows(make_program(graph), {"a": {"text": "long"}})
    assert results["a"].output == {"text": "long", "summary": "short"}
    assert results["a"].spent.calls == 1
    chain = RunnableLambda(lambda row: row["text"]) | own
    chained = await run_rows(make_program(chain, outputs={"said": "content"}), {"a": {"text": "x"}})
    assert chained["a"].output == {"said": "short"}
    chat = await run_rows(make_program(own, inputs={"input": "text"}), {"a": {"text": "x", "other": "y"}})
    assert chat["a"].output == {"result": "short"}


async def test_rows_do_not_see_each_others_context() -> None:
    """What a row sets in its context is gone in the next one that has its place."""
    seen: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="nothing")

    async def leaves(row: Mapping[str, Any]) -> str:
        before = seen.get()
        seen.set("something")
        return before

    def leaves_blocking(row: Mapping[str, Any]) -> str:
        before = seen.get()
        seen.set("something")
        return before

    for function in (leaves, leaves_blocking):
        program = make_program(function, limits={"concurrency": 1})
        results = await run_rows(program, {str(i): {} for i in range(6)})
        assert {result.output["result"] for result in results.values()} == {"nothing"}
