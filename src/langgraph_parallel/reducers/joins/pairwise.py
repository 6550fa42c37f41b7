"""Contests between drafts: points from comparisons, in both orders. Pure."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import permutations
from typing import Literal, NamedTuple

Better = Literal[1, 2] | None
"""The first, the second, or neither of two."""


class Comparison(NamedTuple):
    """One reading of two drafts: which was shown first, which second, and which is better."""

    first: str
    second: str
    better: Better


def pairings(names: Sequence[str]) -> list[tuple[str, str]]:
    """Everybody against everybody, each pair in both orders: a place that is favoured favours each once.

    >>> pairings(["a", "b"])
    [('a', 'b'), ('b', 'a')]
    """
    return list(permutations(names, 2))


def points(names: Sequence[str], read: Iterable[Comparison]) -> dict[str, tuple[Fraction, int]]:
    """The share of comparisons that each draft wins, and how many it was in; a draw is half a win.

    Of one that was in none the share is 0. Does not depend on the order of the comparisons.
    """
    won = {name: Fraction(0) for name in names}
    met = dict.fromkeys(names, 0)
    for one in read:
        for name, mine in ((one.first, 1), (one.second, 2)):
            met[name] += 1
            won[name] += Fraction(1, 2) if one.better is None else Fraction(one.better == mine)
    return {name: (won[name] / met[name] if met[name] else Fraction(0), met[name]) for name in names}
