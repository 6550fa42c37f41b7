"""Scatter: the only place that makes Sends."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from langgraph.types import Send

from langgraph_parallel.nodes.branch import Task
from langgraph_parallel.records import Branch

Router = Callable[[Any], Sequence[Send] | str]


def is_whole(branch: Branch | None) -> bool:
    """Whether a branch, and everything below it, has ended ok."""
    return branch is not None and branch.ok and branch.below is None


def scatter_to(
    node: str, tasks: Callable[[Any], Sequence[Task]], *, join: str
) -> tuple[Router, dict[Hashable, str]]:
    """Make the conditional edge that sends one task to `node` for each piece of work that is not done.

    In a first run nothing is; in a redrive, what has ended ok at every level.

    Args:
        node: the node that runs a branch.
        tasks: gives the tasks by the state, in the order in which results are to be read.
        join: where to go when there are none. Returning no Send at all would skip the join silently.

    Returns:
        The router and its path map, as `add_conditional_edges` takes them.
    """

    def scatter(state: Any) -> Sequence[Send] | str:
        held: Mapping[str, Branch] = state.get("branches") or {}
        planned = tasks(state)
        sent = [task for task in planned if not is_whole(held.get(task["id"]))]
        counts = {
            "planned": len({*held, *(task["id"] for task in planned)}),
            "kept": len(planned) - len(sent),
        }
        return [Send(node, {**task, **counts, "before": held.get(task["id"])}) for task in sent] or join

    return scatter, {node: node, join: join}
