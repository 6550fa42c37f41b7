"""Estimates of runs over many items: a sample is run and kept, and what it says of the rest is right."""

import asyncio
import itertools
import random
import sqlite3
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import errors
from langgraph_parallel.records.map_estimate import MapEstimate
from langgraph_parallel.scale import aestimate_map, estimate_map, map_items
from langgraph_parallel.scale.expectation import expected_mean
from langgraph_parallel.scale.rows import Row
from langgraph_parallel.scale.sampling import draw
from langgraph_parallel.scale.stored_map import StoredMap
from tests.scale import programs
from tests.scale.driven import PROGRAM, MemorySink
from tests.support.server import ModelServer, Reply


@given(values=st.lists(st.floats(0, 1e6), min_size=1, max_size=60), others=st.integers(0, 10**6))
def test_an_expectation_is_within_its_interval(values: list[float], others: int) -> None:
    """The mean is between both ends, none of which is below zero."""
    expected = expected_mean(values, others)
    assert 0 <= expected.low <= expected.value <= expected.high
    assert expected.value == pytest.approx(sum(values) / len(values))


def test_equal_values_leave_no_doubt() -> None:
    """If each item costs the same, so do the others."""
    expected = expected_mean([0.25] * 50, 1000)
    assert (expected.low, expected.value, expected.high) == (0.25, 0.25, 0.25)


def test_intervals_hold_the_true_mean_of_skewed_costs() -> None:
    """Of 100 samples of 50 log-normal costs at least 90 have the mean of the others in their interval."""
    dice = random.Random(7)
    hits = 0
    for _ in range(100):
        costs = [dice.lognormvariate(0, 0.8) for _ in range(2050)]
        sample, others = costs[:50], costs[50:]
        expected = expected_mean(sample, len(others))
        hits += expected.low <= sum(others) / len(others) <= expected.high
    assert hits >= 90


def _rows(path: Path) -> int:
    with sqlite3.connect(path) as database:
        return int(database.execute("SELECT count(*) FROM rows").fetchone()[0])


def test_the_sample_is_kept_and_not_run_again(tmp_path: Path) -> None:
    """A random sample of the items has rows; the run itself runs the others."""
    sink, items = tmp_path / "out.sqlite", [{"number": n} for n in range(2000)]
    estimate = estimate_map(programs.double, items, sink=sink, sample=20)
    assert (estimate.items, estimate.sample, estimate.kept, estimate.left) == (2000, 20, 0, 1980)
    assert estimate.is_random
    with sqlite3.connect(sink) as database:
        keys = sorted(int(key) for (key,) in database.execute("SELECT key FROM rows"))
    assert len(keys) == 20
    assert keys[-1] > 100  # as likely as not to be found otherwise: 20 of the first 100 of 2,000
    more = estimate_map(programs.double, items, sink=sink, sample=10)
    assert (more.kept, more.sample, more.left) == (20, 10, 1970)
    report = map_items(programs.double, items, sink=sink)
    assert (report.kept, report.ok) == (30, 1970)


def test_a_small_input_is_its_own_sample(tmp_path: Path) -> None:
    """Nothing is left, and nothing more is expected."""
    sink, items = tmp_path / "out.sqlite", [{"number": n} for n in range(7)]
    estimate = estimate_map(programs.double, items, sink=sink)
    assert (estimate.sample, estimate.left, _rows(sink)) == (7, 0, 7)
    assert estimate.usd_left is not None
    assert estimate.usd_left.value == 0
    again = estimate_map(programs.double, items, sink=sink)
    assert (again.sample, again.left, again.usd_left, again.seconds_left) == (0, 0, None, None)


def test_an_input_of_unknown_length_gives_its_first_items(tmp_path: Path) -> None:
    """A stream is read as far as the sample needs it, which the estimate says."""
    read = 0

    async def stream() -> AsyncIterator[Mapping[str, Any]]:
        nonlocal read
        for n in range(100_000):
            read += 1
            yield {"number": n}

    async def run() -> MapEstimate:
        return await aestimate_map(programs.double, stream(), sink=tmp_path / "out.sqlite", sample=10)

    estimate = asyncio.run(run())
    assert (estimate.sample, estimate.items, estimate.left, estimate.is_random) == (10, None, None, False)
    assert (estimate.usd_left, estimate.seconds_left) == (None, None)
    assert read < 100
    assert estimate.assumptions[0] == "the first items of the input cost and take what the others do"


def test_time_counts_what_runs_at_once_and_the_start(tmp_path: Path) -> None:
    """Items of 50 ms run as many at once as this process can, after a start as long as the sample's."""
    items = [{"seconds": 0.05} for _ in range(10_000)]
    estimate = estimate_map(programs.sleeps, items, sink=tmp_path / "out.sqlite", sample=20)
    assert estimate.seconds_left is not None
    assert estimate.at_once >= 64
    work = 9_980 * 0.05 / estimate.at_once
    assert work <= estimate.seconds_left.low <= estimate.seconds_left.high <= 3 * work + estimate.seconds


def test_failures_are_part_of_the_estimate(tmp_path: Path) -> None:
    """A sample in which items fail is run to its end, and says how many did, and why."""
    items = [{"number": n} for n in (1, 3, 5, 7) * 20]
    estimate = estimate_map(programs.fails_on_odd, items, sink=tmp_path / "out.sqlite", sample=30)
    assert (estimate.sample, estimate.failed) == (30, 30)
    assert sum(estimate.failures.values()) == 30


