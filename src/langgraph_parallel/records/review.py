"""The report of a review."""

from typing import Literal

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.finding import Finding, Lines

UNREAD_BY_ENGINES = "no static engine reads such files"
"""Start of the reason of a `Skipped` that only a model could have read; `Review.unjudged` looks for it."""

DIFF = "<diff>"
"""Stands for the path of lines of a diff that belong to no file."""


class Skipped(Record):
    """A file, or lines of it, that was not read."""

    path: str
    """Path of the file; `<diff>` for lines of the diff itself."""
    reason: str
    """Why it was not read."""
    lines: Lines | None = None
    """The lines that were not read; None for the whole file."""
    by: str | None = None
    """The engine or aspect that did not read it; None if no voter did."""
    uncovered: bool = False
    """Whether it is text under review that no voter read, though it has to be: a gate fails for it."""
    failed: bool = False
    """Whether the engine itself failed, so that nothing is known of the file."""


class Coverage(Record):
    """What the review read, and what it did not."""

    files: list[str]
    """Paths of the files that at least one voter judged, sorted."""
    lines: int
    """Number of lines that at least one voter judged."""
    skipped: list[Skipped]
    """Files that no voter was asked about."""
    not_reviewed: list[Skipped]
    """Parts that one aspect did not cover: beyond a limit, or no voter of the aspect answered."""
    unread: list[Skipped]
    """Files that one engine could not read; other voters may have read them."""
    outside_diff: int = 0
    """Number of findings left out because they are not on changed lines."""

    @property
    def uncovered(self) -> list[Skipped]:
        """What had to be read and was read by no voter: code, and text of a diff that is not understood."""
        return [item for item in (*self.skipped, *self.not_reviewed, *self.unread) if item.uncovered]


class AspectOutcome(Record):
    """How completely one aspect was judged."""

    name: str
    """Name of the aspect."""
    status: Literal["judged", "partly judged", "not judged"]
    """All ballots cast, some, or none."""
    voters: list[str]
    """Voters that cast a ballot, each once."""
    asked: int
    """Number of ballots asked for: voters, summed over the questions of the aspect."""
    cast: int
    """Number of ballots cast."""
    abstained: int
    """Number of ballots that abstained."""
    failed: int
    """Number of all other ballots: failed, timed out, cancelled, skipped, or never started."""
    reasons: list[str]
    """Why ballots are missing, each cause once."""


class LeftOut(Record):
    """Findings that a filter has left out of a review."""

    by: str
    """The filter, such as `ignore = D, style`."""
    findings: int
    """Their number."""
    confirmed: int = 0
    """How many of them are confirmed."""


class Review(Record):
    """The report of a review; all output formats are rendered from it.

    It contains no times, so that the same answers give the same report; for times see `RunReport`.
    """

    judged_by: list[str]
    """Names of the models and engines that judged, sorted."""
    notice: str = ""
    """What to know about `judged_by`, for example that no model took part; may be empty."""
    findings: list[Finding]
    """Sorted by path, then severity (the highest first), then line."""
    aspects: list[AspectOutcome]
    """One for each aspect, in the order of the request."""
    coverage: Coverage
    interrupted: bool = False
    """Whether the run was stopped before all voters had answered."""
    left_out: list[LeftOut] = []
    """What filters have left out of `findings`; empty without filters."""

    @property
    def unjudged(self) -> bool:
        """Whether there was something to review, but no voter judged it; such a review is not clean."""
        asked = any(aspect.asked for aspect in self.aspects)
        unreadable = any(item.reason.startswith(UNREAD_BY_ENGINES) for item in self.coverage.skipped)
        return (asked or unreadable) and not any(aspect.cast for aspect in self.aspects)

    @property
    def uncovered(self) -> list[Skipped]:
        """What was under review, had to be read, and was read by no voter: a gate has to fail for it."""
        return self.coverage.uncovered

    @property
    def confirmed(self) -> list[Finding]:
        """The confirmed findings."""
        return [finding for finding in self.findings if finding.confirmed]

    @property
    def unconfirmed(self) -> list[Finding]:
        """The findings with too little support, or in doubt; reports show them separately."""
        return [finding for finding in self.findings if not finding.confirmed]
