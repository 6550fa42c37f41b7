"""What rules have in common: which ballots count, how choices are grouped, how a verdict is filled in."""

import math
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from pydantic import JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Count, Dissent, Support, Tally, Verdict, VerdictStatus
from langgraph_parallel.reducers.canonical import canonical

Ballots = Tally | Sequence[Ballot] | Mapping[str, JsonValue]
"""The ballots on one question: a tally, ballots, or choices by voter, where None abstains."""


def as_tally(ballots: Ballots) -> Tally:
    """A tally of ballots in any of their forms.

    Raises:
        UsageError: it is none of them.
    """
    if isinstance(ballots, Tally):
        return ballots
    if isinstance(ballots, Mapping):
        return Tally.of(
            Ballot(voter=voter, order=i, status="abstained" if choice is None else "cast", choice=choice)
            for i, (voter, choice) in enumerate(ballots.items())
        )
    if isinstance(ballots, Iterable) and not isinstance(ballots, str):
        held = list(ballots)
        if all(isinstance(ballot, Ballot) for ballot in held):
            return Tally.of(held)
    raise UsageError(f"{type(ballots).__name__} holds no ballots; pass a Tally, Ballots, or choices by voter")


@dataclass
class Group:
    """The ballots for one choice."""

    choice: JsonValue
    ballots: list[Ballot] = field(default_factory=list)
    weight: int | Fraction = 0

    def add(self, ballot: Ballot, weight: int | Fraction) -> None:
        """Take a ballot in."""
        self.ballots.append(ballot)
        self.weight += weight

    def count(self) -> Count:
        """The group as a verdict shows it."""
        return Count(
            choice=self.choice,
            votes=len(self.ballots),
            weight=_float(self.weight),
            voters=[ballot.voter for ballot in self.ballots],
        )


def is_usable(ballot: Ballot) -> bool:
    """Whether a ballot counts: it is cast, and holds a choice."""
    return ballot.cast and ballot.choice is not None and ballot.choice == ballot.choice


def is_number(ballot: Ballot) -> bool:
    """Whether a ballot counts where only finite numbers do."""
    number = ballot.choice
    if not is_usable(ballot) or isinstance(number, bool):
        return False
    return isinstance(number, int) or (isinstance(number, float) and math.isfinite(number))


def usable(tally: Tally) -> list[Ballot]:
    """Ballots that count, in the voters' order."""
    return [ballot for ballot in tally.in_order() if is_usable(ballot)]


def numeric(tally: Tally) -> list[Ballot]:
    """Ballots that count where only finite numbers do, in the voters' order."""
    return [ballot for ballot in tally.in_order() if is_number(ballot)]


def number_in(ballot: Ballot) -> float:
    """The number that a ballot holds, once `numeric` has let it through."""
    assert isinstance(ballot.choice, int | float)
    return ballot.choice


def exact_median(numbers: Sequence[float]) -> float:
    """The median of sorted numbers, exact: no sum of two of them overflows or loses a digit."""
    low, high = numbers[(len(numbers) - 1) // 2], numbers[len(numbers) // 2]
    return low if low == high else exact_mean([low, high])


def exact_mean(numbers: Sequence[float]) -> float:
    """The mean, added exactly; an integer where it is one."""
    mean = sum(map(Fraction, numbers)) / Fraction(len(numbers))
    return int(mean) if mean.denominator == 1 else _float(mean)


def _alike(cast: Sequence[Ballot]) -> Iterable[int]:
    """How many ballots hold the very same, for each choice."""
    return Counter(canonical(ballot.choice) for ballot in cast).values()


def _float(value: int | Fraction) -> float:
    """The nearest float; a value beyond the largest one is the largest one."""
    try:
        return float(value)
    except OverflowError:
        return sys.float_info.max if value > 0 else -sys.float_info.max


def list_items(ballot: Ballot) -> Sequence[JsonValue]:
    """The list that a ballot holds, once `union` has let it through."""
    assert isinstance(ballot.choice, list)
    return ballot.choice


def group_by_choice(
    cast: Sequence[Ballot], weight: Callable[[Ballot], Fraction] | None = None
) -> list[Group]:
    """Group by choice: the heaviest first, and of equals the one seen earliest; one vote each by default."""
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
    """Fill in a verdict: all that does not depend on the rule."""
    if status == "no_quorum":
        choice, backers = None, []
    for_it = {ballot.voter for ballot in backers}
    stated = [ballot.confidence for ballot in backers if ballot.confidence is not None]
    weights = [*sorted((group.weight for group in groups), reverse=True), 0]
    total = Fraction(sum(weights))
    pairs = len(cast) * (len(cast) - 1)
    return Verdict(
        rule=rule,
        status=status,
        choice=choice,
        support=Support(k=len(backers), n=len(cast)),
        confidence=statistics.fmean(stated) if stated else None,
        margin=float((weights[0] - weights[1]) / total) if total else 0.0,
        agreement=sum(n * (n - 1) for n in _alike(cast)) / pairs if pairs else None,
        counts=[group.count() for group in groups],
        dissent=[
            Dissent(voter=b.voter, choice=b.choice, rationale=b.rationale)
            for b in cast
            if b.voter not in for_it
        ],
        asked=len(tally),
        cast=len(cast),
        abstained=len(tally)
        - len(cast)
        - sum(tally.count(s) for s in ("failed", "timed_out", "cancelled", "skipped")),
        failed=tally.count("failed"),
        timed_out=tally.count("timed_out"),
        cancelled=tally.count("cancelled"),
        skipped=tally.count("skipped"),
    )


def overruled(counted: Verdict, tally: Tally, choice: JsonValue, **changes: object) -> Verdict:
    """A verdict whose choice is made by somebody else than its rule, on the same ballots.

    Args:
        counted: what the rule made of them.
        tally: the ballots.
        choice: None leaves the vote undecided: `below_threshold`, unless there was no quorum.
        changes: further fields.
    """
    key = None if choice is None else canonical(choice)
    cast = usable(tally)
    keys = {key, *(map(canonical, choice) if isinstance(choice, list) else ())}
    behind = {voter for count in counted.counts if canonical(count.choice) in keys for voter in count.voters}
    lacking: VerdictStatus = "no_quorum" if counted.status == "no_quorum" else "below_threshold"
    return counted.model_copy(
        update={
            "status": lacking if key is None else "decided",
            "choice": choice,
            "support": Support(k=len(behind), n=counted.support.n),
            "confidence": None,
            "margin": 0.0,
            "interval": None,
            "dissent": [
                Dissent(voter=ballot.voter, choice=ballot.choice, rationale=ballot.rationale)
                for ballot in cast
                if ballot.voter not in behind
            ],
            **changes,
        }
    )
