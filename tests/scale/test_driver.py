"""The driver: exactly one row for each item, whatever happens to workers, sinks and the command itself."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.completion import as_completion
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.scale import intake, summary, trouble
from langgraph_parallel.scale.backlog import Backlog
from langgraph_parallel.scale.course import Course
from langgraph_parallel.scale.driver import Driver
from langgraph_parallel.scale.engine import Chunk, WorkerLost, WorkerState
from langgraph_parallel.scale.rows import Result, Row, Spent
from langgraph_parallel.scale.stored_map import StoredMap
from tests.scale.driven import PROGRAM, FakeEngine, MemorySink, Rows, doubled, drive, turns
from tests.scale.driving import until


def _outputs(sink: MemorySink) -> dict[str, Any]:
    return {key: (row.status, dict(row.output)) for key, row in sink.rows.items()}


def _undisturbed(number: int) -> dict[str, Any]:
    return {str(n): ("ok", {"twice": 2 * n}) for n in range(1, number + 1)}


async def test_an_item_whose_failure_is_held_back_is_not_run_again() -> None:
    """A repeat of its key is a repeat, as of every item that is under way."""
    landed = asyncio.Event()

    class Repeating(Rows):
        async def rows(self) -> AsyncIterator[Row]:
            yield Row("a", {"n": 0})
            await landed.wait()
            yield Row("a", {"n": 0})
            yield Row("b", {"n": 1})

    def work(row: Row) -> Result:
        asyncio.get_running_loop().call_later(0.01, landed.set)  # once the driver has taken the result
        return Result(row.key, "failed", error="no") if row.key == "a" else doubled(row)

    engine, sink = FakeEngine(work), MemorySink()
    driver = await drive(Repeating([]), sink, engine, chunk=1)
    assert engine.ran == ["a", "b"]
    assert (driver.tally.failed, driver.tally.ok) == (1, 1)
    assert {key: row.status for key, row in sink.rows.items()} == {"a": "failed", "b": "ok"}


async def test_a_drain_has_the_grace_that_it_is_given() -> None:
    """Not that of the limits: what is still running then is cancelled, and has no row."""
    begun, sink = asyncio.Event(), MemorySink()

    def hang(row: Row, chunk: Chunk) -> Any:
        begun.set()
        return asyncio.Event().wait()

    stored = await StoredMap.open(sink, PROGRAM, {"graph": PROGRAM.graph}, mixed=False)
    driver = Driver(Rows.numbered(3), stored, FakeEngine(upset=hang), PROGRAM, Course(grace=1000.0))
    running = asyncio.create_task(driver.run())
    await begun.wait()
    driver.drain("the server stops", 0.0)
    await asyncio.wait_for(running, 10)
    assert driver.reason == "the server stops"
    assert not sink.rows


class _Mess:
    """Worker deaths, delays and disorder, as a seed says."""

    def __init__(self, seed: int, deaths: int) -> None:
        self._random, self._deaths = random.Random(seed), deaths
        self.per_row: Counter[str] = Counter()

    def upset(self, row: Row, chunk: Chunk) -> Any:
        """Delay some rows; end the worker at others, each row twice at most."""
        if self._deaths and self.per_row[row.key] < 2 and self._random.random() < 0.1:
            self._deaths -= 1
            self.per_row[row.key] += 1
            begun = None if self._random.random() < 0.3 and len(chunk.rows) == 1 else [row.key]
            raise WorkerLost(f"worker {self._deaths} died", begun)
        return asyncio.sleep(0) if self._random.random() < 0.3 else None

    def shuffle(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return rows in another order."""
        return self._random.sample(rows, len(rows))


@given(
    number=st.integers(0, 120),
    seed=st.integers(0, 10_000),
    deaths=st.integers(0, 12),
    capacity=st.integers(1, 5),
    chunk=st.one_of(st.none(), st.integers(1, 30)),
    is_known=st.booleans(),
)
def test_each_item_has_one_row_whatever_happens(
    number: int, seed: int, deaths: int, capacity: int, chunk: int | None, is_known: bool
) -> None:
    """Lost workers, delays and disorder change neither the rows nor how many chunks are in flight."""
    mess, sink = _Mess(seed, deaths), MemorySink()
    engine = FakeEngine(capacity=capacity, upset=mess.upset, shuffle=mess.shuffle)
    driver = asyncio.run(drive(Rows.numbered(number, is_known=is_known), sink, engine, chunk=chunk))
    assert _outputs(sink) == _undisturbed(number)
    assert Counter(engine.ran) == Counter([*sink.rows])
    assert engine.most_in_flight <= capacity
    assert (driver.tally.ok, driver.tally.failed, driver.reason) == (number, 0, "")
    assert driver.tally.run_again == sum(mess.per_row.values())


