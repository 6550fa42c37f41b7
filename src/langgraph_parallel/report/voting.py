"""A verdict as Markdown."""

from pydantic import JsonValue

from langgraph_parallel.records import Verdict
from langgraph_parallel.report.markdown import bullets, escape, join_blocks
from langgraph_parallel.report.tables import as_markdown
from langgraph_parallel.report.wording import show

_NOT_CAST = ("abstained", "failed", "timed_out", "cancelled", "skipped")


def verdict_markdown(verdict: Verdict) -> str:
    """Render the choice, its support, all counts, and the dissenting ballots."""
    choice = "no choice" if verdict.choice is None else escape(verdict.choice)
    status = "" if verdict.decided else f", {verdict.status.replace('_', ' ')}"
    dissent = (
        f"{escape(ballot.voter)}: {escape(ballot.choice)}. {escape(ballot.rationale)}".rstrip()
        for ballot in verdict.dissent
    )
    return join_blocks(
        [
            f"**{choice}** ({verdict.support}{status}, by {escape(verdict.rule)})",
            _ballots_line(verdict),
            as_markdown(_count_rows(verdict)) if len(verdict.counts) > 1 else "",
            bullets(dissent),
            *(f"Warning: {escape(warning)}." for warning in verdict.warnings),
        ]
    )


def _ballots_line(verdict: Verdict) -> str:
    parts = [f"asked {verdict.asked}", f"cast {verdict.cast}"]
    parts += [
        f"{status.replace('_', ' ')} {number}" for status in _NOT_CAST if (number := getattr(verdict, status))
    ]
    if verdict.not_asked:
        parts.append(f"not asked {verdict.not_asked}, because the vote was over")
    return f"{', '.join(parts).capitalize()}."


def _count_rows(verdict: Verdict) -> list[dict[str, JsonValue]]:
    return [
        {"choice": show(count.choice), "votes": count.votes, "voters": ", ".join(count.voters)}
        for count in verdict.counts
    ]
