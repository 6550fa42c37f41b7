"""Verdicts: what a rule decides from the ballots."""

from typing import Literal

from pydantic import NonNegativeInt

from langgraph_parallel.records.base import JsonData, Record

VerdictStatus = Literal["decided", "tied", "below_threshold", "no_quorum"]
DecidedBy = Literal["rule", "fallback", "person"]


class Support(Record):
    """Support by k of n voters. Prints as `2/3`."""

    k: NonNegativeInt
    """Number of voters in favour."""
    n: NonNegativeInt
    """Number of voters that could have been in favour."""

    @property
    def share(self) -> float:
        """The share k / n, 0 to 1; 0 if n is 0."""
        return self.k / self.n if self.n else 0.0

    def __str__(self) -> str:
        return f"{self.k}/{self.n}"


class Count(Record):
    """The ballots for one choice."""

    choice: JsonData
    votes: NonNegativeInt
    """Number of ballots."""
    weight: float
    """Sum of their weights under the rule."""
    voters: list[str]
    """Names of the voters, in electorate order."""


class Dissent(Record):
    """A cast ballot that does not support the verdict."""

    voter: str
    """Name of the voter."""
    choice: JsonData
    """What the voter chose."""
    rationale: str = ""
    """The voter's reason."""


class Interval(Record):
    """An interval around a number."""

    low: float
    """Lower end."""
    high: float
    """Upper end."""
    level: float
    """Probability that it contains the true value, 0 to 1; the rule documents its assumptions."""


class Verdict(Record):
    """The outcome of a vote."""

    rule: str
    """Name of the rule."""
    status: VerdictStatus
    choice: JsonData = None
    """The choice; None if the rule could not choose. The rule documents what it does on a tie."""
    support: Support
    """Voters for the choice, of the ballots cast."""
    confidence: float | None = None
    """Mean confidence of the supporting ballots, 0 to 1; None if none of them states one."""
    margin: float = 0.0
    """Lead over the runner-up as a share of all weight cast: 1 if unanimous, 0 on a tie."""
    agreement: float | None = None
    """Share of all pairs of ballots that agree, 0 to 1; None for fewer than two ballots."""
    interval: Interval | None = None
    """Interval around a numeric choice; None if the rule gives none."""
    standard_error: float | None = None
    """Standard error of a choice that is a mean; None if it is none, or of fewer than two numbers."""
    parts: dict[str, "Verdict"] = {}
    """Under `elementwise` and `by_field` the verdict on each part: by its place from 0, or by its field."""
    decided_by: DecidedBy = "rule"
    """What chose: the rule, or, if it could not decide, a fallback or a person."""
    note: str = ""
    """Comment of the judge, the fallback, the person, or the rule; may be empty."""
    stopped: str = ""
    """The stop that ended the vote before all voters were asked or heard; empty if none did."""
    not_asked: NonNegativeInt = 0
    """Number of voters that were not asked, because the vote had ended."""
    warnings: list[str] = []
    """Signs that the voters are not independent, such as fallbacks that other voters ask as well."""
    counts: list[Count] = []
    """One entry for each choice, the best supported first."""
    dissent: list[Dissent] = []
    """The cast ballots that do not support the choice."""
    asked: NonNegativeInt = 0
    """Number of ballots, whatever their status."""
    cast: NonNegativeInt = 0
    """Number of ballots that the rule counted."""
    abstained: NonNegativeInt = 0
    """Number of abstentions, including ballots that the rule could not read."""
    failed: NonNegativeInt = 0
    """Number of voters that failed."""
    timed_out: NonNegativeInt = 0
    """Number of voters that timed out."""
    cancelled: NonNegativeInt = 0
    """Number of voters that were cancelled."""
    skipped: NonNegativeInt = 0
    """Number of voters that were skipped."""

    @property
    def decided(self) -> bool:
        """Whether there is a choice without a tie."""
        return self.status == "decided"
