"""Sentences about a review, shared by its text, Markdown and SARIF formats. They are not escaped."""

from collections import Counter
from collections.abc import Sequence

from langgraph_parallel.records import SEVERITIES, AspectOutcome, Coverage, Finding, Lines, Review, Skipped
from langgraph_parallel.report.review.fold import Fold
from langgraph_parallel.report.wording import count

INTERRUPTED = "The run was stopped before all voters had answered."
INTERRUPTED_NOTE = "The report covers the answers so far."
UNCONFIRMED = "Too few voters agree, or they are in doubt."
SEE_ALL = (
    "Each finding, with all that was said of it: --all (in Python: full=True); JSON and SARIF have them too."
)
_MOST_LISTED = 12
"""Files listed in one line of the coverage."""


def headline(review: Review) -> str:
    """Return the result in one line; a review without a judgement does not count as one without findings."""
    if review.unjudged:
        return "Nothing was judged."
    confirmed, unconfirmed = review.confirmed, review.unconfirmed
    none = "No findings in what was read" if review.uncovered else "No findings"
    text = f"{count(len(confirmed), 'finding')}: {_by_severity(confirmed)}" if confirmed else none
    if unconfirmed:
        text += f"; {len(unconfirmed):,} unconfirmed: {_by_severity(unconfirmed)}"
    if left_out := sum(item.findings for item in review.left_out):
        text += f"; {left_out:,} left out"
    return f"{text}."


def left_out_lines(review: Review) -> list[str]:
    """Say what filters have left out, and that the findings come back without them."""
    if not review.left_out:
        return []
    parts = "; ".join(
        f"{count(item.findings, 'finding')} by {item.by}"
        + (f" ({item.confirmed:,} confirmed)" if item.confirmed else "")
        for item in review.left_out
    )
    return [f"Left out, and shown without these settings: {parts}."]


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


def line_in_file(fold: Fold) -> str:
    """Return a finding in one line, below the heading of its file."""
    head = fold.head
    where = f", {fold.lines}" if len(fold.findings) > 1 else f" {fold.lines}"
    support = "" if head.rule else f", {head.support}"
    return f"{fold.name}{where}{support}: {head.message}"


def line_of_rule(fold: Fold) -> str:
    """Return the findings of one rule in one line; if they are unconfirmed, with the reason."""
    head = fold.head
    line = f"{fold.name} {fold.places}: {head.message.rstrip('.')}"
    if head.confirmed:
        return line
    return f"{line} (in doubt: {head.doubt})" if head.doubt else f"{line} ({head.support})"


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


def coverage_lines(coverage: Coverage, *, full: bool = False) -> list[str]:
    """List what was read, and what was not, with the reasons.

    Args:
        coverage: of the review.
        full: whether to list all files; else a few of each kind.
    """
    most = None if full else _MOST_LISTED
    skipped = (
        f"skipped {len(coverage.skipped)}: {_list_skipped(coverage.skipped, most)}"
        if coverage.skipped
        else "skipped none"
    )
    lines = [f"Read {count(len(coverage.files), 'file')}, {count(coverage.lines, 'line')}; {skipped}."]
    if coverage.not_reviewed:
        lines.append(f"Not reviewed: {_list_skipped(coverage.not_reviewed, most)}.")
    if coverage.unread:
        unread = _list_skipped(_group_by_file(coverage.unread), most)
        lines.append(f"Could not be read by every engine: {unread}.")
    if coverage.uncovered:
        places = dict.fromkeys(map(_place, coverage.uncovered))
        listed = _shorten([*places], most)
        lines.append(f"Of these, no voter read {listed}; --fail-on fails for it.")
    if coverage.outside_diff:
        verb = "is" if coverage.outside_diff == 1 else "are"
        lines.append(f"{count(coverage.outside_diff, 'finding')} on unchanged lines {verb} not shown.")
    return lines


def uncovered_line(uncovered: Sequence[Skipped], most: int | None = None) -> str:
    """Say what no voter read, though it had to be read, and why.

    Args:
        uncovered: of the review; at least one.
        most: number of places to name; None for all.
    """
    items = _group_by_file(uncovered)
    return f"{count(len(items), 'place')} read by no voter: {_list_skipped(items, most)}"


def _group_by_file(skipped: Sequence[Skipped]) -> list[Skipped]:
    """Merge entries with the same place and reason into one that names all engines."""
    engines: dict[tuple[str, Lines | None, str], list[str]] = {}
    for item in skipped:
        engines.setdefault((item.path, item.lines, item.reason), []).append(item.by or "")
    return [
        Skipped(path=path, lines=lines, reason=reason, by=", ".join(dict.fromkeys(filter(None, by))))
        for (path, lines, reason), by in engines.items()
    ]


def _by_severity(findings: Sequence[Finding]) -> str:
    numbers = Counter(finding.severity for finding in findings)
    return ", ".join(f"{numbers[severity]:,} {severity}" for severity in SEVERITIES if numbers[severity])


def _list_skipped(skipped: Sequence[Skipped], most: int | None) -> str:
    return _shorten([_show_skipped(item) for item in skipped], most)


def _shorten(texts: Sequence[str], most: int | None) -> str:
    shown = [*texts[:most]]
    if more := len(texts) - len(shown):
        shown.append(f"and {more:,} more (--all and JSON have them all)")
    return ", ".join(shown)


def _place(item: Skipped) -> str:
    return f"{item.path}:{item.lines}" if item.lines else item.path


def _show_skipped(item: Skipped) -> str:
    return f"{_place(item)} ({f'{item.by}: ' if item.by else ''}{item.reason})"