@given(number=st.integers(1, 80), cut=st.integers(0, 80), seed=st.integers(0, 1000))
def test_no_stored_row_is_run_again(number: int, cut: int, seed: int) -> None:
    """A command that goes on runs only the items without a row; together they spend as one does."""
    sink = MemorySink()
    ran: list[str] = []
    for limit in (min(cut, number), None):
        engine = FakeEngine(upset=_Mess(seed, 3).upset)
        driver = asyncio.run(drive(Rows.numbered(number), sink, engine, limit=limit))
        ran += engine.ran
    assert _outputs(sink) == _undisturbed(number)
    assert Counter(ran) == Counter([*sink.rows])
    assert driver.tally.kept == min(cut, number)
    assert sink.manifest is not None
    assert sink.manifest.spent.calls == number
    assert sink.manifest.spent.usd == pytest.approx(0.01 * number)


def test_the_source_is_read_a_little_ahead_only() -> None:
    """While the engine stands still, the source is not read on."""

    async def run() -> tuple[int, int]:
        gate, source = asyncio.Event(), Rows.numbered(100_000)
        engine = FakeEngine(upset=lambda row, chunk: gate.wait())
        task = asyncio.create_task(drive(source, MemorySink(), engine, chunk=10))
        await until(lambda: engine.rows_in_flight == 20)
        await turns(1_000)
        read, in_flight = source.read, engine.rows_in_flight
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return read, in_flight

    read, in_flight = asyncio.run(run())
    assert in_flight == 20
    assert read <= 100


def test_workers_wait_for_a_sink_that_is_behind() -> None:
    """Results that are not written are bounded: the engine waits while the sink does not take any."""

    async def run() -> int:
        gate = asyncio.Event()
        gate.set()  # the sink is opened; it takes nothing from the first row on
        sink, engine = MemorySink(gate=gate), FakeEngine(upset=lambda row, chunk: gate.clear())
        task = asyncio.create_task(drive(Rows.numbered(100_000), sink, engine, chunk=500))
        await until(lambda: len(engine.ran) >= 2_000)
        await turns(10_000)
        ran = len(engine.ran)
        task.cancel()
        engine.is_draining = True
        gate.set()
        await asyncio.gather(task, return_exceptions=True)
        assert len(sink.rows) == len(engine.ran) == len(set(engine.ran))
        return ran

    assert asyncio.run(run()) <= 2 * 2_000 + 2


def test_a_row_that_kills_its_workers_fails_and_takes_no_other_along() -> None:
    """After three deaths the row is a failed one; every other item, in whatever order, is stored well."""

    def upset(row: Row, chunk: Chunk) -> None:
        if row.key == "7":
            raise WorkerLost("worker one died: signal 9", begun=[row.key for row in chunk.rows])

    sink, engine = MemorySink(), FakeEngine(upset=upset, capacity=3)
    driver = asyncio.run(drive(Rows.numbered(60), sink, engine, chunk=10))
    failed = {key: row.error for key, row in sink.rows.items() if row.status == "failed"}
    assert failed == {"7": "its worker died 3 times while it ran: worker one died: signal 9"}
    assert len(sink.rows) == 60
    assert (driver.tally.failed, len(driver.lost)) == (1, 1)


def test_the_last_try_of_a_row_is_made_while_nothing_else_runs() -> None:
    """What dies together with a row that kills its worker is not blamed for it a third time."""
    running: set[int] = set()
    alone: list[bool] = []

    class Shared(FakeEngine):
        """All chunks share a worker, so that one row ends all of them."""

        async def run(self, chunk: Chunk) -> str | None:
            running.add(chunk.number)
            self.dying = getattr(self, "dying", None) or asyncio.get_running_loop().create_future()
            try:
                if any(row.key == "1" for row in chunk.rows):
                    alone.append(len(running) == 1)
                    await asyncio.sleep(0)  # the others begin
                    dying, self.dying = self.dying, None
                    dying.set_result(None)
                else:
                    ending = asyncio.ensure_future(asyncio.sleep(0.001))
                    await asyncio.wait([ending, self.dying], return_when=asyncio.FIRST_COMPLETED)
                    if not self.dying or self.dying.done():
                        raise WorkerLost("died", [row.key for row in chunk.rows])
                    return await super().run(chunk)
                raise WorkerLost("died", [row.key for row in chunk.rows])
            finally:
                running.discard(chunk.number)

    sink = MemorySink()
    asyncio.run(drive(Rows.numbered(20), sink, Shared(capacity=4), chunk=2))
    assert [key for key, row in sink.rows.items() if row.status == "failed"] == ["1"]
    assert len(sink.rows) == 20
    assert alone[-1]


