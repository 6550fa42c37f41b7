"""Items: what all variants are asked, and what is expected of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.mapping.problem import list_names
from langgraph_parallel.scale.sources.base import Source
from langgraph_parallel.scale.sources.choose import as_source

EXPECTED = "expected"
"""Column of what is expected, unless another is named."""


class Item(NamedTuple):
    """One item of a dataset."""

    key: str
    """Identifies it, in the dataset and in the store."""
    data: Mapping[str, Any]
    """Its columns, without what is expected: variants never see that."""
    expected: Any = None
    """What is expected; None where nothing is said."""


def repeated(item: Item, repeats: int) -> list[Item]:
    """Return an item as often as it is asked, each time with a key of its own.

    >>> [one.key for one in repeated(Item("q1", {}), 3)]
    ['q1', 'q1 #2', 'q1 #3']
    """
    return [item._replace(key=f"{item.key} #{n}" if n > 1 else item.key) for n in range(1, repeats + 1)]


async def read_items(
    dataset: Any, *, key: str | None = None, expected: str | None = None, needs_expected: bool = True
) -> list[Item]:
    """Read all items of a dataset.

    Args:
        dataset: whatever `map_items` reads: a path, a list, a data frame, a source.
        key: column of the keys; None for the numbers of the items.
        expected: column of what is expected; None for `expected`.
        needs_expected: whether the scorer compares with it.

    Raises:
        UsageError: it cannot be read, has no items, or an item has no value in the column.
    """
    column = expected or EXPECTED
    items: list[Item] = []
    source = as_source(dataset, key)
    async for row in source.rows():
        if row.error:
            raise UsageError(f"{source.name}: item {row.key!r} cannot be read: {row.error}")
        if row.data.get(column) is None and (needs_expected or expected is not None):
            raise _nothing_expected(source, row.key, column, row.data)
        data = {name: value for name, value in row.data.items() if name != column}
        items.append(Item(row.key, data, row.data.get(column)))
    if not items:
        raise UsageError(f"{source.name} has no items")
    return items


def columns_of(items: Iterable[Item]) -> list[str]:
    """Return the columns that a variant may read: those of all items."""
    return list(dict.fromkeys(name for item in items for name in item.data))


def _nothing_expected(source: Source, key: str, column: str, data: Mapping[str, Any]) -> UsageError:
    names: Sequence[str] = [*data]
    if column in names:
        return UsageError(f"{source.name}: item {key!r} has nothing in {column!r}; leave the item out")
    return UsageError(
        f"{source.name}: item {key!r} has no column {column!r}, with which its answers are compared; it has "
        f"{list_names(names)}; name one with expected"
    )
