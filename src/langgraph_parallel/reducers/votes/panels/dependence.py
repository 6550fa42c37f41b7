"""How dependent voters err: effective votes, and the pairs that err alike."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from langgraph_parallel.records.appraisal import AlikePair, EffectiveVotes
from langgraph_parallel.records.verdict import Interval
from langgraph_parallel.reducers.votes.panels.answers import NONE, RIGHT, Answers
from langgraph_parallel.reducers.votes.panels.promise import LEVEL, Z

_SHOWN_PAIRS = 3


def effective_votes(answers: Answers, seats: Sequence[int]) -> EffectiveVotes:
    """Return the number of independent voters whose number of right answers varies as much as the panel's.

    n times the sum of the voters' variances, over the variance of their sum: Kish's design effect (Survey
    Sampling, 1965), n / (1 + (n - 1) r) for voters of one accuracy whose errors correlate by r. Copies of one
    voter are worth 1, independent voters n. Voters that never differ are worth 1; errors that exclude each
    other count as independent. Interval: the jackknife over questions.

    Args:
        answers: of all voters.
        seats: the panel, at least one voter.
    """
    hits = [[row[seat] == RIGHT for seat in seats] for row in answers.rows]
    totals, sums = [sum(column) for column in zip(*hits, strict=True)], [sum(row) for row in hits]
    moments = sum(sums), sum(total * total for total in sums)
    number = len(hits)
    worth = _design(totals, moments, number)
    left_out = [
        _design(
            [total - hit for total, hit in zip(totals, row, strict=True)],
            (moments[0] - total, moments[1] - total * total),
            number - 1,
        )
        for row, total in zip(hits, sums, strict=True)
    ]
    mean = sum(left_out) / number
    error = math.sqrt((number - 1) / number * sum((value - mean) ** 2 for value in left_out))
    return EffectiveVotes(
        voters=len(seats),
        worth=worth,
        interval=Interval(
            low=max(1.0, worth - Z * error), high=min(float(len(seats)), worth + Z * error), level=LEVEL
        ),
        same_mistake=same_mistake(answers, seats),
    )


def _design(totals: Sequence[int], moments: tuple[int, int], questions: int) -> float:
    """Return n times the sum of variances over the variance of the sum, from 1 to n.

    Args:
        totals: right answers by voter.
        moments: sums, over questions, of the right answers to one, and of their squares.
        questions: their number.
    """
    apart = sum(total * (questions - total) for total in totals)
    together = questions * moments[1] - moments[0] ** 2
    if not apart:
        return 1.0
    return min(float(len(totals)), len(totals) * apart / together) if together else float(len(totals))


def same_mistake(answers: Answers, seats: Sequence[int]) -> float | None:
    """Return the share of pairs of wrong answers to a question that are equal; None without such a pair."""
    same = pairs = 0
    for row in answers.rows:
        wrong = [row[seat] for seat in seats if row[seat] not in (NONE, RIGHT)]
        pairs += len(wrong) * (len(wrong) - 1)
        same += sum(count * (count - 1) for count in Counter(wrong).values())
    return same / pairs if pairs else None


def alike_pairs(answers: Answers, seats: Sequence[int]) -> list[AlikePair]:
    """Return the pairs of voters whose errors correlate most (phi), the most alike first; at most three."""
    misses = {seat: _bits(answers, seat) for seat in seats}
    pairs = [
        AlikePair(
            first=answers.voters[first],
            second=answers.voters[second],
            correlation=_phi(misses[first], misses[second], len(answers.rows)),
        )
        for first, second in combinations(seats, 2)
    ]
    return sorted(pairs, key=lambda pair: -pair.correlation)[:_SHOWN_PAIRS]


def _bits(answers: Answers, seat: int) -> int:
    """Return a voter's misses as the bits of a number, so that pairs are counted at once."""
    return sum(1 << i for i, row in enumerate(answers.rows) if row[seat] != RIGHT)


def _phi(first: int, second: int, questions: int) -> float:
    """Return the correlation of two sets of misses; 0 if one voter never or always misses."""
    a, b = first.bit_count(), second.bit_count()
    spread = math.sqrt(a * (questions - a) * b * (questions - b))
    return (questions * (first & second).bit_count() - a * b) / spread if spread else 0.0
