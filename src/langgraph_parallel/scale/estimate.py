"""Cost and time of a run over many items, by a sample whose rows are kept."""

from collections.abc import Sequence
from dataclasses import replace

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.map_estimate import Expected, MapEstimate
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.command import Command
from langgraph_parallel.scale.driver import Driver
from langgraph_parallel.scale.expectation import at_least, expected_mean, plus, times
from langgraph_parallel.scale.rows import Result
from langgraph_parallel.scale.runner import load
from langgraph_parallel.scale.running.capacity import Capacity
from langgraph_parallel.scale.running.shared import Shared, limits_of_rows
from langgraph_parallel.scale.sampling import Sample, draw
from langgraph_parallel.scale.tally import Tally

SAMPLE = 50
"""Items that are run for an estimate."""
_OWN_SECONDS = 1e-4
"""Of an item beside what it runs: it is read, handed out and written by one process."""


class _SampleTally(Tally):
    """Counts that remember what each item took."""

    def __init__(self) -> None:
        super().__init__()
        self.usd_each: list[float | None] = []
        self.seconds_each: list[float] = []
        self.running = self.in_flight = 0
        self.begins = 0.0
        """Seconds until the first item began: workers start, and load the program."""

    def add(self, results: Sequence[Result]) -> None:
        super().add(results)
        if not self.seconds_each:
            self.begins = max(0.0, self.seconds - results[0].seconds)
        self.usd_each += [result.spent.usd for result in results]
        self.seconds_each += [result.seconds for result in results]

    def look(self, driver: Driver) -> None:
        """Note how many requests are in flight for the items that run."""
        for worker in driver.engine.workers():
            self.running += worker.running
            self.in_flight += worker.in_flight


async def estimated(command: Command, number: int) -> MapEstimate:
    """Run a sample, and estimate what the other items cost and take.

    Args:
        command: of which it is a sample.
        number: of items in the sample, at least 2.

    Raises:
        UsageError: the sample is too small, or the command cannot be run.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < 2:
        raise UsageError(f"sample is {number!r}; expected a whole number of at least 2")
    async with command.opened() as stored:
        course = command.course
        sample = await draw(command.source, stored, number, limit=course.limit, redrive=course.redrive)
        tally = _SampleTally()

        def look(driver: Driver) -> None:
            tally.look(driver)
            command.show(driver)

        # All of the sample is to be run, whatever fails of it: that is what the estimate is to tell.
        whole = replace(course, limit=None, completion=None, stop_after_errors=number + 1)
        driver = Driver(sample.source, stored, command.engine, command.program, whole, look, tally=tally)
        await command.drive(driver)
        return _record(driver, tally, sample)


def _record(driver: Driver, tally: _SampleTally, sample: Sample) -> MapEstimate:
    """Return what a sample that was run says."""
    left = None if sample.left is None else sample.left + len(sample.items) - tally.ended
    spent, limits = tally.spent, driver.program.limits or Limits()
    usd = [one for one in tally.usd_each if one is not None]
    usd_each = expected_mean(usd, left) if usd and spent.usd is not None else None
    at_once = _at_once(driver, tally, limits)
    seconds_left = _seconds_left(tally, limits, left, at_once)
    all_usd = driver.map.usd
    is_capped = limits.budget_usd is not None and all_usd is not None
    return MapEstimate(
        sink=driver.map.sink.name,
        items=sample.total,
        kept=sample.kept,
        sample=tally.ended,
        failed=tally.failed,
        failures=dict(tally.failures),
        is_random=sample.is_random,
        left=left,
        calls=spent.calls,
        usage=tally.usage,
        usd=spent.usd,
        usd_each=usd_each,
        usd_left=None if usd_each is None or left is None else times(usd_each, left),
        seconds=tally.seconds,
        seconds_left=seconds_left,
        at_once=at_once,
        budget_left=max(0.0, limits.budget_usd - all_usd) if is_capped else None,  # type: ignore[operator]
        assumptions=_assumptions(sample, limits, at_once),
        reason=driver.reason,
    )


def _at_once(driver: Driver, tally: _SampleTally, limits: Limits) -> int:
    """Return how many items run at the same time once there are enough of them."""
    workers = driver.most_workers
    shared = Shared("", limits_of_rows(limits))
    rows = Capacity.of(load(driver.program), shared, workers).rows * workers
    if not tally.spent.calls:
        return rows
    # Measured, since the calls of one item may be made together or one after the other.
    calls = tally.in_flight / tally.running if tally.in_flight else tally.spent.calls / max(1, tally.ended)
    return max(1, min(rows, round(limits.concurrency / max(calls, 1e-9))))


def _seconds_left(tally: _SampleTally, limits: Limits, left: int | None, at_once: int) -> Expected | None:
    if left is None or not tally.seconds_each or limits.lane == "batch":
        return None
    work = times(expected_mean(tally.seconds_each, left), left / min(at_once, max(1, left)))
    least = left * _OWN_SECONDS
    spent, ended = tally.spent, max(1, tally.ended)
    for rate, used in (
        (limits.requests_per_minute, spent.calls),
        (limits.tokens_per_minute, spent.input_tokens + spent.output_tokens),
    ):
        if rate is not None:
            least = max(least, left * used / ended / rate * 60)
    return plus(at_least(work, Expected(value=least, low=least, high=least)), tally.begins if left else 0.0)


def _assumptions(sample: Sample, limits: Limits, at_once: int) -> list[str]:
    said = []
    if not sample.is_random:
        said.append("the first items of the input cost and take what the others do")
    elif sample.total is not None and sample.read < sample.total:
        said.append(f"the first {sample.read:,} items, of which the sample was drawn, are like the others")
    said.append(f"{at_once:,} items run at the same time, as fast as those of the sample did")
    if limits.lane == "batch":
        said.append("the sample went through the batch lane, whose answers may take 24 hours")
    for name, value in (("requests", limits.requests_per_minute), ("tokens", limits.tokens_per_minute)):
        if value is not None:
            said.append(f"{value:,.0f} {name} a minute are reached")
    return said
