"""What a driver has come to, at one moment and at its end."""

import time
from typing import Literal

from langgraph_parallel.records.map_report import MapReport
from langgraph_parallel.report.wording import count
from langgraph_parallel.scale.course import Stop
from langgraph_parallel.scale.driver import Driver
from langgraph_parallel.scale.pace import expected_usd
from langgraph_parallel.scale.snapshot import Snapshot


def snapshot(driver: Driver) -> Snapshot:
    """Return how far a driver has come."""
    tally, items = driver.tally, driver.items
    spent, now = tally.spent, time.monotonic()
    # A redrive goes past items that it does not run, and are not known before it has read them all.
    left = None if items is None else max(0, items - tally.kept - tally.ended - driver.intake.passed)
    return Snapshot(
        seconds=tally.seconds,
        total=items,
        kept=tally.kept,
        ok=tally.ok,
        failed=tally.failed,
        rate=tally.pace.rate(now),
        seconds_left=tally.pace.seconds_left(left, now),
        spent=spent,
        expected_usd=expected_usd(spent.usd, tally.ended, left),
        failures=tally.failures,
        throttled_share=tally.throttled_share,
        workers=driver.engine.workers(),
        lost_workers=len(driver.lost),
        dashboard=getattr(driver.engine, "dashboard", ""),
        state="ended" if driver.has_ended else "running" if driver.stop is Stop.NOT else "draining",
    )


def report(driver: Driver) -> MapReport:
    """Return the measurements of a driver that has ended."""
    tally, intake = driver.tally, driver.intake
    items = driver.items if driver.items is not None else intake.read
    left = max(0, items - tally.kept - tally.ended - intake.repeated)
    spent = tally.spent
    return MapReport(
        sink=driver.map.sink.name,
        status=_status(tally.ok + tally.kept_ok, tally.failed + tally.kept_failed + left),
        reason=_reason(driver),
        met=driver.endings.is_met(tally, items, left),
        items=intake.read,
        kept=tally.kept,
        kept_failed=tally.kept_failed,
        ok=tally.ok,
        failed=tally.failed,
        unstored=len(driver.trouble.held),
        left=None if driver.items is None else left,
        seconds=tally.seconds,
        calls=spent.calls,
        usage=tally.usage,
        usd=spent.usd,
        usd_all=driver.map.usd,
        throttled_share=tally.throttled_share,
        failures=dict(tally.failures),
        workers=driver.most_workers,
        lost_workers=len(driver.lost),
        run_again=tally.run_again,
        remarks=[
            *driver.source.remarks,
            *driver.map.sink.remarks,
            *driver.remarks,
            *_repeated(driver),
            *_nothing_again(driver),
        ],
    )


def _reason(driver: Driver) -> str:
    """Return why a driver has ended early; items that still ran then are counted in it."""
    trouble = driver.trouble
    return trouble.reason if trouble.held and driver.reason == trouble.said else driver.reason


def _status(ok: int, others: int) -> Literal["ok", "partial", "failed"]:
    if ok or not others:
        return "partial" if others else "ok"
    return "failed"


def _nothing_again(driver: Driver) -> list[str]:
    """Return that there was nothing to redrive, if so: the report of that would look like any other."""
    tally = driver.tally
    has_run = tally.ended or tally.kept_failed or driver.trouble.held or driver.reason
    if not driver.course.redrive or has_run:
        return []
    passed = driver.intake.passed
    others = f", and without redrive, {count(passed, 'item')} would be run" if passed else ""
    return [f"nothing was run again: no row has failed{others}"]


def _repeated(driver: Driver) -> list[str]:
    number = driver.intake.repeated
    if not number:
        return []
    noun = "item has" if number == 1 else "items have"
    return [f"{number:,} {noun} the key of an earlier one, such as {driver.intake.first_repeated!r}: not run"]
