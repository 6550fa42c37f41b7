"""Algebraic laws of reducers. A test calls a law with a reducer and values."""

from collections.abc import Callable
from copy import deepcopy
from typing import TypeVar

T = TypeVar("T")
Reducer = Callable[[T, T], T]


def zero_is_identity(reduce: Reducer[T], zero: T, value: T) -> None:
    """Identity: joining with the zero, on either side, changes nothing."""
    assert reduce(zero, value) == value
    assert reduce(value, zero) == value


def grouping_is_irrelevant(reduce: Reducer[T], first: T, second: T, third: T) -> None:
    """Associativity: joins may be grouped in any way."""
    assert reduce(reduce(first, second), third) == reduce(first, reduce(second, third))


def order_is_irrelevant(reduce: Reducer[T], first: T, second: T) -> None:
    """Commutativity: the arguments may come in any order."""
    assert reduce(first, second) == reduce(second, first)


def again_is_irrelevant(reduce: Reducer[T], first: T, second: T) -> None:
    """Idempotence: joining a value again, at once or later, changes nothing."""
    joined = reduce(first, second)
    assert reduce(joined, second) == joined
    assert reduce(joined, first) == joined
    assert reduce(joined, joined) == joined


def arguments_stay_as_they_are(reduce: Reducer[T], first: T, second: T) -> None:
    """Purity: a join does not change its arguments, and repeating it gives the same result."""
    before = deepcopy((first, second))
    joined = reduce(first, second)
    assert (first, second) == before
    assert reduce(first, second) == joined
