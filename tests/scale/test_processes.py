"""The engine of processes, with real ones: deaths, orphans, output, drains."""

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.engine import Chunk, Job
from langgraph_parallel.scale.engines import child, desk, fleet
from langgraph_parallel.scale.engines.processes import ProcessesEngine
from langgraph_parallel.scale.line import tcp
from langgraph_parallel.scale.line.wire import pack_results
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Result, Row
from tests.scale.driving import Driver, job_of, numbered, opened, until
from tests.support.server import ModelServer

KILLS = int(os.environ.get("KILLS", "1"))
"""Of workers, in one run."""
_UNWRITTEN = 0.1
"""Seconds of results that a kill may cost."""


def _log(path: Path) -> list[tuple[float, int, str, str]]:
    """Return time, process, event and row of each line that rows have written."""
    if not path.exists():
        return []
    lines = [line.split() for line in path.read_text().splitlines()]
    return [(float(when), int(pid), what, key) for when, pid, what, key in lines]


async def _lines(path: Path, what: str, count: int) -> list[tuple[float, int, str, str]]:
    """Wait until so many rows have written something."""

    def found() -> list[tuple[float, int, str, str]]:
        return [line for line in _log(path) if line[2] == what]

    await until(lambda: len(found()) >= count)
    return found()


def _pids(driver: Driver) -> list[int]:
    return [int(worker.name.rpartition(":")[2]) for worker in driver.engine.workers()]


def _is_alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # it may end while it is looked at
        return False


def _environment() -> dict[str, str]:
    """Return variables with which other programs find the same modules."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}


async def test_killed_workers_cost_what_was_in_flight(tmp_path: Path) -> None:
    """Each row arrives; only those run again that ran when their worker died, or had ended just before."""
    log = tmp_path / "log"
    rows = numbered(400 + 200 * KILLS, log=str(log))
    killed: list[tuple[float, int]] = []
    choose = random.Random(21)
    async with opened(ProcessesEngine(2), job_of("recorded:logged"), rows, 20) as driver:
        running = asyncio.create_task(driver.run())
        for _ in range(KILLS):
            expected = len(driver.results) + choose.randrange(30, 150)
            await driver.has(lambda: len(driver.results) >= expected)  # noqa: B023 - awaited here
            pid = choose.choice(_pids(driver))
            killed.append((time.time(), pid))
            os.kill(pid, signal.SIGKILL)
        await running
    assert {*driver.keys} == {row.key for row in rows}
    assert all("killed by signal 9" in str(lost) for lost in driver.lost)
    lines = _log(log)
    runs = Counter(key for _, _, what, key in lines if what == "begins")
    in_flight: set[str] = set()
    for when, pid in killed:
        own = [line for line in lines if line[1] == pid]
        ended = {line[3] for line in own if line[2] == "ends" and line[0] < when - _UNWRITTEN}
        in_flight |= {line[3] for line in own if line[2] == "begins"} - ended
    assert {key for key, times in runs.items() if times > 1} <= in_flight


async def test_a_row_that_ends_its_process_is_named_and_no_other() -> None:
    """The rows that only waited for the same worker are not among those that ran."""
    async with opened(ProcessesEngine(1), job_of("recorded:killing"), [], 1) as driver:
        rows = numbered(7)
        bad = asyncio.create_task(driver.engine.run(Chunk(1, rows[6:])))
        with pytest.raises(Exception, match="has ended with status 0") as lost:
            await bad
        assert getattr(lost.value, "begun", None) == ["7"]
        assert not await driver.engine.run(Chunk(2, rows[:6]))
    assert sorted(driver.keys) == ["1", "2", "3", "4", "5", "6"]


async def test_output_and_interrupts_break_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """What rows print goes to standard error; their input is empty; an interrupt is the driver's."""
    async with opened(ProcessesEngine(1), job_of("recorded:printing"), numbered(3), 3) as driver:
        await driver.run()
        for pid in _pids(driver):
            os.kill(pid, signal.SIGINT)
        assert not await driver.engine.run(Chunk(9, numbered(1)))
    assert [result.output for result in driver.results] == [{"read": ""}] * 4
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("printed 1 \x00\x01 ü") == 2
    assert "complained 3" in err
    assert "\\xff\\xfe not text" in err