def test_a_late_result_of_a_lost_worker_counts_once() -> None:
    """Where a row was run twice after all, the first result is stored, and both are paid."""

    class Late(FakeEngine):
        """Delivers a row after it has said that its worker is gone."""

        async def run(self, chunk: Chunk) -> str | None:
            if chunk.number == 1:
                self.late = asyncio.create_task(self._deliver_late(chunk))
                raise WorkerLost("gone for a while", [])
            await asyncio.sleep(0.05)
            return await super().run(chunk)

        async def _deliver_late(self, chunk: Chunk) -> None:
            await asyncio.sleep(0.02)
            await self._deliver([doubled(row) for row in chunk.rows])

    sink = MemorySink()
    driver = asyncio.run(drive(Rows.numbered(4), sink, Late(capacity=1), chunk=2))
    assert _outputs(sink) == _undisturbed(4)
    assert driver.tally.ok == 4
    assert driver.tally.spent.calls == 6


def test_failed_rows_are_kept_until_they_are_redriven() -> None:
    """A failed item is not run again, unless redrive asks for failed ones: those alone are run then."""

    def odd_fails(row: Row) -> Result:
        if row.data["n"] % 2:
            return Result(row.key, "failed", error=f"{row.key} is odd")
        return doubled(row)

    sink = MemorySink()
    asyncio.run(drive(Rows.numbered(10), sink, FakeEngine(odd_fails), limit=6))
    again = FakeEngine(odd_fails)
    driver = asyncio.run(drive(Rows.numbered(10), sink, again, limit=6))
    assert again.ran == []
    assert (driver.tally.kept_ok, driver.tally.kept_failed) == (3, 3)
    redriven = FakeEngine()
    driver = asyncio.run(drive(Rows.numbered(10), sink, redriven, redrive=True))
    assert sorted(redriven.ran) == ["1", "3", "5"]
    assert driver.intake.passed == 4
    assert {key: row.attempts for key, row in sink.rows.items()} == {
        **dict.fromkeys("135", 2),
        **dict.fromkeys("246", 1),
    }


def test_a_run_whose_first_items_all_fail_ends_and_stores_none() -> None:
    """A wrong key fails every item: a few tens are tried, and the same command runs them later."""

    def refused(row: Row) -> Result:
        return Result(row.key, "failed", error=f"401 from http://x: check KEY (request {row.key})")

    sink, engine = MemorySink(), FakeEngine(refused)
    driver = asyncio.run(drive(Rows.numbered(1000), sink, engine))
    assert (
        driver.reason
        == "none of the first 20 items succeeded, such as: 401 from http://x: check KEY (request 1)"
    )
    assert 20 < len(engine.ran) < 50
    report = summary.report(driver)  # which counts those that still ran, too
    assert report.unstored == len(engine.ran)
    assert report.reason.startswith(f"none of the first {len(engine.ran)} items succeeded, such as: 401 ")
    assert sink.rows == {}
    asyncio.run(drive(Rows.numbered(1000), sink, FakeEngine()))
    assert len(sink.rows) == 1000


