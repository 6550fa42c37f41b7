"""Numbers: the greatest, the least, the median, the mode, a mean; most have an interval."""

import statistics
from abc import ABC, abstractmethod
from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar, TypeVar

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Interval, Tally, Verdict, VerdictStatus
from langgraph_parallel.records.numbers import exact
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import (
    as_choice,
    build_verdict,
    exact_mean,
    exact_median,
    group_by_choice,
    is_number,
    number_in,
    numeric,
)
from langgraph_parallel.reducers.votes.rules.base import BaseRule, Form
from langgraph_parallel.reducers.votes.rules.intervals import (
    mean_interval,
    median_interval,
    shortest_half,
    trimmed_mean_error,
)
from langgraph_parallel.reducers.votes.rules.plurality import Plurality
from langgraph_parallel.reducers.votes.rules.ties import elect_leader
from langgraph_parallel.reducers.votes.search import first_number
from langgraph_parallel.reducers.votes.standing import Amount, Heard, Standing

T = TypeVar("T")


class _SortedNumbers:
    """The numbers of all ballots, in order."""

    def __init__(self, standing: Standing) -> None:
        self.numbers = sorted(number_in(heard.ballot) for heard in standing.heard)

    def hear(self, heard: Heard) -> None:
        insort(self.numbers, number_in(heard.ballot))


@dataclass(frozen=True, kw_only=True)
class _Centre(BaseRule, ABC):
    """A number computed from all numbers; support is the voters whose number equals it."""

    form: ClassVar[Form] = "number"
    chooses: ClassVar[Form] = "number"

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Return one vote for the ballot's number."""
        return _one_vote_for_number(ballot)

    def decides(self, standing: Standing) -> bool | None:
        """Return whether there is a quorum."""
        return not standing.missing_to_quorum

    @abstractmethod
    def centre(self, numbers: Sequence[Fraction]) -> Fraction:
        """Return the centre of sorted numbers."""

    def interval(self, numbers: Sequence[Fraction]) -> Interval | None:
        """Return an interval around the centre of sorted numbers; None if there is none, as by default."""
        return None

    def standard_error(self, numbers: Sequence[Fraction]) -> float | None:
        """Return the standard error of a mean of sorted numbers; None if there is none, as by default."""
        return None

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        cast = numeric(tally)
        numbers = sorted(map(number_in, cast))
        centre = as_choice(self.centre(numbers), cast) if numbers else None
        key = canonical(centre)
        status: VerdictStatus = "decided" if len(cast) >= self.quorum else "no_quorum"
        verdict = build_verdict(
            self.name,
            tally,
            cast,
            status=status,
            choice=centre,
            groups=group_by_choice(cast),
            backers=[ballot for ballot in cast if canonical(ballot.choice) == key],
        )
        if status != "decided":
            return verdict
        interval = _none_on_overflow(lambda: self.interval(numbers))
        error = _none_on_overflow(lambda: self.standard_error(numbers))
        return verdict.model_copy(update={"interval": interval, "standard_error": error})


@dataclass(frozen=True, kw_only=True)
class maximum(_Centre):  # noqa: N801
    """The greatest number. A choice that is not a finite number does not count. There are no ties.

    All voters are heard: a number to come may be greater. As text also `max`.

    >>> from langgraph_parallel.reducers.votes.counting import as_tally
    >>> maximum()(as_tally({"ann": 2, "ben": 7, "cas": 7.0})).choice
    7
    """

    def centre(self, numbers: Sequence[Fraction]) -> Fraction:
        """Return the greatest number."""
        return numbers[-1]


@dataclass(frozen=True, kw_only=True)
class minimum(_Centre):  # noqa: N801
    """The least number. A choice that is not a finite number does not count. There are no ties.

    All voters are heard: a number to come may be less. As text also `min`.

    >>> from langgraph_parallel.reducers.votes.counting import as_tally
    >>> minimum()(as_tally({"ann": 2, "ben": 7, "cas": "few"})).choice
    2
    """

    def centre(self, numbers: Sequence[Fraction]) -> Fraction:
        """Return the least number."""
        return numbers[0]


@dataclass(frozen=True, kw_only=True)
class mean(_Centre):  # noqa: N801
    """The mean, added exactly, with its `standard_error`: for scores and measurements.

    The standard error is s / sqrt(n), with the sample's standard deviation s, and the interval Student's t of
    95% (Student, The Probable Error of a Mean, Biometrika 6, 1908); both need two numbers. A choice that is
    not a finite number does not count. There are no ties.

    For a fact use `mode` or `median`: a mean is right only if nobody is wrong. Of five voters of which each
    is right nine times in ten, the mean is exact in 59% of cases (0.9**5), and most voters are right in 99%.

    >>> from langgraph_parallel.reducers.votes.counting import as_tally
    >>> verdict = mean()(as_tally({"ann": 1, "ben": 2, "cas": 6}))
    >>> verdict.choice, round(verdict.standard_error, 3)
    (3, 1.528)
    """

    def centre(self, numbers: Sequence[Fraction]) -> Fraction:
        """Return the mean."""
        return exact_mean(numbers)

    def interval(self, numbers: Sequence[Fraction]) -> Interval | None:
        """Return the interval of Student's t."""
        return mean_interval(exact_mean(numbers), self.standard_error(numbers), len(numbers))

    def standard_error(self, numbers: Sequence[Fraction]) -> float | None:
        """Return the standard error of the mean."""
        return trimmed_mean_error(numbers)