async def test_a_drain_lets_rows_end_that_have_begun(tmp_path: Path) -> None:
    """Others have no result; the processes end by themselves."""
    log, gate = tmp_path / "log", tmp_path / "gate"
    rows = numbered(300, log=str(log), gate=str(gate))
    async with opened(ProcessesEngine(1), job_of("recorded:gated"), rows, 50) as driver:
        running = asyncio.create_task(driver.run())
        await _lines(log, "begins", 1)
        [pid] = _pids(driver)
        await driver.engine.drain()
        gate.touch()
        await running
        begun = {line[3] for line in _log(log) if line[2] == "begins"}
        assert {*driver.keys} == begun
        assert len(begun) < 300
        await until(lambda: not _is_alive(pid))
    assert driver.lost == []


async def test_rows_move_to_a_worker_that_has_none(tmp_path: Path) -> None:
    """One chunk is all there is, and one worker has taken it; half of what it has not begun moves on."""
    log, gate = tmp_path / "log", tmp_path / "gate"
    rows = numbered(1000, log=str(log), gate=str(gate))
    async with opened(ProcessesEngine(2), job_of("recorded:gated"), rows, 1000) as driver:
        running = asyncio.create_task(driver.run())
        await until(lambda: len({line[1] for line in _log(log)}) == 2)
        gate.touch()
        await running
    assert len(driver.keys) == 1000
    assert {*driver.keys} == {row.key for row in rows}


async def test_workers_that_cannot_start_end_the_run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """After three, with what the last one said; a chunk that comes later hears the same."""
    broken = (sys.executable, "-c", "print('no room on the moon'); raise SystemExit(3)")
    monkeypatch.setattr(child, "_COMMAND", broken)
    async with opened(ProcessesEngine(1), job_of("recorded:where"), [], 1) as driver:
        for _ in range(2):
            with pytest.raises(UsageError, match=r"before they run a row.*status 3\nno room on the moon"):
                await driver.engine.run(Chunk(1, numbered(1)))
    assert capfd.readouterr().err.count("no room on the moon") == 3


