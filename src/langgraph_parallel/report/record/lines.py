"""Five lines on a run, that a person reads, and the same as a table for notebooks."""

from collections.abc import Mapping, Sequence
from html import escape

from langgraph_parallel.records import RunReport
from langgraph_parallel.records.run_record import RunRecord
from langgraph_parallel.report.record.numbers import Measured, last_root, waited
from langgraph_parallel.report.record.wording import WAITS, seconds, status_word
from langgraph_parallel.report.run import causes_of
from langgraph_parallel.report.wording import count, visible
from langgraph_parallel.runtime.dollars import dollars
from langgraph_parallel.runtime.record_report import latest_votes

LABELS = ("Run", "Time", "Branches", "Calls", "Trouble")
"""What the five lines are on."""
_NAMED = 2
"""Causes that a line names."""
_LONGEST = 160
"""Characters of a name or a cause in a line."""


def record_lines(record: RunRecord) -> list[str]:
    """Return five lines: how the run ended, its time, its branches and votes, its calls, its troubles."""
    return measured_lines(Measured(record))


def measured_lines(measured: Measured) -> list[str]:
    """Return the five lines on a record that is measured already."""
    record, report = measured.record, measured.report
    root = last_root(record)
    again = count(len(record.invocations), "invocation") if len(record.invocations) > 1 else ""
    reason = "" if root is None else root.error or root.reason
    return [
        _joined(f"{record.name or 'no graph'}: {status_word(record.status)}", again, reason),
        _time(report, _longest(measured)),
        _joined(_branches(report), _votes(record), _not_asked(report)),
        _calls(report),
        _troubles(report, waited(record)),
    ]


def report_lines(report: RunReport) -> list[str]:
    """Return the same five lines for a run report, which knows no names of graphs, and no waits."""
    return [
        _joined(f"run: {status_word(report.status)}", report.completion_reason),
        _time(report, ""),
        _joined(_branches(report), _not_asked(report)),
        _calls(report),
        _troubles(report, {}),
    ]


def record_text(record: RunRecord) -> str:
    """Return the five lines on a record, as its `str`."""
    return "\n".join(record_lines(record))


def report_text(report: RunReport) -> str:
    """Return the five lines on a run report, as its `str`."""
    return "\n".join(report_lines(report))


def record_table(record: RunRecord) -> str:
    """Return the five lines on a record as an HTML table, for notebooks."""
    return as_table(record_lines(record))


def report_table(report: RunReport) -> str:
    """Return the five lines on a run report as an HTML table, for notebooks."""
    return as_table(report_lines(report))


def as_table(lines: Sequence[str]) -> str:
    """Return the five lines as an HTML table with a header for each row."""
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left">{label}</th>'
        f'<td style="text-align:left">{escape(line)}</td></tr>'
        for label, line in zip(LABELS, lines, strict=True)
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _joined(*parts: str) -> str:
    return "; ".join(_short(visible(part)) for part in parts if part)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _time(report: RunReport, longest: str) -> str:
    fast = f", {report.speedup:.1f} times as fast" if report.speedup >= 1.05 else ""
    times = f"{seconds(report.wall_seconds)}; one after another {seconds(report.sequential_seconds)}{fast}"
    return f"{times}; critical path {seconds(report.critical_path_seconds)}{longest}"


def _longest(measured: Measured) -> str:
    """Return the branch that the critical path is longest in."""
    totals: dict[int, float] = {}
    for step in measured.path:
        if step.kind == "branch" and step.branch is not None:
            totals[step.branch] = totals.get(step.branch, 0.0) + step.seconds
    if not totals:
        return ""
    place, length = max(totals.items(), key=lambda item: item[1])
    return f", longest in {_short(visible(measured.record.branches[place].name))} ({seconds(length)})"


def _branches(report: RunReport) -> str:
    parts = ", ".join(f"{number:,} {status_word(status)}" for status, number in report.branches.items())
    return count(sum(report.branches.values()), "branch") + (f" ({parts})" if parts else "")


def _votes(record: RunRecord) -> str:
    votes = latest_votes(record)
    decided = sum(vote.status == "decided" for vote in votes)
    stopped = sum(vote.stopped_at is not None for vote in votes)
    early = f", {stopped:,} stopped early" if stopped else ""
    return f"{decided:,} of {count(len(votes), 'vote')} decided{early}" if votes else ""


def _not_asked(report: RunReport) -> str:
    return f"{count(report.calls_saved, 'voter')} not asked" if report.calls_saved else ""


def _calls(report: RunReport) -> str:
    made = [call for call in report.calls if not call.kept]
    models = sum(call.kind == "model" for call in made)
    others = len(made) - models
    parts = [count(models, "model call")] if models or not others else []
    parts += [f"{count(others, 'run')} of engines or code"] if others else []
    parts += [f"{report.kept:,} from the cache of answers"] if report.kept else []
    usage = report.usage
    if usage.input_tokens or usage.output_tokens:
        parts.append(f"{count(usage.input_tokens, 'token')} in, {usage.output_tokens:,} out")
    if models:
        parts.append("price unknown" if report.usd is None else dollars(report.usd))
    if report.usd is not None and report.savings.total > 0:
        parts.append(f"saved {dollars(report.savings.total)}")
    if report.wasted_usd:
        parts.append(f"wasted {dollars(report.wasted_usd)}")
    return "; ".join(parts)


def _troubles(report: RunReport, waits: Mapping[str, float]) -> str:
    parts = [f"{report.throttled_share:.0%} of calls throttled"] if report.throttled_share else []
    parts += [count(report.retries, "retry")] if report.retries else []
    if longest := [f"{seconds(length)} for {WAITS[on]}" for on, length in list(waits.items())[:2] if length]:
        parts.append(f"waited {' and '.join(longest)}")
    causes = causes_of(report)
    named = [f"{count(len(names), 'failure')}: {_short(visible(cause))}" for cause, names in causes.items()]
    parts += named[:_NAMED]
    parts += [f"{count(len(named) - _NAMED, 'more cause')}"] if len(named) > _NAMED else []
    return "; ".join(parts) or "none: nothing failed, was repeated or throttled"