@pytest.mark.parametrize("lasts", [1, 3], ids=["passes", "lasts"])
def test_an_outage_is_waited_for(lasts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """While all items fail, no others begin; after a pause those are run again, and none has failed."""
    monkeypatch.setattr(trouble, "_FIRST_PAUSE", 0.05)
    tries = Counter[str]()

    def down_for_a_while(row: Row) -> Result:
        tries[row.key] += 1
        if row.data["n"] > 50 and tries["51"] <= lasts:
            return Result(row.key, "failed", error="connection refused", spent=Spent(1, 0, 0, 0.0))
        return doubled(row)

    sink = MemorySink()
    driver = asyncio.run(drive(Rows.numbered(5_000), sink, FakeEngine(down_for_a_while)))
    assert _outputs(sink) == _undisturbed(5_000)
    assert tries["51"] == lasts + 1
    assert sum(tries.values()) < 5_000 + 1_500
    assert (driver.tally.failed, driver.reason) == (0, "")
    assert driver.tally.spent.calls == sum(tries.values())


def test_an_outage_that_lasts_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the patience of the limits the run ends; what failed has no rows, and can go on."""
    monkeypatch.setattr(trouble, "_FIRST_PAUSE", 0.05)

    def down(row: Row) -> Result:
        return Result(row.key, "failed", error="connection refused") if row.data["n"] > 50 else doubled(row)

    sink = MemorySink()
    driver = asyncio.run(drive(Rows.numbered(5_000), sink, FakeEngine(down), patience=0.3))
    assert driver.reason == (
        "one item after the other failed, after pauses of 0.3 s too, such as: connection refused"
    )
    assert set(sink.rows) == {str(n) for n in range(1, 51)}
    asyncio.run(drive(Rows.numbered(5_000), sink, FakeEngine()))
    assert _outputs(sink) == _undisturbed(5_000)


def test_a_few_items_that_all_fail_are_stored() -> None:
    """Failures that are held back until something succeeds are written at the end."""

    def fails(row: Row) -> Result:
        return Result(row.key, "failed", error="no")

    sink = MemorySink()
    asyncio.run(drive(Rows.numbered(5), sink, FakeEngine(fails)))
    assert {row.status for row in sink.rows.values()} == {"failed"}
    assert len(sink.rows) == 5


@pytest.mark.parametrize(
    ("course", "reason"),
    [
        ({"stop_after_errors": 3}, "3 items failed (stop_after_errors is 3)"),
        (
            {"completion": as_completion("tolerated_failures(0.05)")},
            "tolerated_failures(0.05) can no longer be met: 51 items failed",
        ),
        ({"completion": as_completion("min_success(7)")}, "min_success(7) is met"),
    ],
    ids=["errors", "tolerated", "enough"],
)
def test_a_run_ends_early(course: dict[str, Any], reason: str) -> None:
    """What a command tolerates, or wants, ends it; the rest has no rows."""

    def third_fails(row: Row) -> Result:
        return Result(row.key, "failed", error="no") if row.data["n"] % 3 == 0 else doubled(row)

    sink, engine = MemorySink(), FakeEngine(third_fails, capacity=1)
    driver = asyncio.run(drive(Rows.numbered(1000), sink, engine, **course))
    assert driver.reason == reason
    assert engine.is_draining
    assert len(sink.rows) == len(engine.ran) < 210


def test_a_deadline_cancels_what_runs() -> None:
    """At the deadline rows that run are stopped; those that ended are stored."""

    def upset(row: Row, chunk: Chunk) -> Any:
        return asyncio.sleep(3600) if row.key == "3" else None

    sink, engine = MemorySink(), FakeEngine(upset=upset, capacity=1)
    driver = asyncio.run(drive(Rows.numbered(10), sink, engine, chunk=5, deadline=0.1))
    assert driver.reason == "the deadline of 0.1 s has passed"
    assert set(sink.rows) == {"1", "2"}
    assert engine.in_flight == 0


def test_a_drained_run_ends_its_rows_and_begins_none() -> None:
    """After a drain the rows that run end, all that has ended is stored, and the engine is closed."""

    async def run() -> None:
        sink = MemorySink()
        begun = asyncio.Event()

        def upset(row: Row, chunk: Chunk) -> Any:
            if row.key == "8":
                begun.set()
            return asyncio.sleep(0.001)

        engine = FakeEngine(upset=upset)
        stored = await StoredMap.open(sink, PROGRAM, {}, mixed=False)
        driver = Driver(Rows.numbered(100_000), stored, engine, PROGRAM, Course())
        running = asyncio.create_task(driver.run())
        await begun.wait()
        driver.drain("stopped by SIGINT")
        await running
        assert driver.reason == "stopped by SIGINT"
        assert 8 <= len(sink.rows) == len(engine.ran) < 100
        assert engine.closed == 1

    asyncio.run(run())


def test_a_cancelled_run_writes_what_has_arrived() -> None:
    """Cancelling it stores the results that came, and closes engine and sink."""

    async def run() -> None:
        sink, engine = MemorySink(), FakeEngine(upset=lambda row, chunk: asyncio.sleep(0.001))
        task = asyncio.create_task(drive(Rows.numbered(10_000), sink, engine))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert set(sink.rows) == set(engine.ran)
        assert engine.ran
        assert (engine.closed, sink.is_open, engine.in_flight) == (1, False, 0)

    asyncio.run(run())


def test_a_sink_that_fails_ends_the_run_with_its_error() -> None:
    """A full disk is raised; what was stored before stays, and nothing hangs."""
    sink, engine = MemorySink(fails_at=3), FakeEngine(upset=lambda row, chunk: asyncio.sleep(0.0001))
    with pytest.raises(OSError, match="No space left"):
        asyncio.run(asyncio.wait_for(drive(Rows.numbered(100_000), sink, engine), 20))
    assert len(sink.rows) == sum(sink.batches[:2])
    assert (engine.closed, engine.in_flight) == (1, 0)


def test_a_row_whose_columns_the_sink_cannot_have_fails_alone() -> None:
    """No other is thrown away with it, and names that come later are judged by all before."""
    outputs = {"2": {"key": 1}, "3": {"A": 1}, "4": {"a": 1}, "5": {"b": 1, "c": 1, "d": 1, "e": 1}}

    def work(row: Row) -> Result:
        return replace(doubled(row), output=outputs.get(row.key, {"twice": 2}))

    sink = MemorySink()
    driver = asyncio.run(drive(Rows.numbered(8), sink, FakeEngine(work)))
    errors = {key: row.error for key, row in sink.rows.items() if row.status == "failed"}
    assert sorted(errors) == ["2", "4", "5"]
    assert "'key' has the name of a column of the sink" in errors["2"]
    assert "'A' and 'a' differ in case only" in errors["4"]
    assert "the sink takes 4 at most" in errors["5"]
    assert sink.rows["2"].spent == doubled(Row("2", {"n": 2})).spent
    assert (driver.tally.ok, driver.tally.failed, driver.tally.spent.calls) == (5, 3, 8)


def test_columns_that_are_known_before_the_run_are_refused_before_it() -> None:
    """In a sink that has rows of another program, too."""
    sink = MemorySink()
    asyncio.run(drive(Rows.numbered(1), sink, FakeEngine()))
    for there in (sink, MemorySink()):
        program = replace(PROGRAM, outputs={"status": "choice"})
        with pytest.raises(UsageError, match="'status' has the name of a column of the sink"):
            asyncio.run(StoredMap.open(there, program, {"graph": PROGRAM.graph}, mixed=True))


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), asyncio.CancelledError()], ids=repr)
def test_whatever_an_engine_raises_ends_the_run_with_it(error: BaseException) -> None:
    """No row is lost without a word; what ended before is stored."""

    def upset(row: Row, chunk: Chunk) -> None:
        if row.key == "5":
            raise error

    sink = MemorySink()
    with pytest.raises(type(error)):
        asyncio.run(drive(Rows.numbered(8), sink, FakeEngine(capacity=1, upset=upset), chunk=1))
    assert set(sink.rows) == {"1", "2", "3", "4"}


def test_a_fault_after_a_chunk_ends_the_run_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised; the rows of the chunk were not forgotten."""

    def learn(backlog: Backlog, flight: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Backlog, "learn", learn)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(drive(Rows.numbered(8), MemorySink(), FakeEngine()))


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit()], ids=repr)
def test_a_source_that_raises_what_ends_a_program_ends_the_run_with_it(error: BaseException) -> None:
    """The run does not wait for its next row for ever."""

    def rows() -> Any:
        yield Row("1", {"n": 1})
        raise error

    sink = MemorySink()
    with pytest.raises(type(error)):
        asyncio.run(asyncio.wait_for(drive(Rows(rows()), sink, FakeEngine()), 20))
    assert set(sink.rows) <= {"1"}


