"""The parts that all rules share: usable ballots, groups by choice, and verdicts."""

import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from pydantic import JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import (
    Ballot,
    BallotStatus,
    Count,
    Dissent,
    Support,
    Tally,
    Verdict,
    VerdictStatus,
)
from langgraph_parallel.records.numbers import exact
from langgraph_parallel.reducers.canonical import canonical

Ballots = Tally | Sequence[Ballot] | Mapping[str, JsonValue]
"""The ballots on one question: a tally, ballots, or choices by voter (None abstains)."""

_WITHOUT_ANSWER: tuple[BallotStatus, ...] = ("failed", "timed_out", "cancelled", "skipped")


def as_tally(ballots: Ballots) -> Tally:
    """Convert ballots in any supported form to a tally.

    Raises:
        UsageError: `ballots` is not a tally, ballots, or choices by voter.
    """
    if isinstance(ballots, Tally):
        return ballots
    if isinstance(ballots, Mapping):
        return Tally.of(
            Ballot(voter=voter, order=i, status="abstained" if choice is None else "cast", choice=choice)
            for i, (voter, choice) in enumerate(ballots.items())
        )
    if isinstance(ballots, Iterable) and not isinstance(ballots, str):
        listed = list(ballots)
        if all(isinstance(ballot, Ballot) for ballot in listed):
            return Tally.of(listed)
    raise UsageError(
        f"cannot read ballots from {type(ballots).__name__}; expected a Tally, Ballots, or choices by voter"
    )


@dataclass
class Group:
    """The ballots for one choice."""

    choice: JsonValue
    ballots: list[Ballot] = field(default_factory=list)
    weight: int | Fraction = 0

    def add(self, ballot: Ballot, weight: int | Fraction) -> None:
        """Add a ballot and its weight."""
        self.ballots.append(ballot)
        self.weight += weight

    def count(self) -> Count:
        """Return the group as a verdict shows it."""
        return Count(
            choice=self.choice,
            votes=len(self.ballots),
            weight=nearest_float(self.weight),
            voters=[ballot.voter for ballot in self.ballots],
        )


def is_usable(ballot: Ballot) -> bool:
    """Return whether a ballot counts: it is cast, and its choice is neither None nor NaN."""
    return ballot.cast and ballot.choice is not None and ballot.choice == ballot.choice


def is_number(ballot: Ballot) -> bool:
    """Return whether a ballot counts under a rule over numbers: its choice is one (see `records.numbers`)."""
    return is_usable(ballot) and exact(ballot.choice) is not None


def usable(tally: Tally) -> list[Ballot]:
    """Return the ballots that count, in the voters' order."""
    return [ballot for ballot in tally.in_order() if is_usable(ballot)]


def numeric(tally: Tally) -> list[Ballot]:
    """Return the ballots that count under a rule over numbers, in the voters' order."""
    return [ballot for ballot in tally.in_order() if is_number(ballot)]


def number_in(ballot: Ballot) -> Fraction:
    """Return the exact number in a ballot that passed `is_number`."""
    number = exact(ballot.choice)
    assert number is not None
    return number


def score(choice: JsonValue) -> Fraction | None:
    """Return the number in a choice, 1 for True and 0 for False; None if it is neither.

    >>> score(True), score(0.5), score("yes")
    (Fraction(1, 1), Fraction(1, 2), None)
    """
    return Fraction(choice) if isinstance(choice, bool) else exact(choice)


def list_items(ballot: Ballot) -> Sequence[JsonValue]:
    """Return the choice of a ballot whose choice is known to be a list."""
    assert isinstance(ballot.choice, list)
    return ballot.choice


# Means and sums of weights are exact fractions. Float sums depend on the order of the terms, so that a
# verdict would depend on the order of arrival; they also overflow, and lose the digits that break a tie.


