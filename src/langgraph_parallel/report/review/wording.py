"""Sentences about a review, shared by its text, Markdown and SARIF formats. They are not escaped."""

from collections.abc import Sequence

from langgraph_parallel.records import SEVERITIES, AspectOutcome, Coverage, Finding, Review, Skipped
from langgraph_parallel.report.wording import count

INTERRUPTED = "The run was stopped before all voters had answered."
INTERRUPTED_NOTE = "The report covers the answers so far."
UNCONFIRMED = "too few voters agree, or they are in doubt"
_MOST_LISTED = 12
"""Files listed in one line of the coverage."""


def headline(review: Review) -> str:
    """Return the result in one line; a review without a judgement does not count as one without findings."""
    if review.unjudged:
        return "Nothing was judged."
    severities = [finding.severity for finding in review.confirmed]
    by_severity = ", ".join(
        f"{severities.count(severity)} {severity}" for severity in SEVERITIES if severity in severities
    )
    found = f"{count(len(severities), 'finding')}: {by_severity}" if severities else "No findings"
    unconfirmed = f"; {len(review.unconfirmed)} unconfirmed" if review.unconfirmed else ""
    return f"{found}{unconfirmed}."


def judged_by(review: Review) -> str:
    """Name the models and engines that judged."""
    return f"Judged by {', '.join(review.judged_by)}." if review.judged_by else "Not judged by any voter."


def reported_by(finding: Finding) -> str:
    """List the sources of a finding, each once, with their own rule codes: `bandit B602, dlint DUO116`."""
    sources = [f"{claim.source} {claim.code}" if claim.code else claim.source for claim in finding.provenance]
    return ", ".join(dict.fromkeys(sources))


def remarks(finding: Finding) -> list[str]:
    """List what qualifies a finding: doubt, contradictions, dissent, other aspects."""
    lines = [f"in doubt: {finding.doubt}"] if finding.doubt else []
    for contradiction in finding.contradictions:
        sides = "; ".join(f"{side.value} ({', '.join(side.sources)})" for side in contradiction.positions)
        lines.append(f"voters differ on the {contradiction.field}: {sides}")
    if finding.dissent:
        lines.append(f"not reported by {', '.join(finding.dissent)}")
    if others := [aspect for aspect in finding.aspects if aspect != finding.aspect]:
        lines.append(f"also reported under {', '.join(others)}")
    return lines


def aspect_line(outcome: AspectOutcome) -> str:
    """Return how completely an aspect was judged, and why ballots are missing."""
    line = f"{outcome.name}: {outcome.status}"
    if outcome.asked:
        line += f", {outcome.cast} of {count(outcome.asked, 'ballot')}"
    if outcome.abstained:
        line += f", {outcome.abstained} abstained"
    if outcome.failed:
        line += f", {outcome.failed} failed"
    return line + (f" ({'; '.join(outcome.reasons)})" if outcome.reasons else "")


def coverage_lines(coverage: Coverage) -> list[str]:
    """List what was read, and what was not, with the reasons."""
    skipped = (
        f"skipped {len(coverage.skipped)}: {_list_skipped(coverage.skipped)}"
        if coverage.skipped
        else "skipped none"
    )
    lines = [f"Read {count(len(coverage.files), 'file')}, {count(coverage.lines, 'line')}; {skipped}."]
    if coverage.not_reviewed:
        lines.append(f"Not reviewed: {_list_skipped(coverage.not_reviewed)}.")
    if coverage.unread:
        lines.append(f"Could not be read by every engine: {_list_skipped(_group_by_file(coverage.unread))}.")
    if coverage.outside_diff:
        verb = "is" if coverage.outside_diff == 1 else "are"
        lines.append(f"{count(coverage.outside_diff, 'finding')} on unchanged lines {verb} not shown.")
    return lines


def _group_by_file(skipped: Sequence[Skipped]) -> list[Skipped]:
    """Merge entries with the same file and reason into one that names all engines."""
    engines: dict[tuple[str, str], list[str]] = {}
    for item in skipped:
        engines.setdefault((item.path, item.reason), []).append(item.by or "")
    return [
        Skipped(path=path, reason=reason, by=", ".join(dict.fromkeys(filter(None, by))))
        for (path, reason), by in engines.items()
    ]


def _list_skipped(skipped: Sequence[Skipped]) -> str:
    shown = [_show_skipped(item) for item in skipped[:_MOST_LISTED]]
    if more := len(skipped) - len(shown):
        shown.append(f"and {more} more (JSON output has them all)")
    return ", ".join(shown)


def _show_skipped(item: Skipped) -> str:
    place = f"{item.path}:{item.lines}" if item.lines else item.path
    return f"{place} ({f'{item.by}: ' if item.by else ''}{item.reason})"
