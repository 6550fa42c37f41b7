"""Completion policies: when a fan-out has enough, and when it never will. Pure values that compose.

    min_success(0.8) & required("security/1") | deadline(30)

Asked after every branch that ends, a policy says one of four things. `&` holds when both sides do, and ends
the fan-out early as soon as both hold and one of them asks for it; `|` holds when one side does. A deadline
closes what it is joined to with `&`: what has not ended by then never will.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from enum import Enum
from fractions import Fraction

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Branch
from langgraph_parallel.reducers.policy_text import Unreadable, read_policy


class State(Enum):
    """What a policy says of a fan-out."""

    NEVER = "never"
    """It cannot be met any more."""
    OPEN = "open"
    """It is not met yet."""
    MET = "met"
    """It is met so far, and content to wait for the rest."""
    ENOUGH = "enough"
    """It is met, and the rest is not needed."""


@dataclass(frozen=True)
class Progress:
    """How far a fan-out is."""

    planned: int
    """Branches in all."""
    ok: Set[str] = field(default_factory=frozenset)
    """Ids of those that succeeded."""
    failed: Set[str] = field(default_factory=frozenset)
    """Ids of those that ended otherwise; those that were ended as not needed are in neither."""
    kept: int = 0
    """Branches that had succeeded before, and are not run again."""
    elapsed: float = 0.0
    """Seconds since it began."""
    closed: bool = False
    """Whether nothing more will come."""

    @property
    def succeeded(self) -> int:
        """How many succeeded."""
        return len(self.ok) + self.kept

    @property
    def remaining(self) -> int:
        """How many may still end."""
        return 0 if self.closed else self.planned - self.succeeded - len(self.failed)

    @classmethod
    def of(cls, branches: Mapping[str, Branch]) -> "Progress":
        """The end of a fan-out, by its branches."""
        ok = {key for key, branch in branches.items() if branch.ok}
        failed = {k for k, branch in branches.items() if not branch.ok and branch.ended_by != "completion"}
        return cls(len(branches), ok, failed, closed=True)


class Completion(ABC):
    """A policy. Combine them with `&` and `|`."""

    @abstractmethod
    def judge(self, progress: Progress) -> State:
        """Say whether it is met."""

    def expiries(self) -> Iterator[float]:
        """Seconds from the start at which it has to be asked again."""
        return iter(())

    def names(self) -> Iterator[str]:
        """Ids of branches that it names."""
        return iter(())

    def __and__(self, other: "Completion") -> "Completion":
        return _Both(self, other)

    def __or__(self, other: "Completion") -> "Completion":
        return _Either(self, other)


def _amount(given: object, name: str, least: int) -> int | Fraction:
    """A count or a share, exactly: 0.1 is a tenth."""
    if isinstance(given, int) and not isinstance(given, bool) and given >= least:
        return given
    if isinstance(given, float) and 0 <= given <= 1 and (given > 0 or not least):
        return Fraction(str(given))
    wanted = f"a count from {least}, or a share {'above' if least else 'from'} 0.0 up to 1.0"
    raise UsageError(f"{name}({given!r}): pass {wanted}")


class min_success(Completion):  # noqa: N801 - called like the function that it stands for
    """Enough when so many succeed; the rest is cancelled then.

    Args:
        least: a count, or as a float a share of the branches, rounded up.

    Raises:
        UsageError: it is neither.

    >>> min_success(2).judge(Progress(3, ok={"a", "b"}))
    <State.ENOUGH: 'enough'>
    >>> min_success(0.5).judge(Progress(3, failed={"a", "b"}))
    <State.NEVER: 'never'>
    """

    def __init__(self, least: int | float) -> None:
        self.least = least
        self._amount = _amount(least, "min_success", 1)

    def judge(self, progress: Progress) -> State:
        """By the number that succeeded, and that still may."""
        share = isinstance(self._amount, Fraction)
        least = math.ceil(self._amount * progress.planned) if share else self._amount
        if progress.succeeded >= least:
            return State.ENOUGH
        return State.OPEN if progress.succeeded + progress.remaining >= least else State.NEVER

    def __str__(self) -> str:
        return f"min_success({self.least})"


class tolerated_failures(Completion):  # noqa: N801
    """Met as long as no more fail than that; it waits for all.

    Args:
        most: a count, or as a float a share of the branches, rounded down.

    Raises:
        UsageError: it is neither.
    """

    def __init__(self, most: int | float) -> None:
        self.most = most
        self._amount = _amount(most, "tolerated_failures", 0)

    def judge(self, progress: Progress) -> State:
        """By the number that failed."""
        share = isinstance(self._amount, Fraction)
        most = math.floor(self._amount * progress.planned) if share else self._amount
        return State.NEVER if len(progress.failed) > most else State.MET

    def __str__(self) -> str:
        return f"tolerated_failures({self.most})"


class required(Completion):  # noqa: N801
    """Met when these branches succeed; it waits for the others too.

    Args:
        branches: their ids: of sections, or of voters.

    Raises:
        UsageError: none is named.
    """

    def __init__(self, *branches: str) -> None:
        if not branches or not all(isinstance(branch, str) for branch in branches):
            raise UsageError("required() names no branch; pass the ids of those that must succeed")
        self.branches = branches

    def judge(self, progress: Progress) -> State:
        """By what became of them."""
        missing = set(self.branches) - progress.ok
        if not missing:
            return State.MET
        return State.NEVER if progress.closed or missing & progress.failed else State.OPEN

    def names(self) -> Iterator[str]:
        """Those that are required."""
        return iter(self.branches)

    def __str__(self) -> str:
        return f"required({', '.join(map(repr, self.branches))})"


class deadline(Completion):  # noqa: N801
    """Waits so long; what has not ended by then is `timed_out`.

    Args:
        seconds: from the start of the fan-out.

    Raises:
        UsageError: it is not more than 0.
    """

    def __init__(self, seconds: float) -> None:
        if not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
            raise UsageError(f"deadline({seconds!r}): pass seconds, more than 0")
        self.seconds = seconds

    def judge(self, progress: Progress) -> State:
        """By the time."""
        return State.ENOUGH if progress.elapsed >= self.seconds else State.MET

    def expiries(self) -> Iterator[float]:
        """Its own moment."""
        return iter((self.seconds,))

    def __str__(self) -> str:
        return f"deadline({self.seconds:g})"


class _Both(Completion):
    def __init__(self, left: Completion, right: Completion) -> None:
        self.left, self.right = left, right

    def judge(self, progress: Progress) -> State:
        if _expired(self, progress):
            progress = replace(progress, closed=True)
        states = {self.left.judge(progress), self.right.judge(progress)}
        for state in (State.NEVER, State.OPEN, State.ENOUGH):
            if state in states:
                return state
        return State.MET

    def expiries(self) -> Iterator[float]:
        yield from self.left.expiries()
        yield from self.right.expiries()

    def names(self) -> Iterator[str]:
        yield from self.left.names()
        yield from self.right.names()

    def __str__(self) -> str:
        return f"{_in_brackets(self.left)} & {_in_brackets(self.right)}"


class _Either(_Both):
    def judge(self, progress: Progress) -> State:
        states = {self.left.judge(progress), self.right.judge(progress)}
        for state in (State.ENOUGH, State.MET, State.OPEN):
            if state in states:
                return state
        return State.NEVER

    def __str__(self) -> str:
        return f"{self.left} | {self.right}"


def _expired(policy: Completion, progress: Progress) -> bool:
    """Whether a deadline that is joined by `&` has passed."""
    if isinstance(policy, _Either):
        return False
    if isinstance(policy, _Both):
        return _expired(policy.left, progress) or _expired(policy.right, progress)
    return isinstance(policy, deadline) and progress.elapsed >= policy.seconds


def _in_brackets(policy: Completion) -> str:
    return f"({policy})" if isinstance(policy, _Either) else str(policy)


_POLICIES: Mapping[str, type[Completion]] = {
    kind.__name__: kind for kind in (min_success, tolerated_failures, required, deadline)
}


def as_completion(policy: Completion | str | None) -> Completion | None:
    """Read a policy as it is written in Python; an empty text is none. Nothing in the text is executed.

    Raises:
        UsageError: it is no policy.

    >>> str(as_completion("min_success(3) & required('a') | deadline(30)"))
    "min_success(3) & required('a') | deadline(30)"
    """
    if policy is None or isinstance(policy, Completion):
        return policy
    if not isinstance(policy, str):
        raise UsageError(f"{policy!r} is no completion policy; pass one of {', '.join(_POLICIES)}")
    if not policy.strip():
        return None
    try:
        return read_policy(policy, _POLICIES)
    except Unreadable:
        raise UsageError(
            f"{policy!r} is no completion policy; write {', '.join(_POLICIES)}, joined with & and |, "
            "such as min_success(0.8) | deadline(30)"
        ) from None


def check_completion(policy: Completion | None, branches: Collection[str]) -> None:
    """Make sure, before any call, that a policy can be met by the branches that are planned.

    Raises:
        UsageError: it requires a branch that there is not, or more branches than there are.
    """
    if policy is None:
        return
    if unknown := sorted(set(policy.names()) - set(branches)):
        some = ", ".join(sorted(branches)[:20]) or "none"
        raise UsageError(f"{policy} requires {', '.join(unknown)}, which is no branch; there are {some}")
    if policy.judge(Progress(len(branches))) is State.NEVER:
        raise UsageError(f"{policy} can never be met: there are {len(branches)} branches")
