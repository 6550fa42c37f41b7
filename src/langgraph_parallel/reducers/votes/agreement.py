"""How far voters agree over many questions, beyond what chance brings; and whether they agree too well."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Literal

from pydantic import JsonValue, NonNegativeInt

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Tally
from langgraph_parallel.records.base import Record
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import Ballots, as_tally, is_number, number_in, usable

Level = Literal["nominal", "ordinal", "interval"]
"""What may be compared about two answers: whether they are the same, which is more, or by how much."""

_WORDS = 20
"""Characters from which an equal rationale is no accident."""
_MANY = 10
"""Questions from which perfect agreement says something."""


class Agreement(Record):
    """Agreement over a batch of questions. 1: always, 0: as by chance, below: less than that."""

    questions: NonNegativeInt
    """Those with at least two ballots that count."""
    ballots: NonNegativeInt
    observed: float | None
    """Share of all pairs of ballots on a question that agree, the mean of all questions."""
    fleiss_kappa: float | None
    """None where it is not defined: nobody to compare, one answer only, or ballots that differ in number."""
    krippendorff_alpha: float | None
    """None where it is not defined: nobody to compare, or one answer only."""
    level: Level
    warnings: list[str] = []


def agreement(tallies: Iterable[Ballots], *, level: Level = "nominal") -> Agreement:
    """Measure how far voters agree over a batch.

    Args:
        tallies: the ballots on each question. Only those that count are compared.
        level: of measurement, for Krippendorff's alpha; ordinal and interval ones compare numbers only.

    Raises:
        UsageError: the level is none of the three.
    """
    if level not in ("nominal", "ordinal", "interval"):
        raise UsageError(f"level is {level!r}; choose nominal, ordinal or interval")
    held = [as_tally(tally) for tally in tallies]
    counted = [_counted(tally, level) for tally in held]
    compared = [ballots for ballots in counted if len(ballots) > 1]
    units = [[canonical(ballot.choice) for ballot in ballots] for ballots in compared]
    shares = [_pairs_alike(unit) for unit in units]
    return Agreement(
        questions=len(compared),
        ballots=sum(map(len, compared)),
        observed=float(sum(shares) / len(shares)) if shares else None,
        fleiss_kappa=fleiss_kappa(units),
        krippendorff_alpha=krippendorff_alpha(
            [[_value(ballot, level) for ballot in ballots] for ballots in compared], level
        ),
        level=level,
        warnings=too_perfect(held),
    )


def fleiss_kappa(units: Sequence[Sequence[str]]) -> float | None:
    """Fleiss' kappa of answers by question, each answered equally often (Psychological Bulletin 76, 1971).

    None of less than two answers a question, of different numbers of them, or if all are one and the same.
    """
    sizes = {len(unit) for unit in units}
    if len(sizes) != 1 or min(sizes) < 2:
        return None
    observed = sum(map(_pairs_alike, units), Fraction(0)) / len(units)
    totals = Counter(answer for unit in units for answer in unit)
    given = sum(totals.values())
    chance = sum((Fraction(total, given) ** 2 for total in totals.values()), Fraction(0))
    return None if chance == 1 else float((observed - chance) / (1 - chance))


def krippendorff_alpha(units: Sequence[Sequence[JsonValue]], level: Level = "nominal") -> float | None:
    """Krippendorff's alpha of answers by question, of which some may be missing.

    1 - observed / expected disagreement, by the coincidences of values within questions (Krippendorff,
    Computing Krippendorff's Alpha-Reliability, 2011). Numbers for ordinal and interval data; JSON values for
    nominal ones. None if there is no pair to compare, or all answers are one and the same.
    """
    exact: dict[tuple[str, str], Fraction] = {}
    values: dict[str, JsonValue] = {}
    for unit in units:
        counts = Counter(map(canonical, unit))
        values |= {canonical(value): value for value in unit}
        if len(unit) < 2:
            continue
        for one, other in ((a, b) for a in counts for b in counts):
            pairs = counts[one] * (counts[other] - (one == other))
            exact[one, other] = exact.get((one, other), Fraction(0)) + Fraction(pairs, len(unit) - 1)
    totals: dict[str, Fraction] = {}
    for (one, _), share in exact.items():
        totals[one] = totals.get(one, Fraction(0)) + share
    given = sum(totals.values(), Fraction(0))
    distance = _distances(totals, values, level)
    observed = sum((share * distance[pair] for pair, share in exact.items()), Fraction(0))
    expected = sum((totals[a] * totals[b] * distance[a, b] for a in totals for b in totals), Fraction(0))
    return None if not expected else float(1 - (given - 1) * observed / expected)


def too_perfect(tallies: Sequence[Tally]) -> list[str]:
    """What speaks against voters being independent: word for word equal reasons, or never a difference.

    Voters that are asked the same at temperature 0, or whose answers come from one cache, are one voter.
    """
    same: Counter[tuple[str, str]] = Counter()
    together: Counter[tuple[str, str]] = Counter()
    apart: Counter[tuple[str, str]] = Counter()
    for tally in tallies:
        for one, other in combinations(usable(tally), 2):
            pair = (one.voter, other.voter)
            together[pair] += 1
            apart[pair] += canonical(one.choice) != canonical(other.choice)
            same[pair] += len(one.rationale) >= _WORDS and one.rationale == other.rationale
    warnings = []
    if copies := sorted(pair for pair in same if same[pair]):
        warnings.append(
            f"{_voters(copies)} gave the same reasons word for word: they may be one answer counted several "
            "times, by the same prompt at temperature 0 or by a cache"
        )
    never = sorted(pair for pair in together if together[pair] >= _MANY and not apart[pair])
    if never and (any(apart.values()) or len(together) == len(never)):
        warnings.append(
            f"{_voters(never)} have never differed in {max(together[pair] for pair in never)} questions: "
            "they may not be independent of each other"
        )
    return warnings


def _voters(pairs: Sequence[tuple[str, str]]) -> str:
    names = sorted({voter for pair in pairs for voter in pair})
    return f"voters {', '.join(names[:10])}{' and others' if len(names) > 10 else ''}"


def _counted(tally: Tally, level: Level) -> list[Ballot]:
    return [ballot for ballot in usable(tally) if level == "nominal" or is_number(ballot)]


def _value(ballot: Ballot, level: Level) -> JsonValue:
    return ballot.choice if level == "nominal" else number_in(ballot)


def _pairs_alike(unit: Sequence[str]) -> Fraction:
    """The share of pairs that are the same."""
    return Fraction(sum(n * (n - 1) for n in Counter(unit).values()), len(unit) * (len(unit) - 1))


def _distances(
    totals: Mapping[str, Fraction], values: Mapping[str, JsonValue], level: Level
) -> dict[tuple[str, str], Fraction]:
    """The squared difference of every two values, by the level of measurement."""
    if level == "nominal":
        return {(a, b): Fraction(a != b) for a in totals for b in totals}
    numbers = {key: Fraction(value) for key, value in values.items() if isinstance(value, int | float)}
    if level == "interval":
        return {(a, b): (numbers[a] - numbers[b]) ** 2 for a in totals for b in totals}
    ranks, below = {}, Fraction(0)
    for key in sorted(totals, key=numbers.__getitem__):
        ranks[key] = below + totals[key] / 2  # the difference of two: what lies between, half of the ends
        below += totals[key]
    return {(a, b): (ranks[a] - ranks[b]) ** 2 for a in totals for b in totals}
