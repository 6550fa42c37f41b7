"""How far a run over many items has come, as text and as JSON."""

from collections.abc import Sequence
from typing import Any

from langgraph_parallel.records.map_estimate import MapEstimate
from langgraph_parallel.records.map_report import MapReport
from langgraph_parallel.report.wording import count, visible
from langgraph_parallel.runtime.dollars import dollars
from langgraph_parallel.scale.engine import WorkerState
from langgraph_parallel.scale.snapshot import Snapshot

CAUSES = 3
"""Causes of failures that are shown; a JSON line has all of them."""
WORKERS = 4
"""Workers that are shown, those that run most."""
_CAUSE_WIDTH = 200
"""Characters of a cause in a line of text."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def clock(seconds: float) -> str:
    """Return a span of time as a clock shows it.

    >>> clock(7.6), clock(754), clock(7384), clock(266_400)
    ('0:08', '12:34', '2:03:04', '3 d 2:00:00')
    """
    whole = round(seconds)
    days, rest = divmod(whole, _DAY)
    hours, minutes, left = rest // _HOUR, rest // _MINUTE % 60, rest % _MINUTE
    text = f"{hours}:{minutes:02d}:{left:02d}" if days or hours else f"{minutes}:{left:02d}"
    return f"{days} d {text}" if days else text


def times(number: int) -> str:
    """Return how often something has happened.

    >>> times(1), times(1200)
    ('once', '1,200 times')
    """
    return "once" if number == 1 else f"{number:,} times"


def done(snapshot: Snapshot) -> int:
    """Return how many items have a row."""
    return snapshot.kept + snapshot.ok + snapshot.failed


def items_text(snapshot: Snapshot) -> str:
    """Return how many items are done, of how many: `45,210 of 100,000`."""
    if snapshot.total is None:
        return count(done(snapshot), "item")
    return f"{done(snapshot):,} of {snapshot.total:,}"


def share_text(snapshot: Snapshot) -> str:
    """Return the share of items that are done, rounded down; empty if it is not known."""
    return f"{done(snapshot) * 100 // snapshot.total}%" if snapshot.total else ""


def measures(snapshot: Snapshot) -> list[str]:
    """Return rate, time left, cost and what is unusual, each as a few words."""
    state = {"draining": "stopping: what runs may end", "ended": f"ended after {clock(snapshot.seconds)}"}
    left = None if snapshot.state == "ended" else snapshot.seconds_left
    return [
        text
        for text in (
            state.get(snapshot.state, ""),
            _rate(snapshot.rate),
            "" if left is None else f"{clock(left)} left",
            _cost(snapshot),
            f"{snapshot.kept:,} kept" if snapshot.kept else "",
            f"{_percent(snapshot.throttled_share)} of calls throttled" if snapshot.throttled_share else "",
            f"{count(snapshot.lost_workers, 'worker')} lost" if snapshot.lost_workers else "",
        )
        if text
    ]


def failure_lines(snapshot: Snapshot) -> list[str]:
    """Return the most frequent causes of failures, one line each; what data has put in them is harmless."""
    causes = sorted(snapshot.failures.items(), key=lambda cause: -cause[1])
    lines = [f"{times(number)}: {_cut(visible(cause))}" for cause, number in causes[:CAUSES]]
    if len(causes) > CAUSES:
        others = sum(number for _, number in causes[CAUSES:])
        lines.append(f"{times(others)}: {count(len(causes) - CAUSES, 'other cause')}")
    return lines


def worker_lines(snapshot: Snapshot) -> list[str]:
    """Return what the busiest workers do, one line each, and how many others there are."""
    workers = sorted(snapshot.workers, key=lambda worker: -worker.running)
    lines = [f"{visible(worker.name)}: {_work(worker)}" for worker in workers[:WORKERS]]
    if rest := workers[WORKERS:]:
        running = sum(worker.running for worker in rest)
        lines.append(f"{count(len(rest), 'more worker')}: {running:,} running")
    return lines


def in_flight(workers: Sequence[WorkerState]) -> str:
    """Return what all workers together do, in a few words; empty for nothing."""
    running, calls = (sum(getattr(worker, name) for worker in workers) for name in ("running", "in_flight"))
    parts = [f"{running:,} running"] * bool(running) + [f"{count(calls, 'call')} in flight"] * bool(calls)
    where = f" on {count(len(workers), 'worker')}" if len(workers) > 1 and parts else ""
    return ", ".join(parts) + where


def progress_line(snapshot: Snapshot) -> str:
    """Return a line for a log, which says all that matters."""
    share = share_text(snapshot)
    noun = "" if snapshot.total is None else " items"
    items = items_text(snapshot) + noun + (f" ({share})" if share else "")
    parts = [items, *measures(snapshot), in_flight(snapshot.workers)]
    if snapshot.failed:
        parts.append(f"{snapshot.failed:,} failed ({'; '.join(failure_lines(snapshot))})")
    return ", ".join(part for part in parts if part)


def dashboard_record(address: str) -> dict[str, Any]:
    """Return the object that tells once where a page shows what the engine does: `event` is `dashboard`."""
    return {"event": "dashboard", "address": address}


def progress_record(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot in JSON's types. Keys are only added, and keep their meaning, within a minor series.

    `event` is `progress`; `state` is `running`, `draining` or, in the last line, `ended`. Seconds count from
    the start of the command. `total`, `seconds_left`, `usd` and `expected_usd` are null while they are not
    known. `kept` items had a row before the command began; `ok` and `failed` ones were run by it. Tokens,
    `calls`, `throttled` and `usd` are those of this command. `failures` has the number of items by cause.
    """
    spent = snapshot.spent
    return {
        "event": "progress",
        "state": snapshot.state,
        "seconds": round(snapshot.seconds, 3),
        "total": snapshot.total,
        "kept": snapshot.kept,
        "ok": snapshot.ok,
        "failed": snapshot.failed,
        "rate": round(snapshot.rate, 3),
        "seconds_left": None if snapshot.seconds_left is None else round(snapshot.seconds_left, 1),
        "calls": spent.calls,
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "usd": spent.usd,
        "expected_usd": snapshot.expected_usd,
        "throttled": spent.throttled,
        "throttled_share": round(snapshot.throttled_share, 4),
        "failures": dict(snapshot.failures),
        "workers": [
            {"name": one.name, "running": one.running, "in_flight": one.in_flight, "done": one.done}
            for one in snapshot.workers
        ],
        "lost_workers": snapshot.lost_workers,
    }


