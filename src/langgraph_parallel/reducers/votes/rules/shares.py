"""The leading choice, if its share of the ballots is large enough."""

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

from langgraph_parallel.arguments import above_zero
from langgraph_parallel.records import Tally, Verdict
from langgraph_parallel.reducers.votes.counting import group_by_choice, usable
from langgraph_parallel.reducers.votes.rules.base import BaseRule, GoesBy
from langgraph_parallel.reducers.votes.rules.ties import elect_leader
from langgraph_parallel.reducers.votes.search import first_number
from langgraph_parallel.reducers.votes.standing import Standing


@dataclass(frozen=True, kw_only=True)
class _Share(BaseRule):
    """The choice with at least a share of the ballots cast, and more of them than any other."""

    goes_by: ClassVar[GoesBy] = "share"

    @cached_property
    def least(self) -> Fraction:
        """The share that a choice needs."""
        return Fraction(1)

    def _needed(self, ballots: int) -> int:
        """Return the fewest ballots that are the share of so many."""
        # In integers: it is asked after every ballot, and fractions cost several times as much.
        part, whole = self.least.as_integer_ratio()
        return -(-part * ballots // whole)

    def settled(self, standing: Standing) -> bool:
        """Return whether the leader keeps its share whatever comes, or no choice can reach it."""
        to_come = standing.to_come
        if not to_come:
            return True
        # Count every voter to come as a ballot: a failure only lowers what the leader needs, and costs a
        # rival a whole vote, which is at least what it lowers.
        needed = self._needed(len(standing.heard) + to_come)
        lead, behind = standing.top_two()
        if lead >= needed and lead > behind + to_come:
            return True
        return not any(
            votes + to_come >= needed and votes + to_come > rival
            for votes, rival in ((lead, behind), (behind, lead))
        )

    def fewest(self, standing: Standing) -> int:
        """Return the further ballots that settle the vote if all side with the leader, or all against it."""
        to_come = standing.to_come
        needed = self._needed(len(standing.heard) + to_come)
        lead, behind = standing.top_two()

        def would_settle(number: int) -> bool:
            wins = lead + number >= needed and lead + number > behind + to_come - number
            return wins or lead + to_come - number < needed  # the share is out of reach

        return first_number(would_settle, to_come)

    def decides(self, standing: Standing) -> bool | None:
        """Return whether there is a quorum, and the leader has its share."""
        lead, behind = standing.top_two()
        has_share = lead >= self._needed(len(standing.heard))
        return not standing.missing_to_quorum and has_share and lead > behind

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        cast = usable(tally)
        groups = group_by_choice(cast)
        contenders = [group for group in groups if group.weight >= self._needed(len(cast))]
        return elect_leader(self, tally, cast, groups, ties="none", contenders=contenders)


@dataclass(frozen=True, kw_only=True)
class unanimous(_Share):  # noqa: N801
    """The choice of all voters that cast a ballot; `below_threshold` and None if they disagree.

    Voters that failed do not break unanimity; set `quorum` to the number of voters if they should.
    """


@dataclass(frozen=True)
class threshold(_Share):  # noqa: N801
    """The leading choice, if its share of the ballots cast is at least `share`; else None.

    The comparison is exact: 7 of 10 meets 0.7. If two leaders both meet `share` (each with half, at 0.5), the
    status is `tied` and the choice None.

    Raises:
        UsageError: `share` is not in (0, 1].
    """

    share: float
    """In (0, 1]."""
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero(self.share, "share", 1)

    @cached_property
    def least(self) -> Fraction:
        """The share that a choice needs, exactly as written."""
        # Of the decimal text: the float 0.7 is a little less than 7/10, 0.07 a little more than 7/100.
        return Fraction(str(self.share))
