"""What became of a run over many items, as text for people."""

from collections.abc import Callable, Sequence

from langgraph_parallel.records.map_estimate import Expected, MapEstimate
from langgraph_parallel.records.map_report import MapReport
from langgraph_parallel.report.wording import count, visible
from langgraph_parallel.runtime.dollars import dollars
from langgraph_parallel.scale.progress import clock

_CAUSES = 5
_CAUSE_WIDTH = 300


def map_lines(report: MapReport, command: str = "") -> list[str]:
    """Return what was run, what failed, what it cost, where the rows are, and what to do next.

    Args:
        report: of the run.
        command: that was run, as it is typed; empty if it was none.
    """
    lines = [_items(report)]
    if report.reason:
        lines.append(f"Stopped: {report.reason}")
    lines += _failures(report)
    if report.calls:
        lines.append(_cost(report))
    if report.lost_workers:
        again = f"; {count(report.run_again, 'item')} ran again" if report.run_again else ""
        lines.append(f"{count(report.lost_workers, 'worker')} died{again}.")
    lines += [f"Note: {remark}" for remark in report.remarks]
    lines.append(f"Rows: {report.sink}")
    if command:
        lines += _next(report, command)
    return [visible(line) for line in lines]


def _items(report: MapReport) -> str:
    ran = report.ok + report.failed
    parts = [f"{ran:,} run" + (f" ({report.failed:,} failed)" if report.failed else "")]
    if report.kept:
        parts.append(f"{report.kept:,} kept from before")
    if report.left:
        parts.append(f"{report.left:,} left")
    items = report.items if report.left is None else ran + report.kept + report.left
    return f"{count(items, 'item')}: {', '.join(parts)}, in {clock(report.seconds)}."


def _failures(report: MapReport) -> list[str]:
    causes = sorted(report.failures.items(), key=lambda cause: -cause[1])
    lines = [f"Failed: {number:,} x {_cut(cause)}" for cause, number in causes[:_CAUSES]]
    if len(causes) > _CAUSES:
        rest = causes[_CAUSES:]
        lines.append(f"Failed: {sum(n for _, n in rest):,} for {count(len(rest), 'other cause')}")
    return lines


def _cost(report: MapReport) -> str:
    usage = report.usage
    parts = [
        f"{count(report.calls, 'call')}, {usage.input_tokens:,} tokens in, {usage.output_tokens:,} out",
        "cost not known, as a price is missing" if report.usd is None else dollars(report.usd),
    ]
    if report.usd_all is not None and report.usd_all > (report.usd or 0) * 1.0005:
        parts.append(f"{dollars(report.usd_all)} with earlier commands")
    if report.throttled_share:
        parts.append(f"{report.throttled_share:.1%} of the calls throttled")
    return f"{'; '.join(parts)}."


def _next(report: MapReport, command: str) -> Sequence[str]:
    lines = []
    if report.left or report.left is None:
        lines.append(f"To go on: {command}")
    if report.failures or (report.status != "ok" and not report.left):
        lines.append(f"To run what failed again: {command} --redrive failed")
    return lines


def _cut(cause: str) -> str:
    return cause if len(cause) <= _CAUSE_WIDTH else f"{cause[: _CAUSE_WIDTH - 3]}..."


def estimate_lines(found: MapEstimate) -> list[str]:
    """Return what a sample took, and what the items that are left are expected to cost and take."""
    how = "a random sample" if found.is_random else "the first items"
    lines = [
        f"{count(found.sample, 'item')} run ({how}), {found.failed:,} failed, in {clock(found.seconds)}."
    ]
    lines += [f"Failed: {number:,} x {_cut(cause)}" for cause, number in found.failures.items()]
    if found.reason:
        lines.append(f"Stopped: {found.reason}")
    if found.calls:
        spent = "cost not known, as a price is missing" if found.usd is None else dollars(found.usd)
        lines.append(f"{count(found.calls, 'call')}: {spent}.")
    left = "an unknown number of items" if found.left is None else count(found.left, "item")
    lines.append(f"Left: {left}" + (f", {found.kept:,} had a row before" if found.kept else "") + ".")
    if found.usd_left is not None and found.calls:
        lines.append(f"Expected cost of these: {_interval(found.usd_left, dollars)}.")
    if found.seconds_left is not None:
        lines.append(f"Expected time: {_interval(found.seconds_left, clock)}.")
    if found.budget_left is not None:
        lines.append(f"Left of the budget: {dollars(found.budget_left)}.")
    lines += [f"Assumed: {assumption}" for assumption in found.assumptions]
    lines.append(f"Rows of the sample: {found.sink}")
    return [visible(line) for line in lines]


def _interval(expected: Expected, show: Callable[[float], str]) -> str:
    low, high = show(expected.low), show(expected.high)
    return f"{show(expected.value)} ({low} to {high} with a probability of .95)"
