"""Numbers: the middle, the most frequent, or a mean without its tails; each with an interval."""

import math
import statistics
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import ClassVar

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Interval, Tally, Verdict, VerdictStatus
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import (
    build_verdict,
    exact_mean,
    exact_median,
    group_by_choice,
    is_number,
    number_in,
    numeric,
)
from langgraph_parallel.reducers.votes.rules.base import BaseRule, Form
from langgraph_parallel.reducers.votes.rules.plurality import Plurality, plurality
from langgraph_parallel.reducers.votes.standing import Amount, Standing

LEVEL = 0.95
"""How sure an interval is."""


@dataclass(frozen=True, kw_only=True)
class _Centre(BaseRule, ABC):
    """One number that stands for all; support is the voters whose number it is exactly."""

    form: ClassVar[Form] = "number"
    chooses: ClassVar[Form] = "number"

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Its number, if it is a finite one."""
        return _supported_number(ballot)

    @abstractmethod
    def centre(self, numbers: Sequence[float]) -> float:
        """The number that stands for these, which are sorted."""

    @abstractmethod
    def interval(self, numbers: Sequence[float]) -> Interval | None:
        """Where it lies, by these numbers, which are sorted; None of too few."""

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        cast = numeric(tally)
        numbers = sorted(map(number_in, cast))
        centre = self.centre(numbers) if numbers else None
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
        interval = _in_floats(lambda: self.interval(numbers)) if status == "decided" else None
        return verdict.model_copy(update={"interval": interval})


@dataclass(frozen=True, kw_only=True)
class median(_Centre):  # noqa: N801
    """The middle of the numbers; of an even number of them, the mean of the middle two.

    The interval is that of order statistics (the sign test's), the narrowest with at least 95%, which
    assumes only that voters are independent; five numbers are too few for one. What is no finite number does
    not count. There are no ties.
    """

    def centre(self, numbers: Sequence[float]) -> float:
        """The median."""
        return exact_median(numbers)

    def interval(self, numbers: Sequence[float]) -> Interval | None:
        """Between the two order statistics that hold it with at least 95%."""
        cut = _cut(len(numbers))
        if cut is None:
            return None
        outside = 2 * sum(math.comb(len(numbers), i) for i in range(cut + 1)) / 2 ** len(numbers)
        return Interval(low=float(numbers[cut]), high=float(numbers[-1 - cut]), level=1 - outside)

    def settled(self, standing: Standing) -> bool:
        """Whether the middle stays where it is, on whichever side of it the others come in."""
        left, cast = standing.left, len(standing.heard)
        if not left:
            return True
        low, high = (cast + left - 1) // 2 - left, (cast + left) // 2
        if low < 0 or high >= cast:
            return False
        numbers = sorted(number_in(heard.ballot) for heard in standing.heard)
        return numbers[low] == numbers[high]

    def fewest(self, standing: Standing) -> int:
        """When all who are asked next say the number that most have said."""
        lead, left = standing.top_two()[0], standing.left
        return next((number for number in range(1, left) if lead + number > left - number), left)


@dataclass(frozen=True, kw_only=True)
class mode(Plurality):  # noqa: N801
    """The number that comes most often. Ties as in `majority`; what is no finite number does not count.

    The interval is the shortest that holds it and at least half of all the numbers; its level is their share.
    """

    form: ClassVar[Form] = "number"
    chooses: ClassVar[Form] = "number"

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Its number, if it is a finite one."""
        return _supported_number(ballot)

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        cast = numeric(tally)
        verdict = plurality(self, tally, cast, group_by_choice(cast))
        if verdict.choice is None:
            return verdict
        numbers, centre = sorted(map(number_in, cast)), verdict.choice
        return verdict.model_copy(update={"interval": _in_floats(lambda: _densest(numbers, centre))})


@dataclass(frozen=True)
class trimmed_mean(_Centre):  # noqa: N801
    """The mean of the numbers without the `share` lowest and the `share` highest of them, rounded down.

    The interval is Tukey and McLaughlin's (1963), of 95%: the winsorized deviation, and Student's t; fewer
    than two numbers that are kept have none. What is no finite number does not count. There are no ties.

    Raises:
        UsageError: the share is not from 0 to below 0.5.
    """

    share: float = 0.2
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.share, bool) or not 0 <= self.share < 0.5:
            raise UsageError(f"trimmed_mean({self.share}): the share must be from 0 to below 0.5")

    def centre(self, numbers: Sequence[float]) -> float:
        """The mean of those in the middle."""
        cut = self._cut(len(numbers))
        return exact_mean(numbers[cut : len(numbers) - cut])

    def interval(self, numbers: Sequence[float]) -> Interval | None:
        """By the spread of the winsorized numbers."""
        size, cut = len(numbers), self._cut(len(numbers))
        kept = size - 2 * cut
        if kept < 2:
            return None
        inner = numbers[cut : size - cut]
        winsorized = [*[inner[0]] * cut, *inner, *[inner[-1]] * cut]
        spread = statistics.stdev(map(Fraction, winsorized))
        error = float(spread) * math.sqrt(size - 1) / math.sqrt(kept * (kept - 1))
        centre, reach = float(self.centre(numbers)), student_t(kept - 1) * error
        return Interval(low=centre - reach, high=centre + reach, level=LEVEL)

    def _cut(self, size: int) -> int:
        return int(Fraction(str(self.share)) * size)


