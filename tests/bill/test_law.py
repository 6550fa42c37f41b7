"""What runs report and what their budgets have spent, against the bill of a server with its own tokenizer.

`BILLS=200` tries more random runs than it does by default.
"""

import os
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openai import DefaultAsyncHttpxClient

from benchmarks.billing.client import Billed, Remote
from benchmarks.billing.profile import Profile
from langgraph_parallel import errors, recording
from langgraph_parallel.recording import RunRecord, parse_record
from langgraph_parallel.records import Call, RunReport
from langgraph_parallel.runtime.budget import Budget
from langgraph_parallel.runtime.limiter_registry import reset_limits
from langgraph_parallel.runtime.record_report import measure_record
from tests.bill.runs import Spec, random_run
from tests.support.server import NO_TLS

RUNS = range(int(os.environ.get("BILLS", "12")))
TIGHT = range(max(2, len(RUNS) // 6))
_PRECISION = 1e-9


@pytest.fixture(autouse=True)
def priced_endpoint(till: Remote, monkeypatch: pytest.MonkeyPatch, quick_lane: Path) -> None:
    """Point the environment to the server."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    monkeypatch.setenv("OPENAI_BASE_URL", till.url)


@pytest.fixture
async def http() -> AsyncIterator[Any]:
    """Open an HTTP client for chat models, which is closed with the event loop of its test."""
    async with DefaultAsyncHttpxClient(verify=NO_TLS) as client:
        yield client


@pytest.fixture
def budgets(monkeypatch: pytest.MonkeyPatch) -> list[Budget]:
    """Collect every budget that is made."""
    made: list[Budget] = []
    plain = Budget.__init__

    def noted(self: Budget, *arguments: Any, **options: Any) -> None:
        plain(self, *arguments, **options)
        made.append(self)

    monkeypatch.setattr(Budget, "__init__", noted)
    return made


def is_estimated(call: Call) -> bool:
    """Return whether a call was cut off, so that nobody told its tokens."""
    return not call.ok and call.usage.input_tokens > 0


def _alone(bill: Billed, profile: Profile) -> Decimal:
    """Return what every answer of a bill would have cost by itself, without a cache or a batch.

    Copies of one answer are one answer: they count for nobody.
    """
    full, copies = replace(profile, read_rate="1", write_rate="1"), profile.samples == "copies"
    tokens = [line.tokens | {"prompt": line.prompt * (1 if copies else line.samples)} for line in bill.lines]
    return sum((full.usd(each | {"cached": 0, "written": 0}) for each in tokens), Decimal(0))


def assert_equal_to_bill(report: RunReport, spent: float, bill: Billed, profile: Profile) -> None:
    """Assert that a report and a budget hold what was billed.

    What was answered is equal to the bill, exactly. A call that was cut off was told by nobody: the report
    holds an estimate, the server bills what it had worked on. There are no more of them than the server and
    the network lost, and neither side counts more for one than a whole call costs.
    """
    assert report.usd == pytest.approx(sum(call.usd or 0.0 for call in report.calls), abs=_PRECISION)
    assert spent == pytest.approx(report.usd, abs=_PRECISION)
    estimated = [call for call in report.calls if is_estimated(call)]
    told = [call for call in report.calls if not is_estimated(call)]
    whole = [line for line in bill.lines if not line.cut_off]
    in_batches = [line.custom_id for line in bill.lines if line.lane == "batch"]
    assert len(set(in_batches)) == len(in_batches)
    if not estimated:
        assert not [line for line in bill.lines if line.cut_off]
        assert report.usage.input_tokens == sum(line.prompt for line in whole)
        assert report.usage.output_tokens == sum(line.output for line in whole)
        assert report.usage.cache_read_tokens == sum(line.cached for line in whole)
        assert report.usd == pytest.approx(float(bill.usd), abs=_PRECISION)
        assert report.usd is not None
        saved = report.savings.caching + report.savings.batch + report.savings.samples
        assert report.usd + saved == pytest.approx(float(_alone(bill, profile)), abs=_PRECISION)
        return
    # The server may have sent an answer that arrived too late: a whole line without a call that was told.
    unheard = sum((line.usd for line in whole), Decimal(0)) - Decimal(sum(call.usd or 0.0 for call in told))
    dearest = max((line.usd for line in bill.lines), default=Decimal(0))
    assert -_PRECISION <= float(unheard) <= float(dearest) * len(estimated) + _PRECISION
    assert sum(line.cut_off for line in bill.lines) <= len(estimated)
    if bill.lines:
        assert sum(call.usd or 0.0 for call in estimated) <= 2 * float(dearest) * len(estimated)


@pytest.mark.parametrize("seed", RUNS)
async def test_report_and_budget_equal_the_bill(
    seed: int, till: Remote, http: Any, budgets: list[Budget]
) -> None:
    """Random runs with caches, samples, hedges, retries and batches cost what the server bills."""
    spec = random_run(seed, http, budget_usd=1000)
    report = await _report(spec, till)
    assert report is not None
    assert_equal_to_bill(report, max(budget.spent.usd for budget in budgets), till.bill(), spec.profile)


@pytest.mark.parametrize("seed", TIGHT)
async def test_a_budget_is_exceeded_by_no_more_than_was_in_flight(seed: int, till: Remote, http: Any) -> None:
    """A budget that ends a run bounds the server's bill, up to the requests that were under way."""
    budget = random.Random(seed).uniform(0.02, 0.1)
    await _report(random_run(1000 + seed, http, budget_usd=budget), till)
    bill = till.bill()
    dearest = max((line.usd for line in bill.lines), default=Decimal(0))
    assert float(bill.usd) <= budget + float(dearest) * bill.most_in_flight + _PRECISION


@pytest.mark.parametrize("seed", TIGHT)
async def test_a_second_run_costs_what_is_billed_for_it(
    seed: int, till: Remote, http: Any, budgets: list[Budget], tmp_path: Path
) -> None:
    """With a cache of answers, the same run again costs nothing but what the first was not answered."""
    spec = random_run(2000 + seed, http, cache=tmp_path / "answers.sqlite", budget_usd=1000)
    first = await _report(spec, till)
    assert first is not None
    assert_equal_to_bill(first, max(budget.spent.usd for budget in budgets), till.bill(), spec.profile)
    budgets.clear()
    second = await _report(spec, till)
    assert second is not None
    assert_equal_to_bill(second, max(budget.spent.usd for budget in budgets), till.bill(), spec.profile)
    # A model that code of the caller's asks ungoverned is asked again, and the report says so.
    is_kept = not any("are not kept" in remark for remark in second.remarks)
    if is_kept and all(call.ok for call in first.calls):
        assert second.usd == 0
        assert second.kept > 0


async def _report(spec: Spec, till: Remote) -> RunReport | None:
    """Return the report of a run, which its record has as well; None if it ended with an error."""
    reset_limits()
    till.reset(spec.profile)
    records: list[RunRecord] = []
    try:
        out = await spec.graph.ainvoke(spec.given, recording.into(records.append))
    except errors.ParallelError:
        return None
    report: RunReport = out["run_report"]
    assert_same_report(measure_record(parse_record(records[0].to_json())), report)
    return report


def assert_same_report(recorded: RunReport, report: RunReport) -> None:
    """Assert that the record of a run tells the same of its calls, branches and costs as its report."""
    calls = {call.id: call for call in report.calls}
    assert {call.id: call.usage for call in recorded.calls} == {id: call.usage for id, call in calls.items()}
    for call in recorded.calls:
        assert call.model_dump(include=_OF_CALLS) == calls[call.id].model_dump(include=_OF_CALLS)
    same = {"status", "branches", "retries", "hedges", "usage", "wasted", "kept", "unseen", "calls_saved"}
    assert recorded.model_dump(include=same) == report.model_dump(include=same)
    for name in ("usd", "wasted_usd", "usd_alone", "throttled_share"):
        assert getattr(recorded, name) == pytest.approx(getattr(report, name)), name


_OF_CALLS = {"kind", "target", "attempt", "ok", "throttled", "hedge", "usd", "samples", "lane", "kept"}
