"""The laws of reducers, each stated once. A test calls a law with a reducer and values to try it on."""

from collections.abc import Callable
from copy import deepcopy
from typing import TypeVar

T = TypeVar("T")
Reducer = Callable[[T, T], T]


def zero_is_identity(reduce: Reducer[T], zero: T, value: T) -> None:
    """Joining with the zero, on either side, changes nothing."""
    assert reduce(zero, value) == value
    assert reduce(value, zero) == value


def grouping_is_irrelevant(reduce: Reducer[T], one: T, other: T, third: T) -> None:
    """Associativity: joins may be made in any grouping."""
    assert reduce(reduce(one, other), third) == reduce(one, reduce(other, third))


def order_is_irrelevant(reduce: Reducer[T], one: T, other: T) -> None:
    """Commutativity: joins may be made in any order."""
    assert reduce(one, other) == reduce(other, one)


def again_is_irrelevant(reduce: Reducer[T], one: T, other: T) -> None:
    """Idempotence: what was joined once may be joined again, at once or later."""
    joined = reduce(one, other)
    assert reduce(joined, other) == joined
    assert reduce(joined, one) == joined
    assert reduce(joined, joined) == joined


def arguments_stay_as_they_are(reduce: Reducer[T], one: T, other: T) -> None:
    """Purity: a join changes neither of its arguments, and gives the same for the same again."""
    before = deepcopy((one, other))
    first = reduce(one, other)
    assert (one, other) == before
    assert reduce(one, other) == first
