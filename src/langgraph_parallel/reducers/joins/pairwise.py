"""Points of drafts from pairwise comparisons."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import permutations
from typing import Literal, NamedTuple

Better = Literal[1, 2] | None
"""The better of two drafts, by position; None for a draw."""


class Comparison(NamedTuple):
    """One comparison of two drafts."""

    first: str
    """Name of the draft shown first."""
    second: str
    """Name of the draft shown second."""
    better: Better


def pairings(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return all pairs in both orders, so that a bias for one position cancels out.

    >>> pairings(["a", "b"])
    [('a', 'b'), ('b', 'a')]
    """
    return list(permutations(names, 2))


def points(names: Sequence[str], comparisons: Iterable[Comparison]) -> dict[str, tuple[Fraction, int]]:
    """Return the share of comparisons that each draft won, and their number; a draw counts half.

    The share is 0 without comparisons. The order of the comparisons does not matter.
    """
    wins = {name: Fraction(0) for name in names}
    compared = dict.fromkeys(names, 0)
    for comparison in comparisons:
        for name, position in ((comparison.first, 1), (comparison.second, 2)):
            compared[name] += 1
            wins[name] += (
                Fraction(1, 2) if comparison.better is None else Fraction(comparison.better == position)
            )
    return {
        name: (wins[name] / compared[name] if compared[name] else Fraction(0), compared[name])
        for name in names
    }
