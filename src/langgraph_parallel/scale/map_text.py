"""What became of a run over many items, as text for people."""

from collections.abc import Callable, Mapping, Sequence

from langgraph_parallel.records.map_estimate import Expected, MapEstimate
from langgraph_parallel.records.map_report import MapReport
from langgraph_parallel.report.wording import count, visible
from langgraph_parallel.runtime.dollars import dollars
from langgraph_parallel.scale.progress import clock, times

_CAUSES = 5
_CAUSE_WIDTH = 300
_STOPPED_BY = "stopped by "
"""Before the name of a signal, in the reason of a run."""
_UNKNOWN_COST = "cost not known, as a price is missing"


def map_lines(report: MapReport, command: str = "") -> list[str]:
    """Return what was run, what failed, what it cost, where the rows are, and what to do next.

    Args:
        report: of the run.
        command: that was run, as it is typed; empty if it was none.
    """
    lines = [_items(report), *_stopped(report.reason)]
    if report.unstored:
        these = f"these {report.unstored:,}" if report.unstored > 1 else "it"
        lines.append(f"No row of {these} was stored; mend the cause, and run the same command.")
    lines += _failures(report.failures, _CAUSES)
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
    parts = [f"{ran + report.unstored:,} run{_of_these(report.failed, report.unstored)}"]
    if report.kept:
        parts.append(f"{report.kept:,} kept from before{_of_these(report.kept_failed)}")
    if report.left:
        parts.append(f"{report.left:,} left")
    items = report.items if report.left is None else ran + report.kept + report.left
    return f"{count(items, 'item')}: {', '.join(parts)}, in {clock(report.seconds)}."


def _of_these(failed: int, unstored: int = 0) -> str:
    """Return how many of some items failed, and how many of these have no row; empty if none did."""
    if not failed + unstored:
        return ""
    some = f"{unstored:,} of them " if failed else ""
    without = f", {some}without a row" if unstored else ""
    return f" ({failed + unstored:,} failed{without})"


def _stopped(reason: str) -> list[str]:
    """Return the line that says why a run has ended early; none if it has not."""
    if not reason:
        return []
    by = reason.removeprefix(_STOPPED_BY)
    return [f"Stopped: {reason}"] if by == reason else [f"Stopped by {'Ctrl-C' if by == 'SIGINT' else by}."]


def _failures(failures: Mapping[str, int], most: int) -> list[str]:
    causes = sorted(failures.items(), key=lambda cause: -cause[1])
    lines = [f"Failed {times(number)}: {_cut(cause)}" for cause, number in causes[:most]]
    if rest := causes[most:]:
        lines.append(f"Failed {times(sum(n for _, n in rest))}: {count(len(rest), 'other cause')}")
    return lines


def _cost(report: MapReport) -> str:
    usage = report.usage
    calls, tokens = count(report.calls, "call"), count(usage.input_tokens, "token")
    parts = [
        f"{calls}, {tokens} in, {usage.output_tokens:,} out",
        _UNKNOWN_COST if report.usd is None else dollars(report.usd),
    ]
    if report.usd_all is not None and report.usd_all > (report.usd or 0) * 1.0005:
        parts[-1] += f", in all {dollars(report.usd_all)}"
    if report.throttled_share:
        parts.append(f"{report.throttled_share:.1%} of the calls throttled")
    return f"{'; '.join(parts)}."


def _next(report: MapReport, command: str) -> Sequence[str]:
    lines = []
    if report.left or report.left is None:
        lines.append(f"To go on: {command}")
    if report.failed or report.kept_failed:
        lines.append(f"To run what failed again: {command} --redrive failed")
    return lines


def _cut(cause: str) -> str:
    return cause if len(cause) <= _CAUSE_WIDTH else f"{cause[: _CAUSE_WIDTH - 3]}..."


def estimate_lines(found: MapEstimate, command: str = "") -> list[str]:
    """Return what a sample took, and what the items that are left are expected to cost and take.

    Args:
        found: of the sample.
        command: that runs the rest, as it is typed; empty if there is none.
    """
    lines = _sampled(found) if found.sample or found.reason else []
    if found.left == 0:
        run = found.kept + found.sample
        all_of_them = "The only item has" if run == 1 else f"All {count(run, 'item')} have"
        lines.append(f"{all_of_them} been run; nothing is left." if run else "There are no items.")
    else:
        lines += [*_expected(found), *(f"Assumed: {assumption}" for assumption in found.assumptions)]
    lines.append(f"Rows{' of the sample' if found.sample else ''}: {found.sink}")
    if command and found.left != 0:
        lines.append(f"To run the rest: {command}")
    return [visible(line) for line in lines]


def _sampled(found: MapEstimate) -> list[str]:
    how = "a random sample" if found.is_random else "the first items"
    failed = f", {found.failed:,} failed" if found.failed else ""
    lines = [f"{count(found.sample, 'item')} run ({how}){failed}, in {clock(found.seconds)}."]
    lines += [*_stopped(found.reason), *_failures(found.failures, _CAUSES)]
    if found.calls:
        spent = _UNKNOWN_COST if found.usd is None else dollars(found.usd)
        lines.append(f"{count(found.calls, 'call')}: {spent}.")
    return lines


def _expected(found: MapEstimate) -> list[str]:
    left = "An unknown number is left"
    if found.left is not None:
        left = f"All {found.left:,} that are left" if found.left > 1 else "The one that is left"
    parts = list[str]()
    if found.usd_left is not None and found.calls:
        parts.append(_interval(found.usd_left, lambda usd: dollars(usd, digits=2)))
    if found.seconds_left is not None:
        parts.append(f"in {_interval(found.seconds_left, clock)}")
    lines = [f"{left}: {', '.join(parts)}" if parts else f"{left}."]
    if found.kept:
        lines.append(f"Run before: {count(found.kept, 'item')}.")
    if found.budget_left is not None:
        lines.append(f"Left of the budget: {dollars(found.budget_left)}.")
    return lines


def _interval(expected: Expected, show: Callable[[float], str]) -> str:
    return f"{show(expected.value)} ({show(expected.low)} to {show(expected.high)}, 95%)"
