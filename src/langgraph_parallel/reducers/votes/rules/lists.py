"""Ballots that name several things: everything that is named, or the one that most approve of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Tally, Verdict
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import Group, build_verdict, is_usable, list_items, usable
from langgraph_parallel.reducers.votes.rules.base import BaseRule, Form, Ties
from langgraph_parallel.reducers.votes.rules.plurality import Plurality, plurality
from langgraph_parallel.reducers.votes.standing import Amount, Standing


@dataclass(frozen=True)
class union(BaseRule):  # noqa: N801
    """Everything that at least `at_least` voters name. Each ballot's choice is a list.

    Items stand in the order in which the earliest voter names them; `counts` has the voters of each.
    Support is the voters who name anything of it, of those who cast a ballot. A choice that is no list
    does not count. Nobody naming anything is decided, as `[]`. There are no ties.

    Raises:
        UsageError: `at_least` is less than 1.
    """

    form: ClassVar[Form] = "list"
    chooses: ClassVar[Form] = "list"
    at_least: int = 1
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.at_least, int) or self.at_least < 1:
            raise UsageError(f"union(at_least={self.at_least}): it must be a whole number from 1")

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Each item of its list."""
        return _each_once(ballot)

    def settled(self, standing: Standing) -> bool:
        """Whether no item can come to have enough voters any more, nor the order change."""
        left = standing.left
        if not left:
            return True
        last = max((heard.ballot.order for heard in standing.heard), default=-1)
        return (
            all(awaited.order > last for awaited in standing.remaining)
            and left < self.at_least
            and all(has >= self.at_least or has + left < self.at_least for has in standing.votes.values())
        )

    def fewest(self, standing: Standing) -> int:
        """At least until those who are left are too few to make an item."""
        return standing.left - self.at_least + 1

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        cast, groups = _named(tally)
        kept = [group for group in groups if len(group.ballots) >= self.at_least]
        named = {ballot.voter for group in kept for ballot in group.ballots}
        return build_verdict(
            self.name,
            tally,
            cast,
            status="decided" if len(cast) >= self.quorum else "no_quorum",
            choice=[group.choice for group in kept],
            groups=sorted(groups, key=lambda group: -group.weight),
            backers=[ballot for ballot in cast if ballot.voter in named],
        )


@dataclass(frozen=True, kw_only=True)
class approval(Plurality):  # noqa: N801
    """The item that most voters name. Each ballot's choice is a list of all that the voter approves of.

    A choice that is no list does not count; an empty list does, and approves of nothing. Nobody approving
    of anything is `below_threshold`, None. Ties as in `majority`. (Brams and Fishburn, Approval Voting,
    1978.)
    """

    form: ClassVar[Form] = "list"
    ties: Ties = "earliest"

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Each item of its list."""
        return _each_once(ballot)

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        cast, named = _named(tally)
        return plurality(self, tally, cast, sorted(named, key=lambda group: -group.weight))


def _each_once(ballot: Ballot) -> Mapping[str, Amount] | None:
    if not (is_usable(ballot) and isinstance(ballot.choice, list)):
        return None
    return {canonical(item): 1 for item in ballot.choice}


def _named(tally: Tally) -> tuple[Sequence[Ballot], list[Group]]:
    """Ballots that hold lists, and their items in the order in which they are first named."""
    cast = [ballot for ballot in usable(tally) if isinstance(ballot.choice, list)]
    groups: dict[str, Group] = {}
    for ballot in cast:
        for key, item in {canonical(item): item for item in list_items(ballot)}.items():
            groups.setdefault(key, Group(item)).add(ballot, Fraction(1))
    return cast, list(groups.values())
