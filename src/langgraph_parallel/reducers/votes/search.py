"""A search for the first number that meets a condition. Pure."""

from bisect import bisect_left
from collections.abc import Callable


def first_number(meets: Callable[[int], bool], limit: int) -> int:
    """Return the first number from 1 on that meets a condition; the limit if none below it does.

    As the answer is small in most cases, larger and larger steps bound it before it is searched.

    Args:
        meets: the condition; true for all numbers after the first for which it is.
        limit: the largest answer.

    >>> [first_number(lambda number: number >= least, 10) for least in (-3, 4, 99)]
    [1, 4, 10]
    """
    if limit < 1:
        return limit
    low, high = 0, 1
    while high < limit and not meets(high):
        low, high = high, 2 * high
    numbers = range(low + 1, min(high, limit))
    return low + 1 + bisect_left(numbers, True, key=meets)
