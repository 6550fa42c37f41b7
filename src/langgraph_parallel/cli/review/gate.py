"""The gate of a review: whether `--fail-on` fails, and why where the report alone does not show it.

It stops at what is confirmed, and at all that bandit alone would stop at, by bandit's own severity, unless
two other voters judged the very construct and did not report it.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from langgraph_parallel.offline import ACCEPTED, IN_TESTS, UPHELD
from langgraph_parallel.reading.contents import PYTHON_SUFFIXES, TOO_LARGE
from langgraph_parallel.records import SEVERITIES, Finding, Review, Severity, Skipped
from langgraph_parallel.report.review.wording import uncovered_line
from langgraph_parallel.report.wording import count, visible

_OUTVOTING = 2
"""Voters whose silence on the very construct outvotes an engine of `UPHELD`."""


_MOST_NAMED = 3
"""Places that were not read, as standard error names them; the report names more."""


class Gate(NamedTuple):
    """The result of a gate.

    Attributes:
        failing: the findings that it stops at.
        notes: what to tell besides the report; one sentence each.
        fails: whether it stops.
    """

    failing: Sequence[Finding]
    notes: Sequence[str]
    fails: bool


def judge_gate(review: Review, gated: Review, shown: Review, fail_on: Severity) -> Gate:
    """Judge a review by the findings in it, and by what was not read.

    Args:
        review: all of it.
        gated: what `--select` and `--ignore` leave.
        shown: what the report shows.
        fail_on: the least severity that fails.
    """
    if review.unjudged:
        return Gate((), ["nothing was judged, so --fail-on fails"], True)
    severities = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    failing = [f for f in gated.findings if fails_gate(f) and f.gate_severity in severities]
    unknown = _unknown(review)
    notes = [*_of_findings(failing, {finding.id for finding in shown.findings}, severities), *unknown]
    return Gate(failing, notes, bool(failing or unknown))


def fails_gate(finding: Finding) -> bool:
    """Return whether a gate stops at a finding: it is confirmed, or an engine stops that a gate upholds."""
    stops = any(claim.source in UPHELD and claim.doubt != ACCEPTED for claim in finding.provenance)
    return finding.confirmed or (stops and len(finding.dissent) < _OUTVOTING)


def _of_findings(
    failing: Sequence[Finding], seen: Collection[str], severities: Collection[Severity]
) -> list[str]:
    """Say which findings fail although the report does not show it, and what passes them if they may."""
    in_tests = [finding for finding in failing if finding.doubt == IN_TESTS]
    marked = [finding for finding in failing if not finding.confirmed and finding.doubt != IN_TESTS]
    numbers = {
        "below --min-severity": sum(finding.id not in seen for finding in failing),
        "of lower severity in the report than by the engine": sum(
            finding.severity not in severities for finding in failing
        ),
        "marked by noqa, which bandit does not read (nosec is)": len(marked),
    }
    notes = [
        f"{count(number, 'finding')} {reason} also fail --fail-on"
        for reason, number in numbers.items()
        if number
    ]
    if in_tests:
        files = count(len({finding.path for finding in in_tests}), "test file")
        also = "also fail" if len(in_tests) < len(failing) else "fail"
        notes.append(
            f"uses of assert in {files} {also} --fail-on, since bandit reports them (B101); "
            "--ignore S101, or ignore in [tool.langgraph-parallel], passes them"
        )
    return notes


def _unknown(review: Review) -> list[str]:
    """Say what may hide something: files that are too large, that bandit failed on, and all else unread."""
    large = [
        item
        for item in review.coverage.skipped
        if item.reason.startswith(TOO_LARGE) and item.path.lower().endswith(PYTHON_SUFFIXES)
    ]
    failed = [item for item in review.coverage.unread if item.failed and item.by in UPHELD]
    notes = [_unread(items) for items in (large, failed) if items]
    if others := [item for item in review.uncovered if item not in large and item not in failed]:
        why = uncovered_line(others, _MOST_NAMED)
        notes.append(visible(f"--fail-on fails: {why}; --exclude leaves files out"))
    return notes


def _unread(items: Sequence[Skipped]) -> str:
    first = items[0]
    by = f" by {first.by}" if first.by else ""
    others = f" and {count(len(items) - 1, 'other')}" if len(items) > 1 else ""
    way_out = "run it again" if first.failed else "--exclude leaves such files out"
    return f"{first.path}{others} could not be read{by} ({first.reason}), so --fail-on fails; {way_out}"
