"""Scores: how many voters pass a bar, and what that says about k tries. As in evaluations of models."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import comb
from typing import ClassVar

from langgraph_parallel.arguments import at_least as check_at_least
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Tally, Verdict
from langgraph_parallel.records.numbers import exact
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import (
    as_number,
    build_verdict,
    group_by_choice,
    score,
    usable,
)
from langgraph_parallel.reducers.votes.rules.base import BaseRule, Form
from langgraph_parallel.reducers.votes.standing import Amount, Standing

_PASSED, _NOT_PASSED = canonical(True), canonical(False)


@dataclass(frozen=True)
class _Passes(BaseRule, ABC):
    """A number computed from how many ballots pass: those whose number is at least `value`.

    Raises:
        UsageError: `k` is not an integer of at least 1, or `value` is not a finite number.
    """

    form: ClassVar[Form] = "score"
    chooses: ClassVar[Form] = "number"
    k: int
    """Number of ballots, at least 1."""
    value: float = 1.0
    """The least number that passes."""
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(self.k, "k")
        if exact(self.value) is None:
            raise UsageError(f"value is {self.value!r}; expected a finite number")

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Return one vote for whether the ballot passes."""
        counts = ballot.cast and score(ballot.choice) is not None
        return {_PASSED if self._passes(ballot) else _NOT_PASSED: 1} if counts else None

    def decides(self, standing: Standing) -> bool | None:
        """Return whether there is a quorum."""
        return not standing.missing_to_quorum

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        cast = [ballot for ballot in usable(tally) if score(ballot.choice) is not None]
        passed = [ballot for ballot in cast if self._passes(ballot)]
        enough = len(cast) >= self.quorum
        outcome = self._outcome(len(passed), len(cast)) if enough else Fraction(0)
        return build_verdict(
            self.name,
            tally,
            cast,
            status="decided" if enough else "no_quorum",
            choice=as_number(outcome),
            groups=group_by_choice(cast),
            backers=self._backers(cast, passed),
        )

    @abstractmethod
    def _outcome(self, passed: int, size: int) -> Fraction:
        """Return the choice, of at least `quorum` ballots."""

    def _backers(self, cast: Sequence[Ballot], passed: Sequence[Ballot]) -> Sequence[Ballot]:
        """Return the ballots in support of the choice."""
        return passed

    def _passes(self, ballot: Ballot) -> bool:
        number, bar = score(ballot.choice), exact(self.value)
        return number is not None and bar is not None and number >= bar


@dataclass(frozen=True)
class at_least(_Passes):  # noqa: N801
    """1 if at least `k` ballots have a number of at least `value`, else 0.

    Numbers count, and True as 1 and False as 0; other choices do not. Support is the ballots that pass, or,
    if the choice is 0, those that do not. With fewer than `k` ballots the choice is 0; set `quorum` if it
    should rather be none. Settled as soon as `k` pass, or too few can.

    >>> from langgraph_parallel.reducers.votes.counting import as_tally
    >>> at_least(2)(as_tally({"ann": True, "ben": False, "cas": 1})).choice
    1
    """

    def settled(self, standing: Standing) -> bool:
        """Return whether `k` ballots pass, or too few voters are left for that."""
        missing = self.k - standing.votes.get(_PASSED, 0)
        return not standing.to_come or missing <= 0 or missing > standing.to_come

    def fewest(self, standing: Standing) -> int:
        """Return the further ballots that settle the vote if all pass, or if none does."""
        missing = self.k - standing.votes.get(_PASSED, 0)
        return min(missing, standing.to_come - missing + 1)

    def _outcome(self, passed: int, size: int) -> Fraction:
        return Fraction(passed >= self.k)

    def _backers(self, cast: Sequence[Ballot], passed: Sequence[Ballot]) -> Sequence[Ballot]:
        return passed if len(passed) >= self.k else [ballot for ballot in cast if not self._passes(ballot)]


@dataclass(frozen=True)
class _Chance(_Passes):
    """An estimate from at least `k` ballots."""

    def __post_init__(self) -> None:
        super().__post_init__()
        # The quorum that stops see: with fewer than k ballots there is no estimate.
        object.__setattr__(self, "quorum", max(self.k, self.quorum))

    @property
    @abstractmethod
    def _needed(self) -> str:
        """The outcome of a ballot without `k` of which the estimate is certain."""

    def settled(self, standing: Standing) -> bool:
        """Return whether fewer than `k` ballots can have the outcome that the estimate depends on."""
        return not standing.to_come or standing.votes.get(self._needed, 0) + standing.to_come < self.k

    def fewest(self, standing: Standing) -> int:
        """Return the further ballots that settle the vote if none has that outcome."""
        return min(standing.to_come, standing.votes.get(self._needed, 0) + standing.to_come - self.k + 1)


@dataclass(frozen=True)
class pass_at(_Chance):  # noqa: N801
    """The probability that at least one of `k` tries passes: pass@k, estimated without bias from all ballots.

    1 - C(n - c, k) / C(n, k), where c of n ballots have a number of at least `value` (Chen and others,
    Evaluating Large Language Models Trained on Code, 2021, arXiv 2107.03374). Numbers count, and True as 1
    and False as 0; other choices do not. With fewer than `k` ballots the status is `no_quorum`. Support is
    the ballots that pass.

    >>> [pass_at(2).estimate(passed, 4) for passed in (0, 1, 4)]
    [Fraction(0, 1), Fraction(1, 2), Fraction(1, 1)]
    """

    def estimate(self, passed: int, size: int) -> Fraction:
        """Return the estimate from `size` ballots, at least `k`, of which `passed` pass."""
        return 1 - Fraction(comb(size - passed, self.k), comb(size, self.k))

    def _outcome(self, passed: int, size: int) -> Fraction:
        return self.estimate(passed, size)

    @property
    def _needed(self) -> str:
        return _NOT_PASSED


@dataclass(frozen=True)
class pass_power(_Chance):  # noqa: N801
    """The probability that all of `k` tries pass: pass^k, estimated without bias from all ballots.

    C(c, k) / C(n, k), where c of n ballots have a number of at least `value` (Yao and others, tau-bench,
    2024, arXiv 2406.12045). Numbers count, and True as 1 and False as 0; other choices do not. With fewer
    than `k` ballots the status is `no_quorum`. Support is the ballots that pass.

    >>> [pass_power(2).estimate(passed, 4) for passed in (0, 3, 4)]
    [Fraction(0, 1), Fraction(1, 2), Fraction(1, 1)]
    """

    def estimate(self, passed: int, size: int) -> Fraction:
        """Return the estimate from `size` ballots, at least `k`, of which `passed` pass."""
        return Fraction(comb(passed, self.k), comb(size, self.k))

    def _outcome(self, passed: int, size: int) -> Fraction:
        return self.estimate(passed, size)

    @property
    def _needed(self) -> str:
        return _PASSED
