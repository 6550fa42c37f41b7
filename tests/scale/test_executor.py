"""Executors as engines: threads, processes, and such as break, lose chunks or cannot reach this process."""

import asyncio
import os
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.engine import Chunk, WorkerLost
from langgraph_parallel.scale.engines import tasks
from langgraph_parallel.scale.engines.executor import ExecutorEngine
from langgraph_parallel.scale.line.threaded import ThreadedLine
from tests.scale.driving import job_of, numbered, opened, until


def _shout(row: dict[str, Any]) -> dict[str, Any]:
    return {"loud": f"{row['number']}!"}


def _spawning(workers: int = 1) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


class Odd(Executor):
    """Does with tasks what it is told, on a thread."""

    def __init__(self, run: Callable[[Callable[[], Any]], Any]) -> None:
        self._run = run
        self._threads = ThreadPoolExecutor(1)

    def submit(self, function: Callable[..., Any], /, *given: Any, **more: Any) -> "Future[Any]":
        """Run a task in its own way."""
        return self._threads.submit(self._run, lambda: function(*given, **more))


async def test_threads_share_the_process_and_its_objects() -> None:
    """A lambda needs no name there; the pool is the caller's, and usable afterwards."""
    with ThreadPoolExecutor(2) as pool:
        engine = ExecutorEngine(pool)
        assert (engine.name, engine.capacity) == ("ThreadPoolExecutor of 2", 4)
        job = job_of("", local=lambda row: {"pid": os.getpid()})
        async with opened(engine, job, numbered(300), 40) as driver:
            await driver.run()
            assert [worker.done for worker in engine.workers()] == [300]
        assert sorted(map(int, driver.keys)) == [*range(1, 301)]
        assert {result.output["pid"] for result in driver.results} == {os.getpid()}
        assert pool.submit(int, "3").result() == 3
        await until(lambda: not tasks._stations)


async def test_processes_run_a_function_that_they_can_import() -> None:
    """It travels as the pool pickles it; its processes connect to this one."""
    with _spawning(1) as pool:
        async with opened(ExecutorEngine(pool), job_of("", local=_shout), numbered(200), 50) as driver:
            await driver.run()
            assert [worker.done for worker in driver.engine.workers()] == [200]
        assert sorted(map(int, driver.keys)) == [*range(1, 201)]
        [pid] = {int(result.worker.rpartition(":")[2]) for result in driver.results}
        assert pid != os.getpid()
        assert driver.results[0].output["loud"] == f"{driver.keys[0]}!"


async def test_a_pool_that_breaks_says_what_to_do(tmp_path: Path) -> None:
    """What was delivered before is kept."""
    log, gate = tmp_path / "log", tmp_path / "gate"
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        async with opened(ExecutorEngine(pool), job_of("recorded:gated"), [], 1) as driver:
            gate.touch()
            await driver.engine.run(Chunk(1, numbered(3, log=str(log), gate=str(gate))))
            gate.unlink()
            waiting = asyncio.create_task(
                driver.engine.run(Chunk(2, numbered(1, log=str(log), gate=str(gate))))
            )
            await until(lambda: log.read_text().count("begins") == 4)
            os.kill(int(log.read_text().split()[-3]), signal.SIGKILL)
            with pytest.raises(
                UsageError, match=r"is broken, .* or 'processes', .*; what was stored is kept"
            ):
                await waiting
    assert sorted(driver.keys) == ["1", "2", "3"]


async def test_what_cannot_be_pickled_is_named() -> None:
    """Before any row is run."""
    with _spawning() as pool:
        engine = ExecutorEngine(pool)
        with pytest.raises(UsageError, match=r"<lambda> cannot be pickled .*; define it at the top level"):
            await engine.open(job_of("", local=lambda row: {}), lambda _: asyncio.sleep(0))


async def test_an_executor_that_pickles_late_is_understood() -> None:
    """The error comes with the future, and names the part that could not travel."""

    def refuse(task: Callable[[], Any]) -> Any:
        raise TypeError("cannot pickle '_thread.lock' object")

    async with opened(ExecutorEngine(Odd(refuse), workers=1), job_of("", local=_shout), [], 1) as driver:
        with pytest.raises(UsageError, match=r"_shout cannot be pickled .*_thread\.lock"):
            await driver.engine.run(Chunk(1, numbered(1)))


async def test_a_lost_chunk_is_run_again_and_a_few_in_a_row_end_the_run() -> None:
    """An engine may lose a worker; one that loses all chunks cannot be used."""
    losing = [True, False, *[True] * 9]

    def lose(task: Callable[[], Any]) -> Any:
        if losing.pop(0):
            raise ConnectionError("a machine is gone")
        return task()

    async with opened(ExecutorEngine(Odd(lose), workers=1), job_of("recorded:where"), [], 1) as driver:
        with pytest.raises(WorkerLost, match="a machine is gone"):
            await driver.engine.run(Chunk(1, numbered(1)))
        await driver.engine.run(Chunk(2, numbered(1)))
        for number in range(3, 7):
            with pytest.raises(WorkerLost):
                await driver.engine.run(Chunk(number, numbered(1)))
        with pytest.raises(UsageError, match="does not run what it is given"):
            await driver.engine.run(Chunk(7, numbered(1)))
    assert driver.keys == ["1"]