def summary_record(report: MapReport) -> dict[str, Any]:
    """Return a report in JSON's types, as the object that follows the last `progress`: `event` is `summary`.

    The other keys are the fields of `MapReport`.
    """
    return {"event": "summary", **report.model_dump(mode="json")}


def estimate_record(estimate: MapEstimate) -> dict[str, Any]:
    """Return an estimate in JSON's types; `event` is `estimate`.

    The other keys are the fields of `MapEstimate`.
    """
    return {"event": "estimate", **estimate.model_dump(mode="json")}


def _work(worker: WorkerState) -> str:
    calls = f", {count(worker.in_flight, 'call')} in flight" if worker.in_flight else ""
    return f"{worker.running:,} running{calls}, {worker.done:,} done"


def _rate(rate: float) -> str:
    if rate <= 0:
        return ""
    if rate < 1 / _MINUTE:
        return f"{rate * _HOUR:.1f} an hour"
    if rate < 1:
        return f"{rate * _MINUTE:.1f} a minute"
    return f"{rate:.1f}/s" if rate < 100 else f"{rate:,.0f}/s"


def _cost(snapshot: Snapshot) -> str:
    usd, expected = snapshot.spent.usd, snapshot.expected_usd
    if usd is None:
        return "at an unknown price"
    if not usd:
        return ""
    if expected is None or snapshot.state == "ended":
        return dollars(usd)
    return f"{dollars(usd)} of about {dollars(max(expected, usd))}"


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"


def _cut(text: str) -> str:
    return text if len(text) <= _CAUSE_WIDTH else f"{text[: _CAUSE_WIDTH - 3]}..."
