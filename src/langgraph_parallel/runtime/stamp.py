"""The stamp that a run leaves in its checkpoints: the version of its records, and how its graph was built.

Records of another version may still be readable, with fields that are missing or mean something else; a graph
with other voters finds branches of voters that it does not have. Neither can be resumed, and both are said
before any call.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

from pydantic import Field, JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.numbers import as_state

RECORDS_VERSION = 7
"""Counts changes of the records that make earlier checkpoints unreadable, or readable as something else, and
of the names of nodes, by which a checkpoint says what runs next."""
KEY = "stamp"
STAMP = Annotated[
    dict[str, JsonValue], Field(title="Stamp", description="How the graph was built that began the run.")
]
_SHOWN = 200
"""Characters of a setting that an error shows."""


def make_stamp(built: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Return the stamp of a run.

    Args:
        built: what a later invocation must have in common with this one: voters, choices, aspects.
    """
    return {"records": RECORDS_VERSION, "package": _package(), "built": _plain(built)}


def check_stamp(values: Mapping[str, Any], built: Mapping[str, Any], thread: object) -> None:
    """Check that a run in a checkpoint can be resumed by this version, with a graph that was built like this.

    Args:
        values: the channels of the checkpoint.
        built: as in `make_stamp`.
        thread: for the error.

    Raises:
        UsageError: it cannot.
    """
    if not values.get("branches") and not values.get(KEY):
        return  # nothing is resumed: the run starts over with its plan
    stamp = values.get(KEY) or {}
    stored = stamp.get("records", 0)
    if stored != RECORDS_VERSION:
        package = stamp.get("package", "an earlier version of this package")
        raise UsageError(
            f"the checkpoints of thread {thread!r} hold records of version {stored} (of {package}), and this "
            f"is version {RECORDS_VERSION} (of {_package()}); finish the run with the package that began it, "
            "or run the graph on a new thread"
        )
    before, now = (dict(_settings(_plain(either))) for either in (stamp["built"], built))
    for name in [*before, *now]:
        if _unordered(before.get(name)) != _unordered(now.get(name)):
            raise UsageError(
                f"the run on thread {thread!r} began with a graph that was built otherwise: {name} was "
                f"{_shown(before.get(name))} and is {_shown(now.get(name))}; build the graph as it was, or "
                "run it on a new thread"
            )


def _settings(built: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Yield each setting by its name, those of a graph in a worker after the worker's name."""
    for name, value in built.items():
        full = f"{within}{name}"
        if isinstance(value, Mapping):
            yield full, list(value)
            yield from _settings(value, f"{full}.")
        else:
            yield full, value


def _unordered(value: JsonValue) -> JsonValue:
    """Return a value to compare: voters, choices and workers may come in another order."""
    return sorted(value, key=json.dumps) if isinstance(value, list) else value


def _plain(value: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Return a value as a checkpoint gives it back."""
    plain: dict[str, JsonValue] = as_state(json.loads(json.dumps(value, default=str)))
    return plain


def _shown(value: JsonValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


@cache
def _package() -> str:
    try:
        return f"langgraph-parallel {version('langgraph-parallel')}"
    except PackageNotFoundError:
        return "langgraph-parallel"