@dataclass(frozen=True, kw_only=True)
class median(_Centre):  # noqa: N801
    """The middle number; of an even number of ballots, the mean of the middle two.

    The interval is the sign test's, the narrowest between order statistics with at least 95%. It assumes only
    that voters are independent, and needs at least six numbers. A choice that is not a finite number does not
    count. There are no ties.
    """

    def centre(self, numbers: Sequence[Fraction]) -> Fraction:
        """Return the median."""
        return exact_median(numbers)

    def interval(self, numbers: Sequence[Fraction]) -> Interval | None:
        """Return the sign test's interval."""
        return median_interval(numbers)

    def settled(self, standing: Standing) -> bool:
        """Return whether the median is the same on whichever side the further numbers fall."""
        to_come, cast = standing.to_come, len(standing.heard)
        if not to_come:
            return True
        # Sorted places of the final middle two if all further numbers are below, and if all are above.
        low, high = (cast + to_come - 1) // 2 - to_come, (cast + to_come) // 2
        if low < 0 or high >= cast:
            return False
        numbers = standing.view(_SortedNumbers).numbers
        return numbers[low] == numbers[high]

    def fewest(self, standing: Standing) -> int:
        """Return the further ballots that settle the vote if all name the most frequent number."""
        lead, to_come = standing.top_two()[0], standing.to_come
        return first_number(lambda number: lead + number > to_come - number, to_come)


@dataclass(frozen=True, kw_only=True)
class mode(Plurality):  # noqa: N801
    """The most frequent number. Ties as in `majority`; a choice that is not a finite number does not count.

    The interval is the shortest that holds it and at least half of all numbers; its level is their share.
    """

    form: ClassVar[Form] = "number"
    chooses: ClassVar[Form] = "number"

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Return one vote for the ballot's number."""
        return _one_vote_for_number(ballot)

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        cast = numeric(tally)
        verdict = elect_leader(self, tally, cast, group_by_choice(cast), ties=self.ties)
        chosen = exact(verdict.choice)
        if chosen is None:
            return verdict
        numbers = sorted(map(number_in, cast))
        interval = _none_on_overflow(lambda: shortest_half(numbers, chosen))
        return verdict.model_copy(update={"interval": interval})


@dataclass(frozen=True)
class trimmed_mean(_Centre):  # noqa: N801
    """The mean without the lowest and the highest `share` of the numbers, each rounded down.

    The standard error and the interval of 95% are Tukey and McLaughlin's (1963): the winsorized deviation,
    and Student's t. They need at least two numbers that are kept. A choice that is not a finite number does
    not count. There are no ties.

    Raises:
        UsageError: `share` is not in [0, 0.5).
    """

    share: float = 0.2
    """Share of the numbers to drop at either end, in [0, 0.5)."""
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.share < 0.5:
            raise UsageError(f"share is {self.share!r}; expected a number from 0 to below 0.5")

    def centre(self, numbers: Sequence[Fraction]) -> Fraction:
        """Return the mean of the numbers that are kept."""
        trimmed = self._trimmed(len(numbers))
        return exact_mean(numbers[trimmed : len(numbers) - trimmed])

    def interval(self, numbers: Sequence[Fraction]) -> Interval | None:
        """Return Tukey and McLaughlin's interval."""
        kept = len(numbers) - 2 * self._trimmed(len(numbers))
        return mean_interval(self.centre(numbers), self.standard_error(numbers), kept)

    def standard_error(self, numbers: Sequence[Fraction]) -> float | None:
        """Return Tukey and McLaughlin's standard error."""
        return trimmed_mean_error(numbers, self._trimmed(len(numbers)))

    def _trimmed(self, size: int) -> int:
        # Of the decimal text: in floats, 0.29 of 100 numbers would be 28.
        return int(Fraction(str(self.share)) * size)


def outliers(numbers: Mapping[str, float]) -> list[str]:
    """Return the names whose number is more than three scaled median absolute deviations from the median.

    With the scale of 1.4826 these are three standard deviations of normally distributed numbers (Leys and
    others, Journal of Experimental Social Psychology 49, 2013). If most numbers are equal, all others are
    outliers.

    >>> outliers({"a": 4, "b": 5, "c": 5, "d": 6, "e": 40})
    ['e']
    """
    if not numbers:
        return []
    centre = statistics.median(numbers.values())
    spread = statistics.median(abs(number - centre) for number in numbers.values())
    return [name for name, number in numbers.items() if abs(number - centre) > 3 * 1.4826 * spread]


def _one_vote_for_number(ballot: Ballot) -> Mapping[str, Amount] | None:
    return {canonical(ballot.choice): 1} if is_number(ballot) else None


def _none_on_overflow(compute: Callable[[], T | None]) -> T | None:
    # JSON has no bound on integers, and intervals and errors are floats.
    try:
        return compute()
    except OverflowError:
        return None
