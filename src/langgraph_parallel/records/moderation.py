"""The outcome of the checks of a text."""

from typing import Literal

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.verdict import Support

CheckStatus = Literal["flagged", "clean", "undecided", "not_run", "not_assessed"]
"""`undecided`: the check ran, without a decision; `not_run`: it failed, or did not see all of the text;
`not_assessed`: no available model or engine can run it."""


class Span(Record):
    """Characters of a text: `text[start:end]`."""

    start: int
    """Index of the first character, from 0."""
    end: int
    """Index after the last character."""
    text: str
    """The characters themselves."""
    kind: str
    """Name of the check, or of the pattern that matched."""


class CheckOutcome(Record):
    """The outcome of one check."""

    check: str
    """Name of the check."""
    status: CheckStatus
    support: Support | None = None
    """Voters for the outcome, of the ballots cast; None without a vote, and for a text in several parts."""
    confidence: float | None = None
    """Stated confidence, 0 to 1; None if none is stated."""
    reasons: list[str] = []
    """Stated reasons, each once."""
    spans: list[Span] = []
    """The flagged characters; quotes that are not in the text are left out."""
    by: list[str] = []
    """Names of the models and engines that judged."""
    error: str | None = None
    """Why the check did not run completely; None if it did."""


class Moderation(Record):
    """The outcome of all checks of a text."""

    status: Literal["flagged", "clean", "needs_review"]
    """`flagged` if any check flags; `clean` only if all checks ran and none flags; else `needs_review`."""
    outcomes: list[CheckOutcome]
    """One for each check, in the order of the checks."""
    notice: str = ""
    """How the text was judged, if not by a model; else empty."""

    @property
    def flags(self) -> list[CheckOutcome]:
        """The outcomes of the checks that flag the text."""
        return [outcome for outcome in self.outcomes if outcome.status == "flagged"]