@pytest.mark.parametrize("good", [0, 1, 30, 300])
def test_a_source_that_fails_ends_the_run_after_what_it_gave(good: int) -> None:
    """Its error is raised, at the first row or later; every row before it is run and stored."""

    def rows() -> Any:
        yield from (Row(str(n), {"n": n}) for n in range(good))
        raise ValueError("this line is no JSON")

    sink, engine = MemorySink(), FakeEngine()
    with pytest.raises(ValueError, match="no JSON"):
        asyncio.run(drive(Rows(rows()), sink, engine))
    assert set(sink.rows) == set(engine.ran) == {str(n) for n in range(good)}


def test_an_item_whose_key_is_under_way_is_passed_over() -> None:
    """The same key again, while the first is under way, is run once."""
    rows = [Row(str(n % 10), {"n": n % 10}) for n in range(30)]
    sink, engine = MemorySink(), FakeEngine()
    driver = asyncio.run(drive(Rows(rows, 30), sink, engine))
    assert Counter(engine.ran) == Counter(str(n) for n in range(10))
    assert driver.intake.repeated + driver.tally.kept == 20


def test_rows_that_could_not_be_read_fail_without_being_run() -> None:
    """A line that is no JSON is a failed row with the reason."""
    rows = [Row(str(n), {"n": n}, "not JSON" if n == 3 else "") for n in range(6)]
    sink, engine = MemorySink(), FakeEngine()
    asyncio.run(drive(Rows(rows, 6), sink, engine))
    assert sink.rows["3"].error == "not JSON"
    assert "3" not in engine.ran
    assert len(sink.rows) == 6


