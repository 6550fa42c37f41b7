"""Ballots that are lists: every item that enough voters name, or the item that most voters name."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from langgraph_parallel.arguments import at_least
from langgraph_parallel.records import Ballot, Tally, Verdict
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import Group, build_verdict, is_usable, list_items, usable
from langgraph_parallel.reducers.votes.rules.base import BaseRule, Form, Ties
from langgraph_parallel.reducers.votes.rules.plurality import Plurality
from langgraph_parallel.reducers.votes.rules.ties import elect_leader
from langgraph_parallel.reducers.votes.standing import Amount, Heard, Standing


class _ChoicesByVotes:
    """How many choices have a number of ballots."""

    def __init__(self, standing: Standing) -> None:
        self._votes = Counter(standing.votes)
        self.number = Counter(self._votes.values())

    def hear(self, heard: Heard) -> None:
        for key in heard.supported:
            self.number[self._votes[key]] -= 1
            self._votes[key] += 1
            self.number[self._votes[key]] += 1


@dataclass(frozen=True)
class union(BaseRule):  # noqa: N801
    """Every item that at least `at_least` voters name. Each ballot's choice is a list.

    Items are in the order in which the earliest voter names them; `counts` has the voters of each. Support is
    the voters that name at least one item of the choice, of the ballots cast. A choice that is not a list
    does not count. A vote in which no voter names an item is decided, as `[]`. There are no ties.

    Raises:
        UsageError: `at_least` is not an integer of at least 1.
    """

    form: ClassVar[Form] = "list"
    chooses: ClassVar[Form] = "list"
    at_least: int = 1
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self.at_least, "at_least")

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Return one vote for each item of the ballot's list."""
        return _one_vote_per_item(ballot)

    def settled(self, standing: Standing) -> bool:
        """Return whether no further item can have enough voters, and the order cannot change."""
        to_come = standing.to_come
        if not to_come:
            return True
        last = standing.heard[-1].ballot.order if standing.heard else -1
        if to_come >= self.at_least or standing.earliest_to_come <= last:
            return False
        choices = standing.view(_ChoicesByVotes).number
        return not any(choices[self.at_least - missing] for missing in range(1, to_come + 1))

    def fewest(self, standing: Standing) -> int:
        """Return the further ballots until the voters to come are too few to add an item."""
        return standing.to_come - self.at_least + 1

    def decides(self, standing: Standing) -> bool | None:
        """Return whether there is a quorum."""
        return not standing.missing_to_quorum

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        cast, groups = _group_by_item(tally)
        chosen = [group for group in groups if len(group.ballots) >= self.at_least]
        backers = {ballot.voter for group in chosen for ballot in group.ballots}
        return build_verdict(
            self.name,
            tally,
            cast,
            status="decided" if len(cast) >= self.quorum else "no_quorum",
            choice=[group.choice for group in chosen],
            groups=sorted(groups, key=lambda group: -group.weight),
            backers=[ballot for ballot in cast if ballot.voter in backers],
        )


@dataclass(frozen=True, kw_only=True)
class approval(Plurality):  # noqa: N801
    """The item that most voters name. Each ballot's choice is a list of all that the voter approves of.

    A choice that is not a list does not count; an empty list does, and approves of nothing. If no voter
    approves of anything, the status is `below_threshold` and the choice None. Ties as in `majority`. (Brams
    and Fishburn, Approval Voting, 1978.)
    """

    form: ClassVar[Form] = "list"
    ties: Ties = "earliest"

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Return one vote for each item of the ballot's list."""
        return _one_vote_per_item(ballot)

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        cast, groups = _group_by_item(tally)
        by_weight = sorted(groups, key=lambda group: -group.weight)
        return elect_leader(self, tally, cast, by_weight, ties=self.ties)


def _one_vote_per_item(ballot: Ballot) -> Mapping[str, Amount] | None:
    if not (is_usable(ballot) and isinstance(ballot.choice, list)):
        return None
    return {canonical(item): 1 for item in ballot.choice}


def _group_by_item(tally: Tally) -> tuple[Sequence[Ballot], list[Group]]:
    """Return the ballots that hold lists, and a group for each item in the order of first appearance."""
    cast = [ballot for ballot in usable(tally) if isinstance(ballot.choice, list)]
    groups: dict[str, Group] = {}
    for ballot in cast:
        items_once = {canonical(item): item for item in list_items(ballot)}
        for key, item in items_once.items():
            groups.setdefault(key, Group(item)).add(ballot, Fraction(1))
    return cast, list(groups.values())
