"""What all reports say, in the same words: support, provenance, coverage, aspects, the run."""

from collections.abc import Sequence

from langgraph_parallel.records import AspectOutcome, Coverage, Finding, Review, Skipped
from langgraph_parallel.report.wording import count

_MOST_LISTED = 12


def said_by(finding: Finding) -> str:
    """Who said it, each once, with the source's own code: `bandit B602, dlint DUO116`."""
    sources = [f"{claim.source} {claim.code}" if claim.code else claim.source for claim in finding.provenance]
    return ", ".join(dict.fromkeys(sources))


def remarks(finding: Finding) -> list[str]:
    """What a reader should know beside the claim itself: doubt, contradictions, dissent, other aspects."""
    found = [f"in doubt: {finding.doubt}"] if finding.doubt else []
    for contradiction in finding.contradictions:
        sides = "; ".join(f"{side.value} ({', '.join(side.sources)})" for side in contradiction.positions)
        found.append(f"they differ on the {contradiction.field}: {sides}")
    if finding.dissent:
        found.append(f"not reported by {', '.join(finding.dissent)}")
    if others := [aspect for aspect in finding.aspects if aspect != finding.aspect]:
        found.append(f"also seen under {', '.join(others)}")
    return found


def headline(review: Review) -> str:
    """The result in one line; a review that judged nothing is not one without findings."""
    if review.unjudged:
        return "Nothing was judged."
    by_severity = [
        f"{number} {severity}"
        for severity in ("high", "medium", "low")
        if (number := sum(finding.severity == severity for finding in review.confirmed))
    ]
    found = (
        f"{count(len(review.confirmed), 'finding')}: {', '.join(by_severity)}"
        if by_severity
        else "No findings"
    )
    more = f"; {len(review.unconfirmed)} unconfirmed" if review.unconfirmed else ""
    return f"{found}{more}."


def judged_by(review: Review) -> str:
    """Who did the work."""
    return f"Judged by {', '.join(review.judged_by)}." if review.judged_by else "Judged by nobody."


def aspect_line(outcome: AspectOutcome) -> str:
    """How far an aspect was judged, and what is missing."""
    line = f"{outcome.name}: {outcome.status}"
    if outcome.asked:
        line += f", {outcome.cast} of {count(outcome.asked, 'ballot')}"
    if outcome.abstained:
        line += f", {outcome.abstained} abstained"
    if outcome.failed:
        line += f", {outcome.failed} failed"
    return line + (f" ({'; '.join(outcome.reasons)})" if outcome.reasons else "")


def coverage_lines(coverage: Coverage) -> list[str]:
    """What was read, and everything that was not, with the reason."""
    read = f"Read {count(len(coverage.files), 'file')}, {count(coverage.lines, 'line')}"
    skipped = (
        f"; skipped {len(coverage.skipped)}: {_listed(coverage.skipped)}"
        if coverage.skipped
        else "; skipped none"
    )
    lines = [f"{read}{skipped}."]
    if coverage.not_reviewed:
        lines.append(f"Not reviewed: {_listed(coverage.not_reviewed)}.")
    if coverage.unread:
        lines.append(f"Could not be read by every engine: {_listed(_by_file(coverage.unread))}.")
    if coverage.outside_diff:
        verb = "is" if coverage.outside_diff == 1 else "are"
        lines.append(f"{count(coverage.outside_diff, 'finding')} on unchanged lines {verb} not shown.")
    return lines


def _by_file(skipped: Sequence[Skipped]) -> list[Skipped]:
    """One entry for each file and reason, naming all who could not read it."""
    held: dict[tuple[str, str], list[str]] = {}
    for item in skipped:
        held.setdefault((item.path, item.reason), []).append(item.by or "")
    return [
        Skipped(path=path, reason=reason, by=", ".join(dict.fromkeys(filter(None, by))))
        for (path, reason), by in held.items()
    ]


def _listed(skipped: Sequence[Skipped]) -> str:
    shown = [_entry(item) for item in skipped[:_MOST_LISTED]]
    if more := len(skipped) - len(shown):
        shown.append(f"and {more} more (JSON output has them all)")
    return ", ".join(shown)


def _entry(item: Skipped) -> str:
    place = f"{item.path}:{item.lines}" if item.lines else item.path
    return f"{place} ({f'{item.by}: ' if item.by else ''}{item.reason})"
