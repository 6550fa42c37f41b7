"""A verdict as Markdown. What it quotes is shown as it is."""

from pydantic import JsonValue

from langgraph_parallel.records import Verdict
from langgraph_parallel.report.tables import as_markdown, escaped, plain


def verdict_markdown(verdict: Verdict) -> str:
    """The choice and its support, every count, and who disagrees."""
    choice = "no choice" if verdict.choice is None else escaped(verdict.choice)
    status = "" if verdict.decided else f", {verdict.status.replace('_', ' ')}"
    lines = [f"**{choice}** ({verdict.support}{status}, by {escaped(verdict.rule)})", ""]
    lost = {
        name: getattr(verdict, name) for name in ("abstained", "failed", "timed_out", "cancelled", "skipped")
    }
    told = [f"asked {verdict.asked}", f"cast {verdict.cast}"]
    told += [f"{name.replace('_', ' ')} {number}" for name, number in lost.items() if number]
    told += [f"not asked {verdict.not_asked}, because the vote was over"] if verdict.not_asked else []
    lines += [f"{', '.join(told).capitalize()}.", ""]
    if len(verdict.counts) > 1:
        rows: list[dict[str, JsonValue]] = [
            {"choice": plain(one.choice), "votes": one.votes, "voters": ", ".join(one.voters)}
            for one in verdict.counts
        ]
        lines += [as_markdown(rows), ""]
    for one in verdict.dissent:
        lines.append(f"- {escaped(one.voter)}: {escaped(one.choice)}. {escaped(one.rationale)}")
    lines += [f"Warning: {escaped(warning)}." for warning in verdict.warnings]
    return "\n".join(lines).rstrip() + "\n"
