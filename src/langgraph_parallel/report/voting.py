"""A verdict as Markdown."""

from pydantic import JsonValue

from langgraph_parallel.records import Verdict
from langgraph_parallel.report.markdown import bullets, escape, join_blocks
from langgraph_parallel.report.tables import as_markdown
from langgraph_parallel.report.wording import show

_NOT_CAST = ("abstained", "failed", "timed_out", "cancelled", "skipped")


def verdict_markdown(verdict: Verdict) -> str:
    """Render the choice, its support, its error and its parts, all counts, and the dissenting ballots."""
    choice = "no choice" if verdict.choice is None else escape(verdict.choice)
    dissent = (
        f"{escape(ballot.voter)}: {escape(ballot.choice)}. {escape(ballot.rationale)}".rstrip()
        for ballot in verdict.dissent
    )
    return join_blocks(
        [
            f"**{choice}** ({verdict.support}{_decision(verdict)})",
            _ballots_line(verdict),
            _error_line(verdict),
            as_markdown(_part_rows(verdict)) if verdict.parts else "",
            as_markdown(_count_rows(verdict)) if len(verdict.counts) > 1 else "",
            bullets(dissent),
            *(f"Warning: {escape(warning)}." for warning in verdict.warnings),
        ]
    )


def _decision(verdict: Verdict) -> str:
    """Return how far the vote is decided, and who decided it: support alone reads as if the rule did."""
    if verdict.decided and verdict.decided_by != "rule":
        return f", decided by a {verdict.decided_by}"
    status = "" if verdict.decided else f", {verdict.status.replace('_', ' ')}"
    left = "; a person left it undecided" if verdict.decided_by == "person" else ""
    return f"{status}, by {escape(verdict.rule)}{left}"


def _ballots_line(verdict: Verdict) -> str:
    parts = [f"asked {verdict.asked}", f"cast {verdict.cast}"]
    parts += [
        f"{status.replace('_', ' ')} {number}" for status in _NOT_CAST if (number := getattr(verdict, status))
    ]
    if verdict.not_asked:
        parts.append(f"not asked {verdict.not_asked}, because the vote was over")
    return f"{', '.join(parts).capitalize()}."


def _error_line(verdict: Verdict) -> str:
    """Return the standard error of a mean, and its interval."""
    if verdict.standard_error is None:
        return ""
    interval = verdict.interval
    shown = f", {interval.low:g} to {interval.high:g} ({interval.level:.0%})" if interval else ""
    return f"Standard error {verdict.standard_error:g}{shown}."


def _part_rows(verdict: Verdict) -> list[dict[str, JsonValue]]:
    return [
        {
            "part": name,
            "choice": "no choice" if part.choice is None else show(part.choice),
            "support": str(part.support),
            "status": part.status.replace("_", " "),
            "rule": part.rule,
        }
        for name, part in verdict.parts.items()
    ]


def _count_rows(verdict: Verdict) -> list[dict[str, JsonValue]]:
    return [
        {"choice": show(count.choice), "votes": count.votes, "voters": ", ".join(count.voters)}
        for count in verdict.counts
    ]
