"""Runs that share an endpoint, and runs that are redriven, against the bill."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from benchmarks.billing.client import Remote
from benchmarks.billing.profile import FREE, SURCHARGE
from benchmarks.billing.texts import prose
from langgraph_parallel import aredrive, create_labeling, create_voting, errors
from langgraph_parallel.records import RunReport
from langgraph_parallel.runtime.limiter_registry import reset_limits
from tests.bill.runs import limits_at

QUICK: dict[str, Any] = {"first_seconds": 0.002, "prefill": 1e6, "answer_seconds": 0.002}


@pytest.fixture(autouse=True)
def endpoint(till: Remote, monkeypatch: pytest.MonkeyPatch, quick_lane: Path) -> None:
    """Point the environment to the server, of which nothing is known yet."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    monkeypatch.setenv("OPENAI_BASE_URL", till.url)
    reset_limits()


def _usd(reports: list[RunReport]) -> float:
    return sum(report.usd or 0.0 for report in reports)


@pytest.mark.parametrize("samples", ["auto", "off"])
async def test_runs_at_once_add_up_to_the_bill(till: Remote, samples: str) -> None:
    """Runs of one loop that ask about the same document have their own shares of the bill, and no other."""
    till.reset(replace(SURCHARGE, **QUICK))
    limits = limits_at(SURCHARGE, samples=samples, leader="on")
    vote = create_voting(model="openai:m", voters=4, choices=["yes", "no"], stop="all_votes", limits=limits)
    question = f"{prose(1500)}\n\nYes or no?"
    outs = await asyncio.gather(*(vote.ainvoke({"question": question}) for _ in range(4)))
    reports = [out["run_report"] for out in outs]
    assert all(len(report.calls) == 4 and not report.failures for report in reports)
    assert _usd(reports) == pytest.approx(float(till.bill().usd), abs=1e-9)


@pytest.mark.parametrize("lane", ["live", "batch"])
def test_runs_in_threads_add_up_to_the_bill(till: Remote, lane: str) -> None:
    """Runs in threads of their own, each with its own loop, have their own shares of the bill."""
    till.reset(replace(SURCHARGE, **QUICK, batch_seconds=0.02))
    limits = limits_at(SURCHARGE, lane=lane)

    def run(number: int) -> RunReport:
        vote = create_labeling(labels=["a", "b"], guidelines=prose(1500), model="openai:m", limits=limits)
        report: RunReport = vote.invoke({"items": [prose(30, number), prose(30, 50 + number)]})["run_report"]
        return report

    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(run, range(3)))
    assert not any(report.failures for report in reports)
    assert _usd(reports) == pytest.approx(float(till.bill().usd), abs=1e-9)


@pytest.mark.parametrize(("lane", "samples"), [("live", "off"), ("live", "auto"), ("batch", "off")])
async def test_a_redriven_run_reports_the_bill_of_all_its_parts(
    till: Remote, lane: str, samples: str
) -> None:
    """What was billed before a redrive stays in the report, and nothing that succeeded is billed again."""
    profile = replace(FREE, **QUICK, failing=0.4, batch_failing=0.4, batch_seconds=0.02)
    till.reset(profile)
    limits = limits_at(profile, lane=lane, samples=samples, attempts=1, rest_after=0)
    vote = create_voting(
        model="openai:m",
        voters=5,
        choices=["yes", "no"],
        stop="all_votes",
        limits=limits,
        checkpointer=InMemorySaver(),
    )
    config: Any = {"configurable": {"thread_id": "1"}}
    try:
        out = await vote.ainvoke({"question": f"{prose(1500)}\n\nYes or no?"}, config)
    except errors.ParallelError:
        out = None
    for _ in range(20):
        if out is None or out["run_report"].failures:
            out = await aredrive(vote, config)
    assert out is not None
    assert all(ballot.choice is not None for ballot in out["ballots"])
    bill = till.bill()
    assert sum(line.samples for line in bill.lines) == 5
    assert out["run_report"].usd == pytest.approx(float(bill.usd), abs=1e-9)
