"""Workers: chunks at the same time, drained, cancelled and given back, and rows that wait for nothing."""

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale import working
from langgraph_parallel.scale.engine import Chunk, Job
from langgraph_parallel.scale.making import make_program
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Result
from langgraph_parallel.scale.running.lanes import RowLanes
from langgraph_parallel.scale.running.work import Pending, Work
from langgraph_parallel.scale.working import ChunkWorker
from tests.scale.working import Collected, chunk_of, chunks_of


class Gate:
    """A function whose rows wait until they are let through."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.open = asyncio.Event()
        self.changed = asyncio.Condition()

    async def __call__(self, row: Mapping[str, Any]) -> str:
        """Wait, unless the row says that it need not."""
        async with self.changed:
            self.begun.append(row["name"])
            self.changed.notify_all()
        if not row.get("free"):
            await self.open.wait()
        return "through"

    async def wait_for(self, number: int) -> None:
        """Wait until a number of rows has begun."""
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(lambda: len(self.begun) >= number), 20)


def named(*names: str, **more: Any) -> dict[str, dict[str, Any]]:
    """Return rows of these names."""
    return {name: {"name": name, **more} for name in names}


def job(function: Any, **limits: Any) -> Job:
    """Return a map of a function."""
    return Job(id="map", program=make_program(function, limits=limits))


async def test_chunks_share_the_rows_that_may_run_at_once() -> None:
    """Two chunks have four rows between them where four may run, in the order in which they came."""
    gate, collected = Gate(), Collected()
    async with ChunkWorker(job(gate, concurrency=2)) as worker:
        works = [
            asyncio.create_task(worker.work(chunk, collected.deliver))
            for chunk in chunks_of(named(*"abcdefgh"), 3)
        ]
        await gate.wait_for(4)
        assert worker.at_once == 4
        assert gate.begun == list(worker.running) == list("abcd")
        assert worker.waiting == 4
        assert worker.state().running == 4
        gate.open.set()
        await asyncio.gather(*works)
        assert worker.state().done == 8
    assert list(collected.results) == list("abcdefgh")


async def test_a_row_is_taken_once_while_others_are_dropped() -> None:
    """Threads take rows at the time at which those of another chunk are ended."""
    pending, taken = Pending(), list[str]()
    kept, dropped = (
        Work(chunk, Collected().deliver) for chunk in (chunk_of(named(*"abc")), chunk_of(named(*"xyz")))
    )
    pending.add(kept)
    pending.add(dropped)

    def take() -> None:
        if (entry := pending.take()) is not None:
            taken.append(entry[0].key)
        taken.extend(row.key for row, _ in pending.take_back(1))

    threads: list[threading.Thread] = []

    def is_dropped(work: Work) -> bool:
        if not threads:
            threads.append(threading.Thread(target=take))
            threads[0].start()
            threads[0].join(0.1)  # it has to wait until the others are dropped
        return work is dropped

    ended = [row.key for row, _ in pending.drop(is_dropped)]
    threads[0].join()
    assert ended == list("xyz")
    assert sorted([*taken, *pending.take_different(9)]) == list("abc")


async def test_one_failure_at_the_end_skips_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker leaves the limits of the map though its lanes could not be closed."""
    left = list[str]()

    @contextlib.asynccontextmanager
    async def limits_of(*_: object) -> AsyncIterator[Sequence[Any]]:
        try:
            yield []
        except OSError:
            left.append("limits")
            raise

    async def close(lanes: object) -> None:
        raise OSError("not closed")

    monkeypatch.setattr(working, "limits_of", limits_of)
    monkeypatch.setattr(RowLanes, "close", close)
    with pytest.raises(OSError, match="not closed"):
        async with ChunkWorker(job(Gate())):
            pass
    assert left == ["limits"]


