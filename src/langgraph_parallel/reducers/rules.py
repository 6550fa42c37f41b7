"""Rules: what the ballots say, decided once, at the join.

A rule is a small value that is called with a `Tally` and returns a `Verdict`. What holds for all:

* Only ballots that are cast, and that hold a choice the rule can read, count. Every other ballot stands
  in the verdict's denominators and supports nothing: a failure is never a "no".
* With fewer counting ballots than `quorum` the status is `no_quorum` and the choice None. `quorum` is
  at least 1, so an empty vote is never an error and never an answer.
* Nothing depends on the order in which ballots arrive. "Earliest" means the voters' own order.
* Choices are compared as JSON: 1 and 1.0 are the same choice, "1" and True are others.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, Protocol, runtime_checkable

from langgraph_parallel.errors import UnknownRule, UsageError
from langgraph_parallel.records import Ballot, Tally, Verdict, VerdictStatus
from langgraph_parallel.reducers.counting import (
    Group,
    canonical,
    group_by_choice,
    items_of,
    middle_of,
    number_of,
    numeric,
    one_each,
    usable,
    verdict_of,
)

Ties = Literal["earliest", "none"]


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
class _Rule:
    """What every rule has: a quorum, checked when the rule is made."""

    quorum: int = 1

    def __post_init__(self) -> None:
        if self.quorum < 1:
            raise UsageError(f"quorum is {self.quorum}; it must be at least 1")
        if (ties := getattr(self, "ties", None)) not in {None, "earliest", "none"}:
            raise UsageError(f"ties is {ties!r}; it must be 'earliest' or 'none'")

    @property
    def name(self) -> str:
        return type(self).__name__


@dataclass(frozen=True, kw_only=True)
class majority(_Rule):  # noqa: N801 - rules read like functions where they are used
    """The choice with the most votes; it need not have more than half (see `threshold`).

    On a tie the status is `tied`, and the choice the earliest voter's among the leaders, or None with
    `ties="none"`.
    """

    ties: Ties = "earliest"

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        return _plurality(self, tally, usable(tally), self.ties)


@dataclass(frozen=True, kw_only=True)
class unanimous(_Rule):  # noqa: N801
    """The choice of all, if nobody who cast a ballot disagrees; else `below_threshold` and None.

    Voters that failed do not break unanimity; set `quorum` to the number of voters if they should.
    """

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        return _at_least(self, tally, Fraction(1))


@dataclass(frozen=True)
class threshold(_Rule):  # noqa: N801
    """The leading choice, if its share of the ballots cast is at least `share`; else None.

    `share` is more than 0 and at most 1, and is compared exactly: 7 of 10 meets 0.7. Two leaders that
    both meet it (each with half, at `share` 0.5) are a tie: status `tied`, choice None.
    """

    share: float
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.share <= 1:
            raise UsageError(f"threshold({self.share}): the share must be more than 0 and at most 1")

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        return _at_least(self, tally, Fraction(str(self.share)))


@dataclass(frozen=True)
class weighted(_Rule):  # noqa: N801
    """The choice with the greatest sum of weights, added exactly. Ties as in `majority`.

    Weights come from `weights` by the voter's name, else from the ballot. Zero counts for nothing; a
    vote in which every weight is zero is `no_quorum`.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    ties: Ties = field(default="earliest", kw_only=True)
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for voter, weight in self.weights.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise UsageError(f"the weight of voter {voter!r} is {weight}; it must be a number from 0")

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""

        def weight(ballot: Ballot) -> Fraction:
            return Fraction(self.weights.get(ballot.voter, ballot.weight))

        return _plurality(self, tally, [b for b in usable(tally) if weight(b)], self.ties, weight)


