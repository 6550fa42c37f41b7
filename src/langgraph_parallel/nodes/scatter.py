"""Scatter: the only place that makes Sends."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from langgraph.types import Send

from langgraph_parallel.nodes.branch import Task

Router = Callable[[Any], Sequence[Send] | str]


def scatter_to(
    node: str, tasks: Callable[[Any], Sequence[Task]], *, join: str
) -> tuple[Router, dict[Hashable, str]]:
    """Make the conditional edge that sends one task to `node` for each piece of work.

    Args:
        node: the node that runs a branch.
        tasks: gives the tasks by the state, in the order in which results are to be read.
        join: where to go when there are none. Returning no Send at all would skip the join silently.

    Returns:
        The router and its path map, as `add_conditional_edges` takes them.
    """

    def scatter(state: Any) -> Sequence[Send] | str:
        return [Send(node, task) for task in tasks(state)] or join

    return scatter, {node: node, join: join}
