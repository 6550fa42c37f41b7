"""Tests of paired scores, for one look at a number of items that was fixed beforehand."""

import math
import random
from collections.abc import Mapping, Sequence
from itertools import compress, product

_FLIPS = 9_999
_FEW = 12
"""Differences of which every combination of signs is looked at: 4,096."""
_BITS = bytes.maketrans(b"01", b"\0\1")


def mcnemar(gained: int, lost: int) -> float:
    """Return the two-sided p-value of McNemar's test, exact, with the mid-p correction.

    Of the items on which two variants differ, each was equally likely to be gained or lost (McNemar 1947,
    Psychometrika 12; Fagerland, Lydersen and Laake 2013, BMC Medical Research Methodology 13:91).

    >>> round(mcnemar(12, 4), 4), mcnemar(3, 3), mcnemar(0, 0)
    (0.049, 1.0, 1.0)
    """
    number, less = gained + lost, min(gained, lost)
    if gained == lost:
        return 1.0
    ways, below = 1, 0
    for place in range(less):
        below += ways
        ways = ways * (number - place) // (place + 1)
    return float((2 * below + ways) / 2**number)


def permutation(differences: Sequence[float]) -> float:
    """Return the two-sided p-value of the sign-flip test of paired differences.

    If two variants are alike, each difference was as likely to have the other sign (Fisher 1935, The Design
    of Experiments, 21). Of few differences all combinations are counted, of more 9,999 random ones, with the
    observed one among them, so that the p-value is never too small (Phipson and Smyth 2010, Permutation
    p-values should never be zero, arXiv 1603.05766).

    >>> permutation([1, 1, 1, 1, 1, 0])
    0.0625
    """
    given = [difference for difference in differences if difference]
    seen = abs(math.fsum(given)) * (1 - 1e-9)
    if not given:
        return 1.0
    if len(given) <= _FEW:
        sums = [abs(sum(map(float.__mul__, signs, map(float, given)))) for signs in _signs(len(given))]
        return sum(one >= seen for one in sums) / len(sums)
    dice, number, total = random.Random(len(given)), len(given), math.fsum(given)  # noqa: S311 - no secret
    as_far = 0
    for _ in range(_FLIPS):
        bits = f"{dice.getrandbits(number):0{number}b}".encode().translate(_BITS)
        as_far += abs(2 * sum(compress(given, bits)) - total) >= seen
    return (as_far + 1) / (_FLIPS + 1)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values of several tests, adjusted so that one in `1 / alpha` families has any false alarm.

    Holm 1979, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6.
    It holds for tests that depend on each other in any way.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    adjusted: dict[str, float] = {}
    least = 0.0
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[name]))
        adjusted[name] = least
    return {name: adjusted[name] for name in p_values}


def _signs(number: int) -> list[tuple[float, ...]]:
    return list(product((1.0, -1.0), repeat=number))
