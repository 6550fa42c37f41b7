"""Completion policies: pure, composable values that decide when a fan-out is complete.

    min_success(0.8) & required("security/1") | deadline(30)

A policy is asked after every branch that ends, and returns a `State`. `&` is met when both sides are, and
ends the fan-out early as soon as both are met and one returns ENOUGH; `|` is met when one side is. A deadline
joined by `&` also closes the fan-out for the other side: branches that have not ended by then never will.
"""

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from langgraph_parallel.arguments import check_called
from langgraph_parallel.counted import count
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.policy_text import Unreadable, read_policy
from langgraph_parallel.reducers.progress import Progress, State

__all__ = [
    "Completion",
    "Progress",
    "State",
    "as_completion",
    "check_completion",
    "deadline",
    "min_success",
    "required",
    "tolerated_failures",
]


class Completion(ABC):
    """A completion policy. Combine policies with `&` and `|`."""

    @abstractmethod
    def judge(self, progress: Progress) -> State:
        """Return the state of a fan-out under this policy."""

    def expiries(self) -> Iterator[float]:
        """Iterate over the times, in seconds from the start, at which the state may change by itself."""
        return iter(())

    def names(self) -> Iterator[str]:
        """Iterate over the ids of branches that the policy names."""
        return iter(())

    def __and__(self, other: "Completion") -> "Completion":
        return _Both(self, other) if isinstance(other, Completion) else NotImplemented

    def __or__(self, other: "Completion") -> "Completion":
        return _Either(self, other) if isinstance(other, Completion) else NotImplemented


