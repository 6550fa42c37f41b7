"""Claims and findings: what one voter says, and what the review reports."""

from typing import Literal

from pydantic import PositiveInt, model_validator

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.verdict import Support

Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")


class Lines(Record):
    """A range of lines, both ends included, from 1."""

    first: PositiveInt
    last: PositiveInt

    @model_validator(mode="after")
    def _in_order(self) -> "Lines":
        if self.last < self.first:
            raise ValueError(f"lines {self.first}-{self.last} end before they start")
        return self

    def overlaps(self, other: "Lines") -> bool:
        """Whether the ranges share a line."""
        return self.first <= other.last and other.first <= self.last

    def distance(self, other: "Lines") -> int:
        """Lines from one range to the other; 0 where they overlap."""
        return max(0, self.first - other.last, other.first - self.last)

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


class Claim(Record):
    """One thing that one voter says is wrong, in its own words."""

    voter: str
    """The ballot that it counts for: `model#1`, `bandit`. Voters of one family share a ballot."""
    source: str
    """Who said it, as a reader should see it: `model#1 (gpt-5-mini)`, `ruff`."""
    aspect: str
    path: str
    lines: Lines
    severity: Severity
    message: str
    explanation: str = ""
    suggestion: str = ""
    rule: str | None = None
    """The canonical rule code, where the source has rules (`S608`)."""
    code: str | None = None
    """The source's own code for it (`B608`)."""
    quote: str = ""
    """The line of code that is meant, as it stands in the file."""
    doubt: str | None = None
    """Why the claim cannot be taken as it stands: the quote is not in the file, say."""


class Position(Record):
    """One side of a contradiction, and who takes it."""

    value: str
    sources: list[str]


class Contradiction(Record):
    """Voters agree that there is something, and disagree about this field of it."""

    field: Literal["severity", "suggestion"]
    positions: list[Position]


class Finding(Record):
    """One defect, as the review reports it: claims of one or more voters, united."""

    id: str
    """Stable over runs while the code at this place and what is said about it stay the same."""
    aspect: str
    """The aspect that supports it best; `aspects` has them all."""
    aspects: list[str]
    path: str
    lines: Lines
    severity: Severity
    """The gravest that any voter gives; where they differ, `contradictions` shows who says what."""
    message: str
    explanation: str
    suggestion: str
    rule: str | None
    quote: str
    support: Support
    """Voters who claim it, of those who were asked, answered, and could have."""
    confirmed: bool
    """Enough of them do (two of three, unless set otherwise), and nothing is in doubt."""
    doubt: str | None
    provenance: list[Claim]
    """Every claim in it, with its wording."""
    dissent: list[str]
    """Voters who looked at these lines for this aspect and did not claim it."""
    contradictions: list[Contradiction]
