"""Fusion of several rankings into one."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.reducers.canonical import canonical

K = 60
"""The constant of reciprocal rank fusion, from the paper."""


def fuse(
    rankings: Mapping[str, Sequence[JsonValue]], *, key: str | None = None, k: int = K
) -> list[dict[str, Any]]:
    """Fuse rankings by reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009).

    The score of an item is the sum of 1 / (k + rank) over the rankings that contain it; ranks start at 1. An
    item that occurs twice in one ranking counts at its better rank.

    Args:
        rankings: items by source, best first.
        key: field that identifies an item that is an object; None to compare whole items.
        k: the larger, the less the first ranks outweigh the next.

    Returns:
        `{"item", "score", "sources"}`, best first, ties by first occurrence. An item is taken from the first
        ranking that contains it.

    >>> [entry["item"] for entry in fuse({"x": ["a", "b"], "y": ["b", "c"]})]
    ['b', 'a', 'c']
    """
    entries: dict[str, dict[str, Any]] = {}
    for source, items in rankings.items():
        seen: set[str] = set()
        for rank, item in enumerate(items, 1):
            identity = canonical(
                item[key] if key is not None and isinstance(item, dict) and key in item else item
            )
            if identity in seen:
                continue
            seen.add(identity)
            entry = entries.setdefault(identity, {"item": item, "score": 0.0, "sources": []})
            entry["score"] += 1 / (k + rank)
            entry["sources"].append(source)
    return sorted(entries.values(), key=lambda entry: -entry["score"])
