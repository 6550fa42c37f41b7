"""What the summaries of all patterns are made of. Records may be dumped, as those of checkpoints."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from langgraph_parallel.tools.quoting import Block, said

Output = Mapping[str, Any]
"""The output of a graph, under its own keys."""
NO_NAMES: Mapping[str, str] = MappingProxyType({})
"""Of a graph whose keys have no names of the caller's."""


def get(value: Any, name: str, default: Any = None) -> Any:
    """Return a field of a record, or of what it was dumped to."""
    if isinstance(value, Mapping):
        return value.get(name, default)
    return getattr(value, name, default)


def named(output: Output, names: Mapping[str, str]) -> dict[str, Any]:
    """Return an output under the caller's names; keys without one keep theirs, if no name is in the way.

    >>> named({"findings": 1, "review": 2, "missing": 3}, {"findings": "review"})
    {'review': 1, 'missing': 3}
    """
    taken = {name for key, name in names.items() if key in output}
    kept = (key for key in output if key in names or key not in taken)
    return {names.get(key, key): output[key] for key in kept}


def voters_of(support: Any) -> str:
    """Return `2/3 voters` for a `Support`, and `1/1 voter`."""
    return f"{support_of(support)} {'voter' if get(support, 'n') == 1 else 'voters'}"


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
