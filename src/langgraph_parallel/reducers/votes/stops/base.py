"""What every stop has: pure, a value, composed with `|` and `&`."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import ClassVar

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Tally
from langgraph_parallel.reducers.votes.rules import GoesBy, Rule, as_counting, goes_by, majority
from langgraph_parallel.reducers.votes.standing import Remaining, Standing

_MAJORITY = majority()


class Stop(ABC):
    """Says when no further ballot is needed. Combine stops with `|` (either) and `&` (both)."""

    def __call__(self, tally: Tally, remaining: Remaining, rule: Rule = _MAJORITY) -> bool:
        """Whether the vote may stop.

        Args:
            tally: the ballots so far.
            remaining: how many are still to be heard, or who.
            rule: what will decide; it says what a ballot supports.
        """
        return self.fires(Standing.of(tally, remaining, as_counting(rule)))

    def fires(self, standing: Standing) -> bool:
        """Whether the vote may stop where it stands: never short of the rule's quorum."""
        return not standing.short and self.is_enough(standing)

    def fewest(self, standing: Standing) -> int:
        """A lower bound on the further ballots before it can fire, at least 1: the size of a lossless wave.

        So many can be asked for at once, and not one more than if they were asked for one at a time.
        """
        return max(1, min(standing.left, max(standing.short, self.lacks(standing))))

    def check(self, rule: object) -> None:  # noqa: B027 - most stops fit every rule
        """Make sure that what the stop looks at is what the rule decides by.

        Raises:
            UsageError: it is not.
        """

    @abstractmethod
    def is_enough(self, standing: Standing) -> bool:
        """Whether the ballots are enough by this stop, once there is a quorum."""

    def lacks(self, standing: Standing) -> int:
        """A lower bound on the further ballots before they can be enough; anything up to 1 asks for one."""
        return 1

    def __or__(self, other: "Stop") -> "Stop":
        return _Either(self, other)

    def __and__(self, other: "Stop") -> "Stop":
        return _Both(self, other)


class CountingStop(Stop):
    """A stop that looks at the choice with the most ballots."""

    fits: ClassVar[Collection[GoesBy]] = frozenset[GoesBy](("ballots",))
    """What the rule may go by."""

    def check(self, rule: object) -> None:
        """The rule has to choose by the most ballots, too."""
        if goes_by(rule) not in self.fits:
            name = getattr(rule, "name", rule)
            raise UsageError(
                f"{self} looks at the choice with the most ballots, and {name} does not decide by that; use "
                "decided or all_votes; with weights or a threshold confident, under union no_new_findings"
            )


class all_votes(Stop):  # noqa: N801 - called like the function that it stands for
    """Never: everybody is heard."""

    def is_enough(self, standing: Standing) -> bool:
        """No."""
        return False

    def lacks(self, standing: Standing) -> int:
        """All who are left."""
        return standing.left

    def __str__(self) -> str:
        return "all_votes()"


class _Both(Stop):
    def __init__(self, left: Stop, right: Stop) -> None:
        self.left, self.right = left, right

    def check(self, rule: object) -> None:
        self.left.check(rule)
        self.right.check(rule)

    def is_enough(self, standing: Standing) -> bool:
        return self.left.is_enough(standing) and self.right.is_enough(standing)

    def lacks(self, standing: Standing) -> int:
        return max(self.left.lacks(standing), self.right.lacks(standing))

    def __str__(self) -> str:
        return f"{_in_brackets(self.left)} & {_in_brackets(self.right)}"


class _Either(_Both):
    def is_enough(self, standing: Standing) -> bool:
        return self.left.is_enough(standing) or self.right.is_enough(standing)

    def lacks(self, standing: Standing) -> int:
        return min(self.left.lacks(standing), self.right.lacks(standing))

    def __str__(self) -> str:
        return f"{self.left} | {self.right}"


def _in_brackets(stop: Stop) -> str:
    return f"({stop})" if isinstance(stop, _Either) else str(stop)