def test_what_trickles_is_run_as_it_comes() -> None:
    """A row of a pipe is stored although the next one is not there yet."""

    async def run() -> None:
        more, sink = asyncio.Event(), MemorySink()

        class Pipe(Rows):
            """Gives one row, and then waits."""

            async def rows(self) -> Any:
                yield Row("1", {"n": 1})
                await more.wait()
                yield Row("2", {"n": 2})

        task = asyncio.create_task(drive(Pipe([]), sink, FakeEngine()))
        while "1" not in sink.rows:  # noqa: ASYNC110 - the sink tells nobody
            await asyncio.sleep(0.01)
        more.set()
        await task
        assert set(sink.rows) == {"1", "2"}

    asyncio.run(asyncio.wait_for(run(), 10))


def test_open_reservations_of_a_dead_driver_are_spent() -> None:
    """What was reserved when a command was killed counts for the next one, once and for all."""
    sink, engine = MemorySink(), FakeEngine()
    asyncio.run(drive(Rows.numbered(5), sink, engine))
    assert sink.manifest is not None
    sink.manifest = replace(sink.manifest, reserved=Amount(7, 90, 1.0))
    for _ in range(2):
        engine = FakeEngine()
        asyncio.run(drive(Rows.numbered(6), sink, engine))
        assert engine.job is not None
        assert engine.job.spent == pytest.approx(1.05 if len(engine.ran) else 1.06)
        assert engine.job.spent_calls >= 7
        assert engine.job.spent_tokens >= 90


def test_what_fails_five_times_a_second_ends_the_run() -> None:
    """An engine that cannot say how its workers are would leave a run without deadline and progress."""

    class Mute(FakeEngine):
        def workers(self) -> Sequence[WorkerState]:
            """Fail, where the progress asks."""
            if (task := asyncio.current_task()) and task.get_name() == "progress":
                raise RuntimeError("no word of the workers")
            return []

    sink, engine = MemorySink(), Mute(upset=lambda row, chunk: asyncio.Event().wait())
    with pytest.raises(RuntimeError, match="no word of the workers"):
        asyncio.run(asyncio.wait_for(drive(Rows.numbered(4), sink, engine), 20))
    assert engine.closed == 1


def test_long_rows_are_read_ahead_in_small_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read ahead and handed out together is what has room, though a thousand short rows would be; all run."""
    monkeypatch.setattr(intake, "HEAVY", 40_000)
    monkeypatch.setattr(intake, "HEAVY_CHUNK", 5_000)
    source = Rows(Row(str(n), {"n": n, "text": "x" * 1_000}) for n in range(400))
    sink, held = MemorySink(rows={str(n): Result(str(n), "ok", {}) for n in range(200, 300)}), list[int]()

    def upset(row: Row, chunk: Chunk) -> None:
        kept = min(max(0, source.read - 200), 100)
        held.append(source.read - kept - len(engine.ran))

    engine = FakeEngine(upset=upset)
    asyncio.run(asyncio.wait_for(drive(source, sink, engine, chunk=200), 20))
    assert len(sink.rows) == 400
    assert max(engine.chunks) == 5
    assert max(held) <= 40 + 2 * 5 + 100  # the last are those of one look-up, which have rows