def _exact_amount(value: object, policy: str, minimum: int) -> int | Fraction:
    """Return a count as an int and a share as a Fraction; exact, so that 0.1 of 10 branches is 1."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= minimum:
        return value
    if isinstance(value, float) and 0 <= value <= 1 and (value > 0 or not minimum):
        return Fraction(str(value))
    expected = f"a count >= {minimum} or a share in {'(' if minimum else '['}0.0, 1.0]"
    raise UsageError(f"{policy}({value!r}) is not valid; expected {expected}")


class min_success(Completion):  # noqa: N801 - reads as a function call
    """Met once `least` branches succeed; the rest are cancelled.

    Args:
        least: a count >= 1, or, as a float in (0, 1], a share of all branches, rounded up.

    Raises:
        UsageError: `least` is out of range.

    >>> min_success(2).judge(Progress(3, ok={"a", "b"}))
    <State.ENOUGH: 'enough'>
    >>> min_success(0.5).judge(Progress(3, failed={"a", "b"}))
    <State.NEVER: 'never'>
    """

    def __init__(self, least: int | float) -> None:
        self.least = least
        self._amount = _exact_amount(least, "min_success", 1)

    def judge(self, progress: Progress) -> State:
        """Return ENOUGH once enough branches succeeded, NEVER once too few remain, else OPEN."""
        is_share = isinstance(self._amount, Fraction)
        least = math.ceil(self._amount * progress.planned) if is_share else self._amount
        if progress.succeeded >= least:
            return State.ENOUGH
        return State.OPEN if progress.succeeded + progress.remaining >= least else State.NEVER

    def __str__(self) -> str:
        return f"min_success({self.least})"


class tolerated_failures(Completion):  # noqa: N801
    """Met while at most `most` branches fail; waits for all branches.

    Args:
        most: a count >= 0, or, as a float in [0, 1], a share of all branches, rounded down.

    Raises:
        UsageError: `most` is out of range.
    """

    def __init__(self, most: int | float) -> None:
        self.most = most
        self._amount = _exact_amount(most, "tolerated_failures", 0)

    def judge(self, progress: Progress) -> State:
        """Return NEVER once too many branches failed, else MET."""
        is_share = isinstance(self._amount, Fraction)
        most = math.floor(self._amount * progress.planned) if is_share else self._amount
        return State.NEVER if len(progress.failed) > most else State.MET

    def __str__(self) -> str:
        return f"tolerated_failures({self.most})"


class required(Completion):  # noqa: N801
    """Met once all named branches succeed; waits for the other branches too.

    Args:
        branches: one or more ids of sections or voters.

    Raises:
        UsageError: no id is given, or one is not a str.
    """

    def __init__(self, *branches: str) -> None:
        if not branches or not all(isinstance(branch, str) for branch in branches):
            call = f"required({', '.join(map(repr, branches))})"
            raise UsageError(f"{call} is not valid; expected one or more branch ids (str)")
        self.branches = branches

    def judge(self, progress: Progress) -> State:
        """Return MET once all named branches succeeded, NEVER once one cannot, else OPEN."""
        missing = set(self.branches) - progress.ok
        if not missing:
            return State.MET
        return State.NEVER if progress.closed or missing & progress.failed else State.OPEN

    def names(self) -> Iterator[str]:
        """Iterate over the required ids."""
        return iter(self.branches)

    def __str__(self) -> str:
        return f"required({', '.join(map(repr, self.branches))})"


class deadline(Completion):  # noqa: N801
    """Met at any time; branches still running after `seconds` end as `timed_out`.

    Args:
        seconds: from the start of the fan-out, > 0.

    Raises:
        UsageError: `seconds` is not a finite number > 0.
    """

    def __init__(self, seconds: float) -> None:
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not is_number or not 0 < seconds <= sys.float_info.max:  # an int may be beyond all floats
            raise UsageError(f"deadline({seconds!r}) is not valid; expected a finite number of seconds > 0")
        self.seconds = seconds

    def judge(self, progress: Progress) -> State:
        """Return ENOUGH once the deadline has passed, else MET."""
        return State.ENOUGH if progress.elapsed >= self.seconds else State.MET

    def expiries(self) -> Iterator[float]:
        """Iterate over one time: the deadline."""
        return iter((self.seconds,))

    def __str__(self) -> str:
        return f"deadline({self.seconds:g})"


class _Joined(Completion):
    precedence: tuple[State, ...]
    """Of the states of both sides, the first in this order is the state of the whole."""

    def __init__(self, left: Completion, right: Completion) -> None:
        self.left, self.right = left, right

    def judge(self, progress: Progress) -> State:
        states = {self.left.judge(progress), self.right.judge(progress)}
        return next(state for state in self.precedence if state in states)

    def expiries(self) -> Iterator[float]:
        yield from self.left.expiries()
        yield from self.right.expiries()

    def names(self) -> Iterator[str]:
        yield from self.left.names()
        yield from self.right.names()


class _Both(_Joined):
    precedence = (State.NEVER, State.OPEN, State.ENOUGH, State.MET)

    def judge(self, progress: Progress) -> State:
        # At a deadline the run ends all branches. If the other side stayed OPEN, it would wait for branches
        # that cannot end. A deadline under `|` closes nothing: passing it already meets that side.
        if _has_expired(self, progress):
            progress = replace(progress, closed=True)
        return super().judge(progress)

    def __str__(self) -> str:
        return f"{_parenthesised(self.left)} & {_parenthesised(self.right)}"


class _Either(_Joined):
    precedence = (State.ENOUGH, State.MET, State.OPEN, State.NEVER)

    def __str__(self) -> str:
        return f"{self.left} | {self.right}"


def _has_expired(policy: Completion, progress: Progress) -> bool:
    """Return whether a deadline that is not under `|` has passed."""
    if isinstance(policy, _Both):
        return _has_expired(policy.left, progress) or _has_expired(policy.right, progress)
    return isinstance(policy, deadline) and progress.elapsed >= policy.seconds


def _parenthesised(policy: Completion) -> str:
    return f"({policy})" if isinstance(policy, _Either) else str(policy)


_POLICIES: Mapping[str, type[Completion]] = {
    kind.__name__: kind for kind in (min_success, tolerated_failures, required, deadline)
}


def as_completion(policy: Completion | str | None) -> Completion | None:
    """Return a policy, parsed if it is text; None for None or blank text. The text is not evaluated.

    Raises:
        UsageError: `policy` is not a completion policy.

    >>> str(as_completion("min_success(3) & required('a') | deadline(30)"))
    "min_success(3) & required('a') | deadline(30)"
    """
    if policy is None or isinstance(policy, Completion):
        return policy
    check_called(policy)
    if isinstance(policy, str):
        if not policy.strip():
            return None
        try:
            return read_policy(policy, _POLICIES)
        except Unreadable:
            pass
    raise UsageError(
        f"{policy!r} is not a completion policy; write {', '.join(_POLICIES)}, joined with & and |, "
        "such as min_success(0.8) | deadline(30)"
    )


def check_completion(policy: Completion | None, branches: Collection[str]) -> None:
    """Check, before any call, that the planned branches can meet a policy.

    Raises:
        UsageError: the policy requires an unknown branch, or more branches than are planned.
    """
    if policy is None:
        return
    if unknown := sorted(set(policy.names()) - set(branches)):
        planned = ", ".join(sorted(branches)[:20]) or "none"
        raise UsageError(
            f"{policy} requires unknown branches: {', '.join(unknown)}; choose from those planned: {planned}"
        )
    if policy.judge(Progress(len(branches))) is State.NEVER:
        raise UsageError(f"{policy} can never be met by {count(len(branches), 'branch')}; require fewer")
