"""State types that depend on a factory's arguments."""

from collections.abc import Mapping
from typing import Annotated, Any, get_type_hints

from langgraph.channels.ephemeral_value import EphemeralValue
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.records import Branch, RunReport
from langgraph_parallel.reducers.channels import merge_branches

BRANCHES = Annotated[
    dict[str, Branch],
    Field(title="Branches", description="The record of each branch, by its id."),
    merge_branches,
]
MISSING = Annotated[
    list[str],
    Field(title="Missing", description="What was planned and is not in the result, by title or name."),
]
RUN_REPORT = Annotated[
    RunReport, Field(title="Run report", description="What the run cost, and what parallelism gained.")
]

PUT_OFF_IDS = Annotated[str, EphemeralValue(str, guard=False)]
"""Ids of branches that ended without a record (`fan_out.taken_up`); nothing reads the value itself."""


def typed_dict(name: str, *parts: type | Mapping[str, Any]) -> Any:
    """Build a TypedDict from the fields of others and from fields given by name.

    LangGraph reads a graph's channels, and the types that a checkpoint may load, from annotations, so they
    have to name the real types.
    """
    fields: dict[str, Any] = {}
    for part in parts:
        fields |= dict(part) if isinstance(part, Mapping) else get_type_hints(part, include_extras=True)
    return TypedDict(name, fields)  # type: ignore[operator]