async def test_whatever_ends_the_care_of_workers_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for processes that are not started any more."""

    async def start(*_: object) -> None:
        raise RuntimeError("no such thing as a pipe")

    monkeypatch.setattr(child.Child, "start", start)
    async with opened(ProcessesEngine(1), job_of("recorded:where"), [], 1) as driver:
        with pytest.raises(RuntimeError, match="no such thing as a pipe"):
            await asyncio.wait_for(driver.engine.run(Chunk(1, numbered(1))), 20)


async def test_workers_that_are_killed_again_and_again_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound on deaths without a result between them."""
    suicide = (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    monkeypatch.setattr(child, "_COMMAND", suicide)
    monkeypatch.setattr(fleet, "_DEATHS", 5)
    monkeypatch.setattr(fleet, "_LONGEST_PAUSE", 0.01)
    async with opened(ProcessesEngine(2), job_of("recorded:where"), [], 1) as driver:
        with pytest.raises(UsageError, match=r"5 workers in a row have died without a result.*signal 9"):
            await driver.engine.run(Chunk(1, numbered(1)))


async def test_a_worker_that_is_stopped_is_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It does not beat; its connection, which stays open, says nothing."""
    monkeypatch.setattr(tcp, "_SILENCE", 3.0)
    log, gate = tmp_path / "log", tmp_path / "gate"
    rows = numbered(1, log=str(log), gate=str(gate))
    async with opened(ProcessesEngine(1), job_of("recorded:blocking_loop"), rows, 1) as driver:
        running = asyncio.create_task(driver.run())
        [(_, pid, _, _)] = await _lines(log, "begins", 1)
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: len(driver.lost) == 1)
        gate.touch()
        await running
    assert driver.keys == ["1"]
    assert driver.lost[0].begun == ["1"]


async def test_an_engine_can_be_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a second map, after the first was drained and closed."""
    monkeypatch.setattr(child, "_COMMAND", (sys.executable, "-c", "input()"))
    engine = ProcessesEngine(1)
    for _ in range(2):
        async with opened(engine, job_of("recorded:where"), [], 1):
            waiting = asyncio.create_task(engine.run(Chunk(1, numbered(1))))
            await asyncio.sleep(0)
            assert not waiting.done()
            await engine.drain()
            assert not await waiting


async def test_a_budget_holds_over_processes_and_deaths(server: ModelServer, model: str) -> None:
    """What a worker had in hand when it was killed counts as spent."""
    limits = Limits(budget_calls=60, concurrency=8)
    rows = [Row(str(number), {"question": f"is {number} even?"}) for number in range(100)]
    job = job_of("programs:voting", context={"model": model}, limits=limits)
    async with opened(ProcessesEngine(2), job, rows, 5) as driver:
        running = asyncio.create_task(driver.run())
        await driver.has(lambda: len(driver.results) >= 5)
        os.kill(_pids(driver)[0], signal.SIGKILL)
        await running
    assert 30 <= len(server.requests) <= 60
    assert sum(result.spent.calls for result in driver.results) <= len(server.requests)
    assert len(driver.results) < 100


async def test_a_row_that_is_too_large_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is sent."""
    monkeypatch.setattr(desk, "MOST_OF_A_ROW", 1_000)
    handing = desk.Desk(lambda *_: None)
    with pytest.raises(UsageError, match=r"row '1' has 2,0.. bytes; at most 1,000 can travel"):
        await handing.run(Chunk(1, numbered(1, text="x" * 2_000)))


async def test_a_sink_that_fails_ends_the_run_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a chunk hears of it, now and later."""
    monkeypatch.setattr(child, "_COMMAND", (sys.executable, "-c", "input()"))
    engine = ProcessesEngine(1)

    async def deliver(results: object) -> None:
        raise OSError("the disk is full")

    await engine.open(job_of("recorded:where"), deliver)
    try:
        waiting = asyncio.create_task(engine.run(Chunk(1, numbered(1))))
        await asyncio.sleep(0)
        engine._end.coordinator.mailbox.put("w", 1, pack_results([Result("1", "ok")]))
        for chunk in (waiting, engine.run(Chunk(2, numbered(1)))):
            with pytest.raises(OSError, match="the disk is full"):
                await chunk
    finally:
        await engine.close()


_ORPHANS = """
import asyncio, sys
from langgraph_parallel.scale.engines.processes import ProcessesEngine
from langgraph_parallel.scale.line import tcp
from langgraph_parallel.scale.line.wire import pack_results
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Result, Row
from tests.scale.driving import job_of, numbered, opened, until
from tests.support.server import ModelServer

async def main():
    rows = numbered(4, log=sys.argv[1])
    async with opened(ProcessesEngine(1), job_of("recorded:calling"), rows, 4) as driver:
        await driver.run()

asyncio.run(main())
"""


async def test_no_orphan_calls_or_lives_on(tmp_path: Path) -> None:
    """A driver is killed; its worker stops at once, and is gone soon."""
    log = tmp_path / "log"
    command = [sys.executable, "-c", _ORPHANS, str(log)]
    driver = await asyncio.create_subprocess_exec(*command, env=_environment())
    [(_, pid, _, _), *_] = await _lines(log, "calls", 4)
    driver.kill()
    await driver.wait()
    before = len(_log(log))
    async with asyncio.timeout(60):
        await until(lambda: not _is_alive(pid))
    assert len(_log(log)) - before < 4 * 25  # those of half a second


_SCRIPT = """
import asyncio
from langgraph_parallel.scale.engine import Chunk, Job
from langgraph_parallel.scale.engines.processes import ProcessesEngine
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Row

async def shout(row):
    return {"loud": row["text"].upper()}

async def main():
    results = []
    async def deliver(given):
        results.extend(given)
    engine = ProcessesEngine(1)
    await engine.open(Job(id="x", program=Program(local=shout)), deliver)
    await engine.run(Chunk(1, [Row("1", {"text": "hey"})]))
    await engine.close()
    print(results[0].output, results[0].error)

GUARD
    asyncio.run(main())
"""


@pytest.mark.parametrize("guard", ['if __name__ == "__main__":', "if True:"], ids=["guarded", "unguarded"])
def test_a_function_of_a_script_is_found_in_its_file(tmp_path: Path, guard: str) -> None:
    """Where the script runs unguarded, the worker says what is missing, and starts no workers of its own."""
    script = tmp_path / "labels.py"
    script.write_text(_SCRIPT.replace("GUARD", guard))
    command = [sys.executable, str(script)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=_environment())
    if guard.startswith("if __name__"):
        assert ran.stdout == "{'loud': 'HEY'} \n"
    else:
        assert ran.returncode == 1
        assert re.search(r'UsageError: .*if __name__ == "__main__":', ran.stderr)


async def test_an_engine_that_was_refused_is_closed_like_any() -> None:
    """The refusal is the error, not what closing would need."""

    async def deliver(results: object) -> None:
        raise AssertionError("there are no results")

    engine = ProcessesEngine(1)
    with pytest.raises(UsageError):
        await engine.open(Job(id="x", program=Program(local=lambda text: 1)), deliver)
    await engine.close()


@pytest.mark.parametrize("count", [0, -1, True], ids=repr)
def test_the_number_of_processes_is_at_least_one(count: int) -> None:
    """Anything else is refused with the number."""
    with pytest.raises(UsageError, match=r"the number of processes is .*; expected at least 1"):
        ProcessesEngine(count)
