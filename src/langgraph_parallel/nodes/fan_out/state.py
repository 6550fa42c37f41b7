"""State types that depend on a factory's arguments."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, get_type_hints

from langgraph.channels.ephemeral_value import EphemeralValue
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.records import Branch, RunReport
from langgraph_parallel.runtime import messages, stamp
from langgraph_parallel.runtime.excerpts import planned
from langgraph_parallel.runtime.stored_once import (
    given,
    latest,
    merged_branches,
    merged_calls,
    merged_messages,
    planned_for_graphs,
    stored_each_time,
    stored_once,
)

BRANCHES = Annotated[
    dict[str, Branch], Field(title="Branches", description="The record of each branch, by its id.")
]
MISSING = Annotated[
    list[str],
    Field(title="Missing", description="What was planned and is not in the result, by title or name."),
]
RUN_REPORT = Annotated[
    RunReport, Field(title="Run report", description="What the run cost, and what parallelism gained.")
]

PUT_OFF = "put_off"
"""The channel of the ids of branches that ended without a record, since one that they need has none."""
PUT_OFF_IDS = Annotated[str, EphemeralValue(str, guard=False)]
"""Its type; nothing reads the value itself, only what was written to it (`fan_out.taken_up`)."""
_MERGES = {"branches": merged_branches, "calls": merged_calls, messages.KEY: merged_messages}
"""How the updates of channels are merged, by name; of all others, the latest counts."""
_IN_EACH_CHECKPOINT = frozenset({stamp.KEY, PUT_OFF})
"""Channels that are read from a checkpoint itself."""


def messages_fields(spec: messages.FromMessages | None) -> dict[str, Any]:
    """Return the channels of a graph that takes messages; none for one that does not."""
    return {} if spec is None else {messages.KEY: messages.MESSAGES, messages.REPLY: messages.REPLY_ID}


def output_messages(spec: messages.FromMessages | None) -> dict[str, Any]:
    """Return the fields of the output of a graph that takes messages; none for one that does not."""
    return {} if spec is None else {messages.KEY: messages.MESSAGES}


def input_type(kind: type, spec: messages.FromMessages | None) -> Any:
    """Return the type of a graph's input; one that takes messages does not need the keys they stand for."""
    if spec is None:
        return kind
    hints, required = get_type_hints(kind, include_extras=True), getattr(kind, "__required_keys__", ())
    return typed_dict(kind.__name__, messages.optional_keys(hints, required, spec))


def typed_dict(name: str, *parts: type | Mapping[str, Any]) -> Any:
    """Build a TypedDict from the fields of others and from fields given by name.

    LangGraph reads a graph's channels, and the types that a checkpoint may load, from annotations, so they
    have to name the real types.
    """
    fields: dict[str, Any] = {}
    for part in parts:
        fields |= dict(part) if isinstance(part, Mapping) else get_type_hints(part, include_extras=True)
    return TypedDict(name, fields)  # type: ignore[operator]


def state_type(
    name: str,
    input_keys: Collection[str],
    *parts: type | Mapping[str, Any],
    graphs: bool = False,
    inner: bool = False,
) -> Any:
    """Build the type of a graph's state, as `typed_dict`; its channels are stored once.

    Args:
        name: of the type.
        input_keys: of the graph; plans refer to their texts, so they come first.
        parts: fields.
        graphs: whether graphs of this package work on its sections.
        inner: whether few of its checkpoints are stored (`runtime.wave_saver`), so that each has to be whole.
    """
    hints = get_type_hints(typed_dict(name, *parts), include_extras=True)
    plan = planned_for_graphs if graphs else planned
    stored = stored_each_time if inner else stored_once
    merges = {**dict.fromkeys(input_keys, given), **_MERGES, "sections": plan}
    return typed_dict(
        name,
        {
            key: kind if key in _IN_EACH_CHECKPOINT else stored(kind, merges.get(key, latest))
            for key, kind in sorted(hints.items(), key=lambda hint: hint[0] not in input_keys)
        },
    )
