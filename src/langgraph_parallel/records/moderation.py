"""What checks of a text have found."""

from typing import Literal

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.verdict import Support

CheckStatus = Literal["flagged", "clean", "undecided", "not_run", "not_assessed"]
"""`not_run`: it failed; `not_assessed`: nothing that is there could judge it."""


class Span(Record):
    """Characters of a text: `text[start:end]`."""

    start: int
    end: int
    text: str
    kind: str
    """What it is: the check, or what its pattern is called."""


class CheckOutcome(Record):
    """What one check came to."""

    check: str
    status: CheckStatus
    support: Support | None = None
    """Voters behind it, where there was a vote."""
    confidence: float | None = None
    """0 to 1; None where nobody says."""
    reasons: list[str] = []
    spans: list[Span] = []
    """Where; what a model quotes and the text does not hold is not among them."""
    by: list[str] = []
    """The models and engines that judged."""
    error: str | None = None
    """Why it was not run, or not assessed."""


class Moderation(Record):
    """What all checks together come to."""

    status: Literal["flagged", "clean", "needs_review"]
    """Any flag flags. `clean` only where every check was run and found nothing."""
    outcomes: list[CheckOutcome]
    notice: str = ""
    """What the reader must know about who judged."""

    @property
    def flags(self) -> list[CheckOutcome]:
        """The checks that flag."""
        return [outcome for outcome in self.outcomes if outcome.status == "flagged"]
