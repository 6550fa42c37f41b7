"""Agreement beyond chance over many questions, and warnings about voters that are not independent."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, product
from typing import Literal

from pydantic import JsonValue, NonNegativeInt

from langgraph_parallel.arguments import checked
from langgraph_parallel.counted import count
from langgraph_parallel.records import Ballot, Tally
from langgraph_parallel.records.base import Record
from langgraph_parallel.records.numbers import exact
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import Ballots, as_tally, is_number, usable

Level = Literal["nominal", "ordinal", "interval"]
"""How answers compare: by equality, by order, or by difference."""
VoterPair = tuple[str, str]

_MIN_RATIONALE = 20
"""Characters from which an equal rationale is not a coincidence."""
_MIN_QUESTIONS = 10
"""Questions from which perfect agreement is not a coincidence."""


class Agreement(Record):
    """Agreement over a batch of questions. 1 is perfect, 0 is chance, negative is below chance."""

    questions: NonNegativeInt
    """Questions with at least two ballots that count."""
    ballots: NonNegativeInt
    observed: float | None
    """Share of pairs of ballots on a question that agree, averaged over all questions."""
    fleiss_kappa: float | None
    """None if undefined: nothing to compare, only one distinct answer, or unequal numbers of ballots."""
    krippendorff_alpha: float | None
    """None if undefined: nothing to compare, or only one distinct answer."""
    level: Level
    warnings: list[str] = []


@checked
def agreement(tallies: Iterable[Ballots], *, level: Level = "nominal") -> Agreement:
    """Measure agreement between voters over a batch of questions.

    Args:
        tallies: the ballots on each question; only those that count are compared.
        level: of measurement, for Krippendorff's alpha; "ordinal" and "interval" compare numbers only.

    Raises:
        UsageError: `level` is not one of the three.
    """
    batch = [as_tally(tally) for tally in tallies]
    answers = [_answers(tally, level) for tally in batch]
    compared = [values for values in answers if len(values) > 1]
    units = [list(map(canonical, values)) for values in compared]
    shares = [_share_of_equal_pairs(unit) for unit in units]
    return Agreement(
        questions=len(compared),
        ballots=sum(map(len, compared)),
        observed=float(sum(shares) / len(shares)) if shares else None,
        fleiss_kappa=fleiss_kappa(units),
        krippendorff_alpha=krippendorff_alpha(compared, level),
        level=level,
        warnings=too_perfect(batch),
    )


def fleiss_kappa(units: Sequence[Sequence[str]]) -> float | None:
    """Return Fleiss' kappa of answers by question (Psychological Bulletin 76, 1971).

    None if a question has fewer than two answers, if questions differ in the number of answers, or if all
    answers are equal.
    """
    sizes = {len(unit) for unit in units}
    if len(sizes) != 1 or min(sizes) < 2:
        return None
    observed = sum(map(_share_of_equal_pairs, units), Fraction(0)) / len(units)
    totals = Counter(answer for unit in units for answer in unit)
    answers = sum(totals.values())
    chance = sum((Fraction(total, answers) ** 2 for total in totals.values()), Fraction(0))
    return None if chance == 1 else float((observed - chance) / (1 - chance))


def krippendorff_alpha(units: Sequence[Sequence[JsonValue]], level: Level = "nominal") -> float | None:
    """Return Krippendorff's alpha of answers by question, of which some may be missing.

    1 - observed / expected disagreement, from the coincidences of values within questions (Krippendorff,
    Computing Krippendorff's Alpha-Reliability, 2011). Ordinal and interval data are numbers; nominal data
    are JSON values. None if there is no pair to compare, or all answers are equal.
    """
    coincidences = _coincidences(units)
    totals: dict[str, Fraction] = {}
    for (key, _), share in coincidences.items():
        totals[key] = totals.get(key, Fraction(0)) + share
    pairable = sum(totals.values(), Fraction(0))
    values = {canonical(value): value for unit in units for value in unit}
    distances = _squared_distances(totals, values, level)
    observed = sum((share * distances[pair] for pair, share in coincidences.items()), Fraction(0))
    expected = sum((totals[a] * totals[b] * distance for (a, b), distance in distances.items()), Fraction(0))
    return None if not expected else float(1 - (pairable - 1) * observed / expected)


def _coincidences(units: Sequence[Sequence[JsonValue]]) -> dict[tuple[str, str], Fraction]:
    """Return the coincidence matrix: pairs of values within a question, weighted by 1 / (answers - 1)."""
    matrix: dict[tuple[str, str], Fraction] = {}
    for unit in units:
        if len(unit) < 2:
            continue
        counts = Counter(map(canonical, unit))
        for a, b in product(counts, repeat=2):
            pairs = counts[a] * (counts[b] - (a == b))
            matrix[a, b] = matrix.get((a, b), Fraction(0)) + Fraction(pairs, len(unit) - 1)
    return matrix


def _squared_distances(
    totals: Mapping[str, Fraction], values: Mapping[str, JsonValue], level: Level
) -> dict[tuple[str, str], Fraction]:
    """Return the squared difference of every two values at a level of measurement."""
    pairs = product(totals, repeat=2)
    if level == "nominal":
        return {(a, b): Fraction(a != b) for a, b in pairs}
    numbers = {key: number for key, value in values.items() if (number := exact(value)) is not None}
    places = numbers if level == "interval" else _mid_ranks(totals, numbers)
    return {(a, b): (places[a] - places[b]) ** 2 for a, b in pairs}


def _mid_ranks(totals: Mapping[str, Fraction], numbers: Mapping[str, Fraction]) -> dict[str, Fraction]:
    # The ordinal distance of two values is the number of answers between them, plus half of those at each
    # end: the difference of their mid-ranks.
    ranks, below = {}, Fraction(0)
    for key in sorted(totals, key=numbers.__getitem__):
        ranks[key] = below + totals[key] / 2
        below += totals[key]
    return ranks


def too_perfect(tallies: Sequence[Tally]) -> list[str]:
    """Return warnings about voters that may not be independent: identical rationales, or no disagreement.

    Voters with the same prompt at temperature 0, or with answers from one cache, are one voter.
    """
    questions = [usable(tally) for tally in tallies]
    compared: Counter[VoterPair] = Counter()
    differences: Counter[VoterPair] = Counter()
    # Fewer questions tell nothing, and there are very many pairs of many voters.
    for ballots in questions if len(questions) >= _MIN_QUESTIONS else []:
        choices = [(ballot.voter, canonical(ballot.choice)) for ballot in ballots]
        for (first, said), (second, said_too) in combinations(choices, 2):
            compared[first, second] += 1
            differences[first, second] += said != said_too
    warnings = []
    if copies := {voter for ballots in questions for voter in _with_same_rationale(ballots)}:
        warnings.append(
            f"{_name_voters(copies)} gave the same reasons word for word: they may be one answer counted "
            "several times, by the same prompt at temperature 0 or by a cache"
        )
    if inseparable := _never_differing_pairs(compared, differences):
        warnings.append(
            f"{_name_voters({voter for pair in inseparable for voter in pair})} have never differed in "
            f"{count(max(compared[pair] for pair in inseparable), 'question')}: they may not be independent"
        )
    return warnings


def _with_same_rationale(ballots: Iterable[Ballot]) -> Iterator[str]:
    """Yield the voters that share a rationale, which is too long for a coincidence."""
    voters: dict[str, list[str]] = {}
    for ballot in ballots:
        if len(ballot.rationale) >= _MIN_RATIONALE:
            voters.setdefault(ballot.rationale, []).append(ballot.voter)
    return (voter for same in voters.values() if len(same) > 1 for voter in same)


def _never_differing_pairs(compared: Counter[VoterPair], differences: Counter[VoterPair]) -> list[VoterPair]:
    pairs = sorted(
        pair for pair, times in compared.items() if times >= _MIN_QUESTIONS and not differences[pair]
    )
    # If no pair differs, and some met too few times to tell, the questions may just be easy.
    return pairs if any(differences.values()) or len(pairs) == len(compared) else []


def _name_voters(voters: Iterable[str]) -> str:
    names = sorted(voters)
    return f"voters {', '.join(names[:10])}{' and others' if len(names) > 10 else ''}"


def _answers(tally: Tally, level: Level) -> list[JsonValue]:
    """Return the choices of the ballots that can be compared at a level of measurement."""
    return [ballot.choice for ballot in usable(tally) if level == "nominal" or is_number(ballot)]


def _share_of_equal_pairs(unit: Sequence[str]) -> Fraction:
    return Fraction(sum(n * (n - 1) for n in Counter(unit).values()), len(unit) * (len(unit) - 1))
