"""State types that depend on a factory's arguments."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_type_hints

from langgraph.channels import BinaryOperatorAggregate
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.records import Branch, RunReport
from langgraph_parallel.reducers.channels import merge_all_branches, merge_branches


class BranchChannel(BinaryOperatorAggregate[dict[str, Branch]]):
    """Merges the updates of a superstep with each other first: the branches so far are copied only once."""

    def update(self, values: Sequence[dict[str, Branch]]) -> bool:
        """Apply the updates of a superstep."""
        if len(values) > 1 and all(isinstance(value, dict) and _is_update(value) for value in values):
            values = [merge_all_branches(values)]
        return super().update(values)


def _is_update(value: dict[str, Any]) -> bool:
    """Return whether an update is branches by id, and not a replacement of all branches, as JSON has it."""
    return all(isinstance(branch, Branch) for branch in value.values())


BRANCHES = Annotated[
    dict[str, Branch],
    Field(title="Branches", description="The record of each branch, by its id."),
    BranchChannel(dict[str, Branch], merge_branches),
]
MISSING = Annotated[
    list[str],
    Field(title="Missing", description="What was planned and is not in the result, by title or name."),
]
RUN_REPORT = Annotated[
    RunReport, Field(title="Run report", description="What the run cost, and what parallelism gained.")
]


def typed_dict(name: str, *parts: type | Mapping[str, Any]) -> Any:
    """Build a TypedDict from the fields of others and from fields given by name.

    LangGraph reads a graph's channels, and the types that a checkpoint may load, from annotations, so they
    have to name the real types.
    """
    fields: dict[str, Any] = {}
    for part in parts:
        fields |= dict(part) if isinstance(part, Mapping) else get_type_hints(part, include_extras=True)
    return TypedDict(name, fields)  # type: ignore[operator]
