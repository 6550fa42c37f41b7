"""The base of all rules, and how to read what a rule declares about itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, cast, runtime_checkable

from langgraph_parallel.arguments import at_least, check_fields
from langgraph_parallel.records import Ballot, Tally, Verdict
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import is_usable
from langgraph_parallel.reducers.votes.standing import Amount, Counting, PendingVoter, Standing

Ties = Literal["earliest", "none"]
"""What a tie elects: the earliest voter's choice among the leaders, or no choice."""
GoesBy = Literal["ballots", "weights", "share", "else"]
"""What decides: the most ballots, the greatest sum of weights, a share of ballots, or something else."""
Form = Literal["one", "list", "ranking", "number", "score", "items", "fields"]
"""Content of a ballot or a choice: one choice, some choices, all choices from best to worst, a number, a
number or a truth value, a list whose places matter, or a mapping."""


@runtime_checkable
class Rule(Protocol):
    """A function from a tally to a verdict."""

    @property
    def name(self) -> str:
        """The name of the rule in its verdicts."""
        ...

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote. Pure: the same ballots in any order give the same verdict."""
        ...


@dataclass(frozen=True, kw_only=True)
class BaseRule:
    """A rule with a quorum, which by default is settled only once all voters have been heard."""

    form: ClassVar[Form] = "one"
    """Content of a ballot."""
    chooses: ClassVar[Form] = "one"
    """Content of the choice: one choice, a list of them, or a number."""
    goes_by: ClassVar[GoesBy] = "else"
    quorum: int = 1
    """Fewest ballots that count, for a choice; at least 1."""

    def __post_init__(self) -> None:
        check_fields(self)
        at_least(self.quorum, "quorum")

    @property
    def name(self) -> str:
        """The name of the class."""
        return type(self).__name__

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Return one vote for the ballot's choice."""
        return {canonical(ballot.choice): 1} if is_usable(ballot) else None

    def most(self, pending: PendingVoter) -> Amount | None:
        """Return 1: one vote per voter."""
        return 1

    def settled(self, standing: Standing) -> bool:
        """Return whether all voters have been heard."""
        return not standing.to_come

    def fewest(self, standing: Standing) -> int:
        """Return the number of voters still to be heard."""
        return standing.to_come

    def decides(self, standing: Standing) -> bool | None:
        """Return whether the verdict on the ballots so far is `decided`; None if only a recount can tell."""
        return None


@dataclass(frozen=True)
class _UnknownRule(BaseRule):
    """Stands for a caller's rule that does not say when it is settled."""


def as_counting(rule: object) -> Counting:
    """Return a rule as a stop sees it; a rule without `settled` is settled once all voters are heard."""
    if hasattr(rule, "settled"):
        return cast("Counting", rule)
    quorum = getattr(rule, "quorum", 1)
    return _UnknownRule(quorum=quorum if isinstance(quorum, int) and quorum > 0 else 1)


def decides(rule: object, standing: Standing) -> bool | None:
    """Return whether a rule's verdict on the ballots so far is `decided`; None if only a recount can tell."""
    return rule.decides(standing) if isinstance(rule, BaseRule) else None


def ballot_form(rule: object) -> Form:
    """Return the content of a ballot under a rule; "one" if the rule does not declare it."""
    form: Form = getattr(rule, "form", "one")
    return form


def chooses(rule: object) -> Form:
    """Return the content of the choice of a rule; "one" if the rule does not declare it."""
    form: Form = getattr(rule, "chooses", "one")
    return form


def goes_by(rule: object) -> GoesBy:
    """Return what a rule decides by; "ballots" if the rule does not declare it."""
    by: GoesBy = getattr(rule, "goes_by", "ballots")
    return by