@dataclass(frozen=True)
class union(_Rule):  # noqa: N801
    """Everything that at least `at_least` voters name. Each ballot's choice is a list.

    Items stand in the order in which the earliest voter names them; `counts` has the voters of each.
    Support is the voters who name anything of it, of those who cast a ballot. A choice that is no list
    does not count. Nobody naming anything is decided, as `[]`. There are no ties.
    """

    at_least: int = 1
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.at_least < 1:
            raise UsageError(f"union(at_least={self.at_least}): it must be at least 1")

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        cast = [ballot for ballot in usable(tally) if isinstance(ballot.choice, list)]
        groups: dict[str, Group] = {}
        for ballot in cast:
            for key, item in {canonical(item): item for item in items_of(ballot)}.items():
                groups.setdefault(key, Group(item)).add(ballot, Fraction(1))
        kept = [group for group in groups.values() if len(group.ballots) >= self.at_least]
        named = {ballot.voter for group in kept for ballot in group.ballots}
        return verdict_of(
            self.name,
            tally,
            cast,
            status="decided" if len(cast) >= self.quorum else "no_quorum",
            choice=[group.choice for group in kept],
            groups=sorted(groups.values(), key=lambda group: -group.weight),
            backers=[ballot for ballot in cast if ballot.voter in named],
        )


@dataclass(frozen=True, kw_only=True)
class median(_Rule):  # noqa: N801
    """The middle of the numbers; of an even number of them, the mean of the middle two.

    Support is the voters whose number it is exactly. What is no finite number does not count. There
    are no ties.
    """

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        cast = numeric(tally)
        middle = middle_of(sorted(map(number_of, cast))) if cast else None
        key = canonical(middle)
        backers = [ballot for ballot in cast if canonical(ballot.choice) == key]
        status: VerdictStatus = "decided" if len(cast) >= self.quorum else "no_quorum"
        return verdict_of(
            self.name,
            tally,
            cast,
            status=status,
            choice=middle,
            groups=group_by_choice(cast),
            backers=backers,
        )


@dataclass(frozen=True, kw_only=True)
class mode(_Rule):  # noqa: N801
    """The number that comes most often. Ties as in `majority`; what is no finite number does not count."""

    ties: Ties = "earliest"

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        return _plurality(self, tally, numeric(tally), self.ties)


RULES: dict[str, Callable[[], Rule]] = {
    "majority": majority,
    "unanimous": unanimous,
    "weighted": weighted,
    "union": union,
    "median": median,
    "mode": mode,
}
"""Rules that need no argument, by name. `threshold` needs its share."""


def rule_of(rule: str | Rule) -> Rule:
    """Take a rule, or the name of one.

    Raises:
        UnknownRule: it is neither.
    """
    if isinstance(rule, str):
        if rule not in RULES:
            raise UnknownRule.of(rule, [*RULES, "threshold(share)"])
        return RULES[rule]()
    if isinstance(rule, type) or not callable(rule):
        raise UnknownRule.of(rule, [*RULES, "threshold(share)"])
    return rule


def _plurality(
    rule: _Rule,
    tally: Tally,
    cast: Sequence[Ballot],
    ties: Ties,
    weight: Callable[[Ballot], Fraction] = one_each,
) -> Verdict:
    groups = group_by_choice(cast, weight)
    tied = len(groups) > 1 and groups[0].weight == groups[1].weight
    status: VerdictStatus = "no_quorum" if len(cast) < rule.quorum else "tied" if tied else "decided"
    leader = groups[0] if groups and not (tied and ties == "none") else None
    return verdict_of(
        rule.name,
        tally,
        cast,
        status=status,
        choice=leader.choice if leader else None,
        groups=groups,
        backers=leader.ballots if leader else [],
    )


def _at_least(rule: _Rule, tally: Tally, share: Fraction) -> Verdict:
    cast = usable(tally)
    groups = group_by_choice(cast)
    meeting = [group for group in groups if group.weight >= share * len(cast)]
    status: VerdictStatus
    if len(cast) < rule.quorum:
        status = "no_quorum"
    elif not meeting:
        status = "below_threshold"
    else:
        status = "tied" if len(meeting) > 1 and meeting[0].weight == meeting[1].weight else "decided"
    chosen = meeting[0] if status == "decided" else None
    return verdict_of(
        rule.name,
        tally,
        cast,
        status=status,
        choice=chosen.choice if chosen else None,
        groups=groups,
        backers=chosen.ballots if chosen else [],
    )