@pytest.mark.parametrize("sample", [0, 1, -3, True, 2.5])
def test_a_sample_has_at_least_two_items(sample: Any, tmp_path: Path) -> None:
    """One item says nothing of the spread."""
    with pytest.raises(errors.UsageError, match="sample is"):
        estimate_map(programs.double, [{"number": 1}], sink=tmp_path / "out.sqlite", sample=sample)


_LIMITS = {"price_input": 100, "price_output": 1000, "answer_tokens": 10, "max_answer_tokens": 10}
_VOTE: dict[str, Any] = {
    "inputs": {"question": "text"},
    "outputs": {"choice": "verdict.choice"},
    "settings": {"voters": 3, "choices": ["yes", "no"], "stop": "all_votes"},
}


def test_cost_and_time_of_the_rest_are_as_expected(model: str, server: ModelServer, tmp_path: Path) -> None:
    """What the whole run costs is within the interval of the estimate, and so is its time, roughly."""
    server.always(Reply(json={"choice": "yes"}, delay=0.01))
    items = [{"text": f"Is {n} prime?"} for n in range(120)]
    options = {"sink": tmp_path / "out.sqlite", "model": model, **_VOTE}
    estimate = estimate_map("voting", items, sample=30, limits=_LIMITS, **options)
    assert len(server.requests) == estimate.calls == 90
    report = map_items("voting", items, limits=_LIMITS, **options)
    assert report.usd is not None
    assert estimate.usd_left is not None
    assert estimate.usd_left.low - 1e-9 <= report.usd <= estimate.usd_left.high + 1e-9
    assert estimate.usd_left.value == pytest.approx(90 * 3 * (10 * 100 + 5 * 1000) / 1e6)
    assert report.usd_all == pytest.approx(report.usd + (estimate.usd or 0))


def test_a_budget_holds_over_the_sample(model: str, server: ModelServer, tmp_path: Path) -> None:
    """A sample that costs more than the budget ends there, and the estimate is of what was run of it."""
    server.always(Reply(json={"choice": "yes"}))
    items = [{"text": f"Is {n} prime?"} for n in range(300)]
    options = {"sink": tmp_path / "out.sqlite", "model": model, **_VOTE}
    each = 3 * (10 * 100 + 5 * 1000) / 1e6
    estimate = estimate_map("voting", items, sample=30, limits={**_LIMITS, "budget_usd": 0.2}, **options)
    assert len(server.requests) * each / 3 <= 0.2
    assert 0 < estimate.sample < 30
    assert "budget" in estimate.reason
    assert estimate.usd_each is not None
    assert estimate.usd_each.value == pytest.approx(each)


def test_a_budget_holds_over_all_commands(model: str, server: ModelServer, tmp_path: Path) -> None:
    """What the server has billed never exceeds the budget, and what is left of it serves the next command."""
    server.always(Reply(json={"choice": "yes"}))
    items = [{"text": f"Is {n} prime?"} for n in range(60)]
    options = {"sink": tmp_path / "out.sqlite", "model": model, **_VOTE}
    each, kept = (10 * 100 + 5 * 1000) / 1e6, 0
    for budget in (0.2, 0.2, 0.5, 2.0):
        report = map_items("voting", items, limits={**_LIMITS, "budget_usd": budget}, **options)
        billed = each * len(server.requests)
        # A call that is cancelled in flight is billed by the server, and counted here with its prompt alone.
        assert billed <= budget + 3 * each
        assert report.usd_all is not None
        assert abs(report.usd_all - billed) <= 3 * each
        assert report.kept <= kept  # a command that ends early has not looked for all rows
        assert report.kept == kept or report.reason
        kept += report.ok
        assert bool(report.reason) == (report.left != 0)
    assert kept == 60


def test_a_wrong_key_costs_a_few_items_that_are_run_later(
    model: str, server: ModelServer, tmp_path: Path
) -> None:
    """With a key that is refused the run ends soon, without a row; with a good one the same command works."""
    server.on(lambda _: True, Reply(status=401), times=400)
    items = [{"text": f"Is {n} prime?"} for n in range(400)]
    options = {"sink": tmp_path / "out.sqlite", "model": model, **_VOTE}
    report = map_items("voting", items, **options)
    assert "401" in report.reason
    assert (report.ok, report.failed, report.left, report.status) == (0, 0, 400, "failed")
    assert len(server.requests) < 200
    assert _rows(options["sink"]) == 0


class _Endless:
    """A source that notes which thread it is counted in, and when it is closed."""

    name, columns, remarks = "endless", None, ()
    counted_in: threading.Thread | None = None
    is_closed = False

    def total(self) -> int | None:
        """Return that it is not known."""
        self.counted_in = threading.current_thread()
        return None

    async def rows(self) -> AsyncIterator[Row]:
        """Iterate over numbers."""
        try:
            for number in itertools.count():
                yield Row(str(number), {"number": number})
        finally:
            await asyncio.sleep(0)
            self.is_closed = True


@pytest.mark.parametrize("limit", [None, 3])
async def test_a_source_is_counted_in_a_thread_and_closed_once_the_sample_is_drawn(limit: int | None) -> None:
    """Large files hold up nobody else, and none stays open until the collector finds it."""
    source, sink = _Endless(), MemorySink()
    stored = await StoredMap.open(sink, PROGRAM, {}, mixed=False)
    sample = await draw(source, stored, 5, limit=limit, redrive=False)
    assert source.is_closed
    assert source.counted_in is not threading.main_thread()
    assert [row.key for row in sample.items] == ["0", "1", "2", "3", "4"][:limit]
