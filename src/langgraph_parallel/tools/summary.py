"""What the summaries of all patterns are made of. Records may be dumped, as those of checkpoints."""

from collections.abc import Mapping
from typing import Any

from langgraph_parallel.tools.quoting import Block, said

Output = Mapping[str, Any]
"""The output of a graph, under its own keys."""


def get(value: Any, name: str, default: Any = None) -> Any:
    """Return a field of a record, or of what it was dumped to."""
    if isinstance(value, Mapping):
        return value.get(name, default)
    return getattr(value, name, default)


def support_of(value: Any) -> str:
    """Return `2/3` for a `Support`; empty for None."""
    return "" if value is None else f"{get(value, 'k')}/{get(value, 'n')}"


def notice(record: Any) -> list[Block]:
    """Return how a result was made, if not by a model."""
    words = get(record, "notice")
    return [Block([["Note: ", said(words)]], most=80)] if words else []


def counted(counts: Mapping[str, int], title: str) -> Block:
    """Return numbers by name, the largest first, on one line each."""
    ordered = sorted(counts.items(), key=lambda entry: -entry[1])
    lines = [["- ", said(name), f": {number:,}"] for name, number in ordered]
    return Block(lines, title if lines else "", 30, 0.4)


def text(title: str, value: Any, share: float = 1.0) -> Block:
    """Return a text after its title, on one line; nothing for an empty one."""
    lines = [] if value in (None, "", []) else [[f"{title}: ", said(value)]]
    return Block(lines, most=400, share=share)
