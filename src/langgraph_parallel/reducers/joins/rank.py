"""One ranking from several. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.reducers.canonical import canonical

K = 60
"""The constant of reciprocal rank fusion, as in its paper."""


def fuse(
    rankings: Mapping[str, Sequence[JsonValue]], *, key: str | None = None, k: int = K
) -> list[dict[str, Any]]:
    """Fuse rankings: reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009).

    The score of an item is the sum of 1 / (k + rank) over the rankings that hold it, ranks from 1. An item
    that comes twice in one ranking counts at its better place.

    Args:
        rankings: items by source, the best first.
        key: the field that says what an item is, where items are objects; by default the whole of it.
        k: how little the first places weigh more than the next.

    Returns:
        `{"item", "score", "sources"}`, the best first; of equals the one that is seen first. An item looks
        as in the first ranking that holds it.

    >>> [held["item"] for held in fuse({"x": ["a", "b"], "y": ["b", "c"]})]
    ['b', 'a', 'c']
    """
    held: dict[str, dict[str, Any]] = {}
    for source, items in rankings.items():
        seen: set[str] = set()
        for rank, item in enumerate(items, 1):
            name = canonical(
                item[key] if key is not None and isinstance(item, dict) and key in item else item
            )
            if name in seen:
                continue
            seen.add(name)
            entry = held.setdefault(name, {"item": item, "score": 0.0, "sources": []})
            entry["score"] += 1 / (k + rank)
            entry["sources"].append(source)
    return sorted(held.values(), key=lambda entry: -entry["score"])