async def test_a_worker_that_cannot_begin_leaves_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its lanes raise when they are made, the budget and the places it has are given back."""
    left = list[str]()

    @contextlib.asynccontextmanager
    async def limits_of(*_: object) -> AsyncIterator[Sequence[Any]]:
        try:
            yield []
        finally:
            left.append("limits")

    def make_lanes(*_: object) -> None:
        raise RuntimeError("no lanes")

    monkeypatch.setattr(working, "limits_of", limits_of)
    monkeypatch.setattr(ChunkWorker, "_make_lanes", make_lanes)
    with pytest.raises(RuntimeError, match="no lanes"):
        async with ChunkWorker(job(Gate())):
            pass
    assert left == ["limits"]


async def test_results_that_have_ended_outlive_a_row_that_ends_the_program() -> None:
    """What ended before it, and what ended after it, is delivered first."""
    collected = Collected()
    work = Work(chunk_of(named("before", "ends", "after")), collected.deliver)
    work.end(Result("before", "ok"))
    work.end(SystemExit(3))
    work.end(Result("after", "ok"))
    with pytest.raises(SystemExit):
        await work.deliver_all()
    assert collected.order == ["before", "after"]


async def test_a_result_is_delivered_while_its_siblings_run() -> None:
    """No result waits for the end of its chunk, or of another row."""
    gate, first = Gate(), asyncio.Event()

    async def deliver(results: Sequence[Result]) -> None:
        first.set()

    async with ChunkWorker(job(gate)) as worker:
        rows = named("slow") | named("quick", free=True)
        work = asyncio.create_task(worker.work(chunk_of(rows), deliver))
        await asyncio.wait_for(first.wait(), 20)
        assert not work.done()
        gate.open.set()
        await work


async def test_a_drain_begins_no_more_rows_and_lets_those_end_that_run() -> None:
    """What waits has no result; what runs has one, within the grace."""
    gate, collected = Gate(), Collected()
    async with ChunkWorker(job(gate, concurrency=1)) as worker:
        work = asyncio.create_task(worker.work(chunk_of(named(*"abcd")), collected.deliver))
        await gate.wait_for(2)
        worker.drain()
        worker.drain()
        gate.open.set()
        assert await work == ""
        assert await worker.work(chunk_of(named("e"), 2), collected.deliver) == ""
    assert set(collected.results) == {"a", "b"}
    assert gate.begun == ["a", "b"]


async def test_rows_that_outlast_the_grace_are_cancelled() -> None:
    """They have no result, and their work ends."""
    gate, collected = Gate(), Collected()
    async with ChunkWorker(job(gate, grace=0.0)) as worker:
        work = asyncio.create_task(worker.work(chunk_of(named("a")), collected.deliver))
        await gate.wait_for(1)
        worker.drain()
        await asyncio.wait_for(work, 20)
        assert not worker.running
    assert not collected.results


@pytest.mark.parametrize("kind", ["task", "thread"])
async def test_rows_that_cannot_be_cancelled_hold_up_nothing(kind: str) -> None:
    """Code that catches its cancellation, or a thread that hangs, is left to itself."""
    begun, goes_on = threading.Event(), threading.Event()

    async def stubborn(row: Mapping[str, Any]) -> None:
        begun.set()
        while not goes_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)

    def hanging(row: Mapping[str, Any]) -> None:
        begun.set()
        goes_on.wait(20)

    collected = Collected()
    worker = ChunkWorker(job(stubborn if kind == "task" else hanging, grace=0.0))
    async with worker:
        work = asyncio.create_task(worker.work(chunk_of(named("a")), collected.deliver))
        await asyncio.to_thread(begun.wait, 20)
        worker.drain()
        await asyncio.wait_for(work, 20)
        assert not worker.running
        goes_on.set()
    assert not collected.results


async def test_to_cancel_a_work_stops_its_rows_alone() -> None:
    """Those of other chunks go on, and take the places that became free."""
    gate, collected = Gate(), Collected()
    async with ChunkWorker(job(gate, concurrency=1)) as worker:
        stopped = asyncio.create_task(worker.work(chunk_of(named(*"abc")), collected.deliver))
        kept = asyncio.create_task(worker.work(chunk_of(named("d", "e"), 2), collected.deliver))
        await gate.wait_for(2)
        stopped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopped
        await gate.wait_for(4)
        gate.open.set()
        await kept
    assert list(collected.results) == ["d", "e"]
    assert gate.begun == list("abde")


async def test_rows_that_have_not_begun_can_be_given_back() -> None:
    """The last ones first; the work ends without them."""
    gate, collected = Gate(), Collected()
    async with ChunkWorker(job(gate, concurrency=1)) as worker:
        work = asyncio.create_task(worker.work(chunk_of(named(*"abcdef")), collected.deliver))
        await gate.wait_for(2)
        assert [row.key for row in worker.give_back(3)] == ["f", "e", "d"]
        gate.open.set()
        await work
        assert worker.give_back(3) == []
    assert list(collected.results) == ["a", "b", "c"]


def by_thread(row: Mapping[str, Any]) -> str:
    """Return its name."""
    return str(row["name"])


@pytest.mark.parametrize("kind", ["task", "thread"])
async def test_the_caller_hears_of_each_row_before_it_begins_and_after_it_has_ended(kind: str) -> None:
    """So that whoever outlives the process knows which rows ran."""
    heard: list[str] = []

    async def by_task(row: Mapping[str, Any]) -> str:
        heard.append(f"runs {row['name']}")
        return str(row["name"])

    function = by_task if kind == "task" else by_thread
    collected = Collected()

    def begun(key: str) -> None:
        heard.append(f"+{key}")

    def ended(key: str) -> None:
        heard.append(f"-{key}")

    async with ChunkWorker(job(function), begun=begun, ended=ended) as worker:
        await worker.work(chunk_of(named(*"ab")), collected.deliver)
    assert [one for one in heard if one[1] == "a"] == ["+a", "-a"]
    assert sorted(one for one in heard if len(one) == 2) == ["+a", "+b", "-a", "-b"]


async def test_a_thousand_results_come_in_few_deliveries() -> None:
    """One delivery for each row would cost more than the rows."""
    deliveries: list[int] = []

    async def deliver(results: Sequence[Result]) -> None:
        deliveries.append(len(results))

    async def nothing(row: Mapping[str, Any]) -> None:
        pass

    async with ChunkWorker(job(nothing)) as worker:
        await worker.work(chunk_of({str(number): {} for number in range(1000)}), deliver)
        await worker.work(Chunk(2, []), deliver)
    assert sum(deliveries) == 1000
    assert len(deliveries) <= 50


async def test_an_error_of_whoever_takes_results_ends_the_work() -> None:
    """The rows that are left are stopped, and the next chunk has their places."""
    gate, collected = Gate(), Collected()

    async def deliver(results: Sequence[Result]) -> None:
        raise OSError("the disk is full")

    async with ChunkWorker(job(gate, concurrency=1)) as worker:
        with pytest.raises(OSError, match="disk"):
            await worker.work(chunk_of(named("a", free=True) | named("b", "c", "d")), deliver)
        gate.open.set()
        await worker.work(chunk_of(named("e"), 2), collected.deliver)
    assert list(collected.results) == ["e"]


async def test_the_same_key_in_two_chunks_is_two_rows() -> None:
    """Each work has its own result; a driver gives no key twice, but a lost chunk may come again."""

    async def nothing(row: Mapping[str, Any]) -> str:
        return str(row["name"])

    first, second = Collected(), Collected()
    async with ChunkWorker(job(nothing)) as worker:
        await asyncio.gather(
            worker.work(chunk_of({"a": {"name": "1"}}), first.deliver),
            worker.work(chunk_of({"a": {"name": "2"}}, 2), second.deliver),
        )
    assert first.results["a"].output == {"result": "1"}
    assert second.results["a"].output == {"result": "2"}


async def test_a_worker_that_is_closed_leaves_nothing_running() -> None:
    """Rows in the middle are cancelled, and threads that are idle end."""
    gate, collected = Gate(), Collected()
    async with ChunkWorker(job(gate)) as worker:
        work = asyncio.create_task(worker.work(chunk_of(named("a")), collected.deliver))
        await gate.wait_for(1)
    await work
    assert not collected.results
    before = {*threading.enumerate()}
    async with ChunkWorker(job(by_thread)) as worker:
        await worker.work(chunk_of(named("a", "b")), collected.deliver)
        threads = [thread for thread in {*threading.enumerate()} - before if thread.name == "row"]
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


async def test_a_program_that_cannot_be_loaded_is_refused_when_the_worker_begins() -> None:
    """With the words that the command would have."""
    with pytest.raises(UsageError, match="there is no module 'no_such_module'"):
        async with ChunkWorker(Job(id="map", program=Program(graph="no_such_module:f"))):
            pass


async def test_results_say_where_their_row_ran() -> None:
    """By machine and process."""
    collected = Collected()
    async with ChunkWorker(job(by_thread)) as worker:
        await worker.work(chunk_of(named("a")), collected.deliver)
    assert collected.results["a"].worker.endswith(f":{os.getpid()}")
    assert collected.results["a"].seconds >= 0


@pytest.mark.parametrize("when", ["begun", "ended"])
@pytest.mark.parametrize("kind", ["thread", "task"])
async def test_a_lane_lives_on_if_what_hears_of_its_row_fails(kind: str, when: str) -> None:
    """The work ends with the failure, rather than wait forever for a row that nothing runs."""

    def hears(key: str) -> None:
        if key == keys[-1]:
            raise RuntimeError("the loop is closed")

    def by_thread(row: Mapping[str, Any]) -> int:
        return 1

    async def by_task(row: Mapping[str, Any]) -> int:
        return 1

    keys: list[str] = []
    program = job(by_thread if kind == "thread" else by_task, concurrency=1)
    begun, ended = (hears, None) if when == "begun" else (None, hears)
    async with ChunkWorker(program, begun=begun, ended=ended) as worker:
        keys += [
            str(number) for number in range(worker.at_once + 1)
        ]  # the last begins after another has ended
        with pytest.raises(RuntimeError, match="the loop is closed"):
            await asyncio.wait_for(worker.work(chunk_of(named(*keys)), Collected().deliver), 20)
