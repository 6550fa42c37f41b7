"""The leading choice, if its share is large enough."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Tally, Verdict, VerdictStatus
from langgraph_parallel.reducers.votes.counting import build_verdict, group_by_choice, usable
from langgraph_parallel.reducers.votes.rules.base import BaseRule, GoesBy
from langgraph_parallel.reducers.votes.standing import Standing


@dataclass(frozen=True, kw_only=True)
class _Share(BaseRule):
    """A choice that has a share of the ballots cast, and more of them than any other."""

    goes_by: ClassVar[GoesBy] = "share"

    @property
    def least(self) -> Fraction:
        """The share that it needs."""
        return Fraction(1)

    def settled(self, standing: Standing) -> bool:
        """Whether the leader has its share whatever comes, or no choice can reach one."""
        if not standing.left:
            return True
        left = standing.left
        needed = self.least * (len(standing.heard) + left)
        lead, behind = standing.top_two()
        if lead >= needed and lead > behind + left:
            return True
        return not any(
            has + left >= needed and has + left > other for has, other in ((lead, behind), (behind, lead))
        )

    def fewest(self, standing: Standing) -> int:
        """When all who are asked next side with the leader, or all against it."""
        left = standing.left
        needed = self.least * (len(standing.heard) + left)
        lead, behind = standing.top_two()
        for number in range(1, left):
            clear = lead + number >= needed and lead + number > behind + left - number
            lost = lead + left - number < needed
            if clear or lost:
                return number
        return left

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        cast = usable(tally)
        groups = group_by_choice(cast)
        meeting = [group for group in groups if group.weight >= self.least * len(cast)]
        status: VerdictStatus
        if len(cast) < self.quorum:
            status = "no_quorum"
        elif not meeting:
            status = "below_threshold"
        else:
            status = "tied" if len(meeting) > 1 and meeting[0].weight == meeting[1].weight else "decided"
        chosen = meeting[0] if status == "decided" else None
        return build_verdict(
            self.name,
            tally,
            cast,
            status=status,
            choice=chosen.choice if chosen else None,
            groups=groups,
            backers=chosen.ballots if chosen else [],
        )


@dataclass(frozen=True, kw_only=True)
class unanimous(_Share):  # noqa: N801
    """The choice of all, if nobody who cast a ballot disagrees; else `below_threshold` and None.

    Voters that failed do not break unanimity; set `quorum` to the number of voters if they should.
    """


@dataclass(frozen=True)
class threshold(_Share):  # noqa: N801
    """The leading choice, if its share of the ballots cast is at least `share`; else None.

    `share` is more than 0 and at most 1, and is compared exactly: 7 of 10 meets 0.7. Two leaders that
    both meet it (each with half, at `share` 0.5) are a tie: status `tied`, choice None.

    Raises:
        UsageError: the share is out of range.
    """

    share: float
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.share, bool) or not 0 < self.share <= 1:
            raise UsageError(f"threshold({self.share}): the share must be more than 0 and at most 1")

    @property
    def least(self) -> Fraction:
        """The share that it needs, exactly as it is written."""
        return Fraction(str(self.share))
