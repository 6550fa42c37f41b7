"""The base of all stops, and their composition with `|` and `&`."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import ClassVar

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Tally
from langgraph_parallel.reducers.votes.rules import GoesBy, Rule, as_counting, goes_by, majority
from langgraph_parallel.reducers.votes.standing import Remaining, Standing

_MAJORITY = majority()


class Stop(ABC):
    """Decides when a vote needs no further ballot. Combine stops with `|` (either) and `&` (both)."""

    def __call__(self, tally: Tally, remaining: Remaining, rule: Rule = _MAJORITY) -> bool:
        """Return whether the vote may stop.

        Args:
            tally: the ballots so far.
            remaining: the voters still to be heard, or their number.
            rule: decides the vote; says what a ballot supports.
        """
        return self.fires(Standing.of(tally, remaining, as_counting(rule)))

    def fires(self, standing: Standing) -> bool:
        """Return whether the vote may stop at this standing; never short of the rule's quorum."""
        return not standing.missing_to_quorum and self.is_enough(standing)

    def fewest(self, standing: Standing) -> int:
        """Return the size of a lossless wave: a lower bound, at least 1, on the ballots before it can fire.

        As the stop cannot fire within them, that many voters can be asked at the same time without more calls
        than one at a time would make.
        """
        lower_bound = max(standing.missing_to_quorum, self.lacks(standing))
        return max(1, min(standing.to_come, lower_bound))

    def check(self, rule: object) -> None:  # noqa: B027 - most stops fit every rule
        """Check that the stop looks at what the rule decides by.

        Raises:
            UsageError: the stop does not fit the rule.
        """

    @abstractmethod
    def is_enough(self, standing: Standing) -> bool:
        """Return whether the ballots are enough, given a quorum."""

    def lacks(self, standing: Standing) -> int:
        """Return a lower bound on the further ballots before they can be enough; 1 or less asks for one."""
        return 1

    def __or__(self, other: "Stop") -> "Stop":
        return _Either(self, other) if isinstance(other, Stop) else NotImplemented

    def __and__(self, other: "Stop") -> "Stop":
        return _Both(self, other) if isinstance(other, Stop) else NotImplemented


class CountingStop(Stop):
    """A stop that looks at the choice with the most ballots."""

    fits: ClassVar[Collection[GoesBy]] = frozenset[GoesBy](("ballots",))
    """What a rule may go by."""

    def check(self, rule: object) -> None:
        """Check that the rule decides by the most ballots, too.

        Raises:
            UsageError: it does not.
        """
        if goes_by(rule) not in self.fits:
            name = getattr(rule, "name", rule)
            raise UsageError(
                f"{self} looks at the choice with the most ballots, and {name} does not decide by that; use "
                "decided or all_votes; with weights or a threshold confident; with union no_new_findings"
            )


class all_votes(Stop):  # noqa: N801 - called like the function that it stands for
    """Never stops early: all voters are heard."""

    def is_enough(self, standing: Standing) -> bool:
        """Return False."""
        return False

    def lacks(self, standing: Standing) -> int:
        """Return the number of voters still to be heard."""
        return standing.to_come

    def __str__(self) -> str:
        return "all_votes()"


class _Combination(Stop):
    def __init__(self, left: Stop, right: Stop) -> None:
        self.left, self.right = left, right

    def check(self, rule: object) -> None:
        self.left.check(rule)
        self.right.check(rule)


class _Both(_Combination):
    def is_enough(self, standing: Standing) -> bool:
        return self.left.is_enough(standing) and self.right.is_enough(standing)

    def lacks(self, standing: Standing) -> int:
        return max(self.left.lacks(standing), self.right.lacks(standing))

    def __str__(self) -> str:
        return f"{_in_brackets(self.left)} & {_in_brackets(self.right)}"


class _Either(_Combination):
    def is_enough(self, standing: Standing) -> bool:
        return self.left.is_enough(standing) or self.right.is_enough(standing)

    def lacks(self, standing: Standing) -> int:
        return min(self.left.lacks(standing), self.right.lacks(standing))

    def __str__(self) -> str:
        return f"{self.left} | {self.right}"


def _in_brackets(stop: Stop) -> str:
    return f"({stop})" if isinstance(stop, _Either) else str(stop)