async def test_an_executor_that_was_shut_down_is_a_usage_error(tmp_path: Path) -> None:
    """Before a chunk, and while one waits in it."""
    pool = ThreadPoolExecutor(1)
    gate = tmp_path / "gate"
    async with opened(ExecutorEngine(pool), job_of("recorded:gated"), [], 1) as driver:
        rows = numbered(1, log=str(tmp_path / "log"), gate=str(gate))
        runs = asyncio.create_task(driver.engine.run(Chunk(1, rows)))
        await until((tmp_path / "log").exists)
        waits = asyncio.create_task(driver.engine.run(Chunk(2, rows)))
        await asyncio.sleep(0)
        pool.shutdown(wait=False, cancel_futures=True)
        with pytest.raises(UsageError, match="was shut down; what was stored is kept"):
            await waits
        gate.touch()
        assert not await runs
        with pytest.raises(UsageError, match="cannot schedule new futures after shutdown"):
            await driver.engine.run(Chunk(3, rows))


async def test_a_cancelled_chunk_stops_where_it_runs(tmp_path: Path) -> None:
    """Its rows make no more calls; others of the same process go on."""
    log = tmp_path / "log"
    with ThreadPoolExecutor(2) as pool:
        async with opened(ExecutorEngine(pool), job_of("recorded:calling"), [], 1) as driver:
            running = asyncio.create_task(driver.engine.run(Chunk(1, numbered(1, log=str(log)))))
            await until(log.exists)
            running.cancel()
            await until(lambda: [worker.running for worker in driver.engine.workers()] == [0])
            lines = log.read_text()
            await asyncio.sleep(0.1)
            assert log.read_text() == lines


async def test_a_drain_begins_no_more_rows(tmp_path: Path) -> None:
    """Rows that run end, those that wait have no result, and so have those of later chunks."""
    log, gate = tmp_path / "log", tmp_path / "gate"
    with ThreadPoolExecutor(1) as pool:
        rows = numbered(500, log=str(log), gate=str(gate))
        async with opened(ExecutorEngine(pool), job_of("recorded:gated"), rows, 250) as driver:
            running = asyncio.create_task(driver.run())
            await until(log.exists)
            await driver.engine.drain()
            await until(lambda: next(iter(tasks._stations.values()))._rows.is_draining)  # type: ignore[union-attr]
            gate.touch()
            await running
    begun = log.read_text().count("begins")
    assert len(driver.keys) == begun < 500


def _in_a_cell(task: Callable[[], Any]) -> Any:
    return task()


async def test_results_come_with_the_future_where_the_line_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is lost but the beats."""

    def refuse(self: Any) -> None:
        raise ConnectionRefusedError("no route to this machine")

    monkeypatch.setattr(ThreadedLine, "start", refuse)
    async with opened(ExecutorEngine(Odd(_in_a_cell)), job_of("", local=_shout), numbered(30), 10) as driver:
        await driver.run()
        assert driver.engine.workers() == []
    assert sorted(map(int, driver.keys)) == [*range(1, 31)]
    assert all(result.worker for result in driver.results)


async def test_limits_that_cannot_be_shared_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names both ways out, before a row is run."""

    def refuse(self: Any) -> None:
        raise ConnectionRefusedError("no route to this machine")

    monkeypatch.setattr(ThreadedLine, "start", refuse)
    job = job_of("", local=_shout, limits=Limits(budget_usd=1, attempts=2))
    async with opened(ExecutorEngine(Odd(_in_a_cell)), job, [], 1) as driver:
        with pytest.raises(
            UsageError, match=r"cannot reach .* share budget_usd; .*host=.* LANGGRAPH_PARALLEL_REDIS_URL"
        ):
            await driver.engine.run(Chunk(1, numbered(1)))


async def test_a_program_that_is_not_there_is_told_as_it_is() -> None:
    """The words are those of the worker that looked for it."""
    with ThreadPoolExecutor(1) as pool:
        async with opened(ExecutorEngine(pool), job_of("recorded:nowhere"), [], 1) as driver:
            for number in (1, 2):
                with pytest.raises(UsageError, match="has no 'nowhere'"):
                    await driver.engine.run(Chunk(number, numbered(1)))


async def test_two_commands_in_one_pool_keep_apart() -> None:
    """Each has its own program, its own results."""
    with ThreadPoolExecutor(2) as pool:
        first = opened(ExecutorEngine(pool), job_of("", local=_shout), numbered(100), 10)
        second = opened(ExecutorEngine(pool), job_of("recorded:where"), numbered(100), 10)
        async with first as shouting, second as telling:
            await asyncio.gather(shouting.run(), telling.run())
    assert {tuple(result.output) for result in shouting.results} == {("loud",)}
    assert {tuple(result.output) for result in telling.results} == {("pid",)}
    assert len(shouting.keys) == len(telling.keys) == 100
