"""Whether the rows of a sink were made with what is to make the others."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from langgraph_parallel.catalogue.spelling import PYTHON, Spelling
from langgraph_parallel.errors import UsageError
from langgraph_parallel.report.wording import visible
from langgraph_parallel.scale.sinks.base import Manifest

_SHOWN = 60
"""Characters of a value that an error shows."""
_MOST = 12
"""Differences that an error names."""
_FOLLOWING = ("built", "asked")
"""Parts that follow from the graph and its settings, as a repetition of them or as a digest."""
_MISSING = object()


def check_same(
    stored: Manifest | None, parts: Mapping[str, Any], mixed: bool = False, spelling: Spelling = PYTHON
) -> None:
    """Refuse to add rows to those of another program.

    Args:
        stored: of the sink; None if it is new.
        parts: what the fingerprint of the present program is made of.
        mixed: whether rows of several programs may be in one sink; the column `made_with` tells them apart.
        spelling: how the caller writes arguments.

    Raises:
        UsageError: the program is another one; names each difference.
    """
    if stored is None or mixed or not (found := change(stored, parts)):
        return
    raise UsageError(
        f"the rows of this sink were made with something else: {found}. "
        f"Name another sink, or go on with what made them; {spelling.mixed} adds rows of both to this one, "
        "which the column made_with tells apart"
    )


def change(stored: Manifest, parts: Mapping[str, Any]) -> str:
    """Return how a program differs from the one that made the rows of a sink; empty if it does not.

    Args:
        stored: of the sink.
        parts: what the fingerprint of the present program is made of.
    """
    # As JSON both: the stored ones were read from it, where a tuple has become a list.
    found = list(differences(*_explained(_as_stored(stored.parts), _as_stored(parts))))
    more = f"; and {len(found) - _MOST:,} more" if len(found) > _MOST else ""
    return f"{'; '.join(found[:_MOST])}{more}"


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Iterate over what differs, by name: `model was "a", is "b"`.

    >>> list(differences({"model": "a", "prompts": {"label": "x", "task": "t"}},
    ...                  {"model": "b", "prompts": {"label": "y", "task": "t"}}))
    ['model was "a", is "b"', 'prompts.label was "x", is "y"']
    """
    for name in dict.fromkeys([*was, *now]):
        before, after = was.get(name, _MISSING), now.get(name, _MISSING)
        if before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from (f"{visible(name)}.{line}" for line in differences(before, after))
        else:
            yield f"{visible(name)} was {_shown(before)}, is {_shown(after)}"


def _explained(was: dict[str, Any], now: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return parts without those whose difference the graph or its settings explain."""
    if all(was.get(name) == now.get(name) for name in ("graph", "settings")):
        return was, now
    without = [{name: part for name, part in parts.items() if name not in _FOLLOWING} for parts in (was, now)]
    return without[0], without[1]


def _as_stored(parts: Mapping[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(dict(parts), default=str)))


def _shown(value: object) -> str:
    if value is _MISSING:
        return "not there"
    is_json = isinstance(value, str) and value.startswith(("[", "{"))  # as settings are
    text = visible(str(value) if is_json else json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
