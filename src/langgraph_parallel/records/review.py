"""What a review reports."""

from typing import Literal

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.finding import Finding, Lines

UNREAD_BY_ENGINES = "no static engine reads such files"


class Skipped(Record):
    """A file, or lines of one, that was not read, and why."""

    path: str
    reason: str
    lines: Lines | None = None
    by: str | None = None
    """The voter or aspect that did not read it; None where nobody did."""


class Coverage(Record):
    """What the review looked at, and what it did not."""

    files: list[str]
    """Files that at least one voter judged."""
    lines: int
    """Lines in them."""
    skipped: list[Skipped]
    """Files that nobody looked at."""
    not_reviewed: list[Skipped]
    """Parts that were planned, and that no voter of an aspect could judge."""
    unread: list[Skipped]
    """Files that one voter could not read, and others may have."""
    outside_diff: int = 0
    """Findings that are not shown because they are not on changed lines."""


class AspectOutcome(Record):
    """How far one aspect was judged."""

    name: str
    status: Literal["judged", "partly judged", "not judged"]
    voters: list[str]
    """Who cast a ballot, in order."""
    asked: int
    cast: int
    abstained: int
    failed: int
    """Ballots of any other status: failed, timed out, cancelled, skipped."""
    reasons: list[str]
    """Why ballots are missing, each cause once."""


class Review(Record):
    """The unified report: what JSON output holds, and what every other format is made from.

    It holds no times, so that the same input gives the same report; the run's numbers are a `RunReport`.
    """

    judged_by: list[str]
    """The models and engines that did the work."""
    notice: str = ""
    """What the reader must know about them: that no model took part, say."""
    findings: list[Finding]
    """By file; within a file the gravest first, then by line."""
    aspects: list[AspectOutcome]
    coverage: Coverage
    interrupted: bool = False

    @property
    def unjudged(self) -> bool:
        """Whether there was something to review, and nobody judged any of it: that is not a clean review."""
        asked = any(aspect.asked for aspect in self.aspects)
        left = any(item.reason.startswith(UNREAD_BY_ENGINES) for item in self.coverage.skipped)
        return (asked or left) and not any(aspect.cast for aspect in self.aspects)

    @property
    def confirmed(self) -> list[Finding]:
        """Findings with enough support."""
        return [finding for finding in self.findings if finding.confirmed]

    @property
    def unconfirmed(self) -> list[Finding]:
        """Findings below it: shown apart, never dropped."""
        return [finding for finding in self.findings if not finding.confirmed]
