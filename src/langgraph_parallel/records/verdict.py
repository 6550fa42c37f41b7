"""What a rule makes of the ballots."""

from typing import Literal

from pydantic import JsonValue, NonNegativeInt

from langgraph_parallel.records.base import Record

VerdictStatus = Literal["decided", "tied", "below_threshold", "no_quorum"]
DecidedBy = Literal["rule", "fallback", "person"]


class Support(Record):
    """k of n: how many voters stand behind something, of those who could have. Prints as `2/3`."""

    k: NonNegativeInt
    n: NonNegativeInt

    @property
    def share(self) -> float:
        """K / n, and 0 where nobody could have."""
        return self.k / self.n if self.n else 0.0

    def __str__(self) -> str:
        return f"{self.k}/{self.n}"


class Count(Record):
    """One choice and who made it, in the voters' order."""

    choice: JsonValue
    votes: NonNegativeInt
    weight: float
    voters: list[str]


class Dissent(Record):
    """A cast ballot for something else than the verdict."""

    voter: str
    choice: JsonValue
    rationale: str = ""


class Interval(Record):
    """Where a number lies, and how sure that is."""

    low: float
    high: float
    level: float
    """The probability that it holds the true value, 0 to 1; see the rule for what is assumed."""


class Verdict(Record):
    """The outcome of a vote, with every denominator."""

    rule: str
    status: VerdictStatus
    choice: JsonValue = None
    """None unless the rule could choose; see the rule for what it does on a tie."""
    support: Support
    """Voters for the choice, of the ballots cast."""
    confidence: float | None = None
    """Mean of the confidences that the supporting ballots state; None where none does."""
    margin: float = 0.0
    """Lead over the runner-up, as a share of all that was cast: 1 when nobody disagrees, 0 on a tie."""
    agreement: float | None = None
    """Share of all pairs of ballots that agree, 0 to 1; None of fewer than two ballots."""
    interval: Interval | None = None
    """Around a number, from the rules that give one."""
    decided_by: DecidedBy = "rule"
    """Who chose: the rule, or, of an undecided vote, a fallback or a person."""
    note: str = ""
    """What the person or the fallback that chose said to it."""
    stopped: str = ""
    """The stop that ended the vote before everybody was asked or heard; empty if none did."""
    not_asked: NonNegativeInt = 0
    """Voters that were never asked, because the vote had ended."""
    warnings: list[str] = []
    """What speaks against taking the voters for independent."""
    counts: list[Count] = []
    """Every choice that was made, the best supported first."""
    dissent: list[Dissent] = []
    asked: NonNegativeInt = 0
    cast: NonNegativeInt = 0
    abstained: NonNegativeInt = 0
    failed: NonNegativeInt = 0
    timed_out: NonNegativeInt = 0
    cancelled: NonNegativeInt = 0
    skipped: NonNegativeInt = 0

    @property
    def decided(self) -> bool:
        """Whether the rule came to a choice without a tie."""
        return self.status == "decided"