def outliers(numbers: Mapping[str, float]) -> list[str]:
    """Who is far from the others: more than three scaled median absolute deviations from the median.

    The scale of 1.4826 makes it three standard deviations where numbers are normally distributed (Leys and
    others, Journal of Experimental Social Psychology 49, 2013). Where most say the same, whoever differs.

    >>> outliers({"a": 4, "b": 5, "c": 5, "d": 6, "e": 40})
    ['e']
    """
    if not numbers:
        return []
    centre = statistics.median(numbers.values())
    spread = statistics.median(abs(number - centre) for number in numbers.values())
    return [name for name, number in numbers.items() if abs(number - centre) > 3 * 1.4826 * spread]


def _supported_number(ballot: Ballot) -> Mapping[str, Amount] | None:
    return {canonical(ballot.choice): 1} if is_number(ballot) else None


@cache
def student_t(freedom: int) -> float:
    """The 97.5% quantile of Student's t, by bisection of its distribution.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.

    >>> round(student_t(1), 2), round(student_t(10), 3), round(student_t(120), 2)
    (12.71, 2.228, 1.98)
    """

    def within(t: float) -> float:
        angle = math.atan(t / math.sqrt(freedom))
        term, total = (math.cos(angle), 0.0) if freedom % 2 else (1.0, 0.0)
        for i in range(1 + freedom % 2, freedom, 2):
            total += term
            term *= math.cos(angle) ** 2 * i / (i + 1)
        if freedom % 2:
            return 2 / math.pi * (angle + math.sin(angle) * total)
        return math.sin(angle) * total

    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) < LEVEL else (low, middle)
    return high


def _cut(size: int) -> int | None:
    """How many numbers to leave out at either end, so that 95% of medians lie between; None of too few."""
    cut, below = None, 0
    for place in range((size + 1) // 2):
        below += math.comb(size, place)
        if 2 * below > (1 - LEVEL) * 2**size:
            break
        cut = place
    return cut


def _densest(numbers: Sequence[float], around: object) -> Interval | None:
    assert isinstance(around, int | float)
    half = (len(numbers) + 1) // 2
    spans = [(numbers[i], numbers[i + half - 1]) for i in range(len(numbers) - half + 1)]
    spans = [(low, high) for low, high in spans if low <= around <= high]
    spans = spans or [(min(numbers[0], around), max(numbers[-1], around))]
    low, high = min(spans, key=lambda span: (Fraction(span[1]) - Fraction(span[0]), span))
    level = sum(low <= number <= high for number in numbers) / len(numbers)
    return Interval(low=float(low), high=float(high), level=level)


def _in_floats(make: Callable[[], Interval | None]) -> Interval | None:
    """An interval; None where a number is too large for one."""
    try:
        return make()
    except OverflowError:
        return None