def exact_median(numbers: Sequence[Fraction]) -> Fraction:
    """Return the median of sorted numbers."""
    return (numbers[(len(numbers) - 1) // 2] + numbers[len(numbers) // 2]) / 2


def exact_mean(numbers: Sequence[Fraction]) -> Fraction:
    """Return the mean."""
    return sum(numbers, Fraction(0)) / len(numbers)


def as_choice(number: Fraction, cast: Iterable[Ballot]) -> JsonValue:
    """Return a computed number as a choice: as the earliest voter said it, else an int or the nearest float.

    Args:
        number: computed from the ballots.
        cast: ballots that passed `is_number`, in the voters' order.
    """
    said = next((ballot.choice for ballot in cast if number_in(ballot) == number), None)
    return said if said is not None else as_number(number)


def as_number(number: Fraction) -> int | float:
    """Return a computed number as an int, or as the nearest float."""
    return int(number) if number.denominator == 1 else nearest_float(number)


def nearest_float(value: int | Fraction) -> float:
    """Return the nearest finite float."""
    try:
        return float(value)
    except OverflowError:
        return sys.float_info.max if value > 0 else -sys.float_info.max


def group_by_choice(
    cast: Sequence[Ballot], weight: Callable[[Ballot], Fraction] | None = None
) -> list[Group]:
    """Group ballots by choice, the heaviest group first; of equal groups the one seen earliest.

    Args:
        cast: ballots that count, in the voters' order.
        weight: of a ballot; None for 1 each.
    """
    groups: dict[str, Group] = {}
    for ballot in cast:
        key = canonical(ballot.choice)
        if (group := groups.get(key)) is None:
            group = groups[key] = Group(ballot.choice)
        group.add(ballot, weight(ballot) if weight else 1)
    return sorted(groups.values(), key=lambda group: -group.weight)


def build_verdict(
    rule: str,
    tally: Tally,
    cast: Sequence[Ballot],
    *,
    status: VerdictStatus,
    choice: JsonValue,
    groups: Sequence[Group],
    backers: Sequence[Ballot],
) -> Verdict:
    """Build a verdict, and compute the fields that do not depend on the rule.

    Args:
        rule: its name.
        tally: all ballots.
        cast: those that count under the rule.
        status: with `no_quorum`, `choice` and `backers` are dropped.
        choice: None for no choice.
        groups: all choices, in the order of `counts`.
        backers: ballots in support of `choice`.
    """
    if status == "no_quorum":
        choice, backers = None, []
    confidences = [ballot.confidence for ballot in backers if ballot.confidence is not None]
    unanswered = {kind: tally.count(kind) for kind in _WITHOUT_ANSWER}
    return Verdict(
        rule=rule,
        status=status,
        choice=choice,
        support=Support(k=len(backers), n=len(cast)),
        confidence=statistics.fmean(confidences) if confidences else None,
        margin=_margin(groups),
        agreement=_agreeing_pairs(cast),
        counts=[group.count() for group in groups],
        dissent=_dissent(cast, {ballot.voter for ballot in backers}),
        asked=len(tally),
        cast=len(cast),
        # Includes ballots that are cast, but whose choice the rule cannot use.
        abstained=len(tally) - len(cast) - sum(unanswered.values()),
        failed=unanswered["failed"],
        timed_out=unanswered["timed_out"],
        cancelled=unanswered["cancelled"],
        skipped=unanswered["skipped"],
    )


def _margin(groups: Sequence[Group]) -> float:
    """Return the lead over the runner-up, as a share of the total weight."""
    weights = [*sorted((group.weight for group in groups), reverse=True), 0]
    total = Fraction(sum(weights))
    return float((weights[0] - weights[1]) / total) if total else 0.0


def _agreeing_pairs(cast: Sequence[Ballot]) -> float | None:
    """Return the share of pairs of ballots with equal choices; None for fewer than two ballots."""
    pairs = len(cast) * (len(cast) - 1)
    per_choice = Counter(canonical(ballot.choice) for ballot in cast).values()
    return sum(n * (n - 1) for n in per_choice) / pairs if pairs else None


def _dissent(cast: Sequence[Ballot], backers: Iterable[str]) -> list[Dissent]:
    return [
        Dissent(voter=ballot.voter, choice=ballot.choice, rationale=ballot.rationale)
        for ballot in cast
        if ballot.voter not in backers
    ]


def override_verdict(counted: Verdict, tally: Tally, choice: JsonValue, **changes: object) -> Verdict:
    """Replace the choice of a verdict by that of a judge, a fallback or a person, on the same ballots.

    Args:
        counted: the verdict of the rule.
        tally: the ballots.
        choice: None leaves the vote undecided: `no_quorum` if `counted` is, else `below_threshold`.
        changes: further fields of the verdict.
    """
    # The items of a list are choices of their own under `union` and `approval`.
    items = choice if isinstance(choice, list) else []
    keys = set() if choice is None else {canonical(choice), *map(canonical, items)}
    backers = {voter for count in counted.counts if canonical(count.choice) in keys for voter in count.voters}
    undecided: VerdictStatus = "no_quorum" if counted.status == "no_quorum" else "below_threshold"
    return counted.model_copy(
        update={
            "status": undecided if choice is None else "decided",
            "choice": choice,
            "support": Support(k=len(backers), n=counted.support.n),
            "confidence": None,
            "margin": 0.0,
            "interval": None,
            "standard_error": None,
            "parts": {},
            "dissent": _dissent(usable(tally), backers),
            **changes,
        }
    )
