"""What every rule has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, cast, runtime_checkable

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Tally, Verdict
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import is_usable
from langgraph_parallel.reducers.votes.standing import Amount, Awaited, Counting, Standing

Ties = Literal["earliest", "none"]
GoesBy = Literal["ballots", "weights", "share", "else"]
"""What makes a choice: the most ballots, the greatest sum of weights, a share of ballots, or else."""
Form = Literal["one", "list", "ranking", "number"]
"""What a ballot holds under a rule: one choice, some of them, all of them the best first, or a number."""


@runtime_checkable
class Rule(Protocol):
    """Anything that turns a tally into a verdict."""

    @property
    def name(self) -> str:
        """What the verdict calls the rule."""
        ...

    def __call__(self, tally: Tally) -> Verdict:
        """Decide. Pure: the same ballots give the same verdict, whatever order they came in."""
        ...


@dataclass(frozen=True, kw_only=True)
class BaseRule:
    """A quorum, checked when the rule is made, and what stops need: by default, to hear everybody."""

    form: ClassVar[Form] = "one"
    chooses: ClassVar[Form] = "one"
    """What the choice is: one thing, a list of them, or a number."""
    goes_by: ClassVar[GoesBy] = "else"
    quorum: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.quorum, int) or self.quorum < 1:
            raise UsageError(f"quorum is {self.quorum}; it must be at least 1, and a whole number")
        if (ties := getattr(self, "ties", None)) not in {None, "earliest", "none"}:
            raise UsageError(f"ties is {ties!r}; it must be 'earliest' or 'none'")

    @property
    def name(self) -> str:
        """As it is called."""
        return type(self).__name__

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Its one choice."""
        return {canonical(ballot.choice): 1} if is_usable(ballot) else None

    def most(self, awaited: Awaited) -> Amount | None:
        """One ballot, one vote."""
        return 1

    def settled(self, standing: Standing) -> bool:
        """Only when everybody has been heard."""
        return not standing.left

    def fewest(self, standing: Standing) -> int:
        """Everybody who is still to be heard."""
        return standing.left


@dataclass(frozen=True)
class _Opaque(BaseRule):
    """A rule of somebody's own, of which nothing is known: it is settled when everybody has been heard."""


def as_counting(rule: object) -> Counting:
    """What a stop needs to know of a rule."""
    if hasattr(rule, "settled"):
        return cast("Counting", rule)
    quorum = getattr(rule, "quorum", 1)
    return _Opaque(quorum=quorum if isinstance(quorum, int) and quorum > 0 else 1)


def ballot_form(rule: object) -> Form:
    """What a ballot holds under a rule; one choice, where the rule does not say."""
    form: Form = getattr(rule, "form", "one")
    return form


def chooses(rule: object) -> Form:
    """What the choice of a rule is; one thing, where the rule does not say."""
    form: Form = getattr(rule, "chooses", "one")
    return form


def goes_by(rule: object) -> GoesBy:
    """What makes the choice of a rule; the most ballots, where the rule does not say."""
    by: GoesBy = getattr(rule, "goes_by", "ballots")
    return by
