"""Claims and findings: what one voter reports, and what the review reports."""

from typing import Any, Literal

from pydantic import PositiveInt, model_validator

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.verdict import Support

Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")


class Lines(Record):
    """A range of lines, both ends included. Prints as `3` or `3-5`."""

    first: PositiveInt
    """The first line, from 1."""
    last: PositiveInt
    """The last line, >= `first`."""

    @model_validator(mode="after")
    def _check_order(self) -> "Lines":
        if self.last < self.first:
            raise ValueError(f"last line {self.last} is before first line {self.first}")
        return self

    def overlaps(self, other: "Lines") -> bool:
        """Return whether the ranges share a line."""
        return self.first <= other.last and other.first <= self.last

    def distance(self, other: "Lines") -> int:
        """Return the number of lines from one range to the other; 0 if they overlap."""
        return max(0, self.first - other.last, other.first - self.last)

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


class Claim(Record):
    """One defect as reported by one voter."""

    voter: str
    """The ballot that the claim belongs to: `model#1`, `bandit`. Engines of one family share a ballot."""
    source: str
    """Display name of the model or engine: `model#1 (gpt-5-mini)`, `ruff`."""
    aspect: str
    """Name of the aspect under which it was reported."""
    path: str
    """Path of the file."""
    lines: Lines
    """Where the defect is."""
    severity: Severity
    graded: Severity | None = None
    """The severity that the source itself gives; None if it gives none."""
    message: str
    """The defect in one sentence."""
    explanation: str = ""
    """Cause and consequence; may be empty."""
    suggestion: str = ""
    """How to fix it; may be empty."""
    rule: str | None = None
    """Canonical rule code, such as `S608`; None for a source without rules."""
    code: str | None = None
    """The source's own code for the rule, such as `B608`; None for a source without rules."""
    quote: str = ""
    """The line of code, exactly as in the file, with secrets masked."""
    doubt: str | None = None
    """Why the claim is in doubt, for example because the quote is not in the file; None if it is not."""

    def changed(self, **fields: Any) -> "Claim":
        """Return a copy with other, valid, values of some fields."""
        copied = self.model_copy(update=fields)
        if fields.keys() <= self.model_fields_set:
            # The names of the fields take more memory than their values; all claims of engines share a set.
            object.__setattr__(copied, "__pydantic_fields_set__", self.model_fields_set)
        return copied


class Position(Record):
    """One side of a contradiction."""

    value: str
    """The value of the field."""
    sources: list[str]
    """The sources that report this value, sorted."""


class Contradiction(Record):
    """A field of a finding on which the claims differ."""

    field: Literal["severity", "suggestion"]
    positions: list[Position]
    """The differing values; severities with the highest first."""


class Finding(Record):
    """One defect as reported by the review, united from claims of one or more voters."""

    id: str
    """Stable across runs while the path, the quoted code and the messages stay the same."""
    aspect: str
    """The aspect with the best support."""
    aspects: list[str]
    """All aspects under which it was reported, sorted."""
    path: str
    """Path of the file."""
    lines: Lines
    """Where the defect is."""
    severity: Severity
    """The highest severity of all claims; `contradictions` lists differing ones."""
    message: str
    """The defect in one sentence."""
    explanation: str
    """Cause and consequence; may be empty."""
    suggestion: str
    """How to fix it; may be empty."""
    rule: str | None
    """Canonical rule code, such as `S608`; None if no claim has one."""
    quote: str
    """The line of code, with secrets masked; may be empty."""
    support: Support
    """Voters that claim it, of those that cast a ballot and could have claimed it."""
    confirmed: bool
    """Whether the support is high enough (2/3 by default) and at least one claim is not in doubt."""
    doubt: str | None
    """Why it is in doubt; None unless all claims are."""
    provenance: list[Claim]
    """All claims that the finding unites."""
    dissent: list[str]
    """Voters that judged these lines under this aspect, and did not claim it."""
    contradictions: list[Contradiction]
    """Fields on which the claims differ."""

    @property
    def gate_severity(self) -> Severity:
        """The severity that a gate goes by: the highest, or the higher one that a source itself gives."""
        graded = [claim.graded for claim in self.provenance if claim.graded]
        return min([self.severity, *graded], key=SEVERITIES.index)
