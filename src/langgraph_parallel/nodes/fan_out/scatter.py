"""Scatter: the only place that makes Sends."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

from langgraph.types import Send

from langgraph_parallel.nodes.fan_out.branch import Task
from langgraph_parallel.records import Answer, Branch

Router = Callable[[Any], Sequence[Send] | str]


def scatter_to(
    node: str,
    tasks: Callable[[Any], Sequence[Task]],
    *,
    join: str,
    all_of: Callable[[Any], Collection[str]] | None = None,
) -> tuple[Router, dict[Hashable, str]]:
    """Make the conditional edge that sends one task to `node` for each piece of work that is not done.

    In a first run nothing is; in a redrive, what has ended ok at every level. Once a person has answered,
    only the branches in which a vote has waited for the answer are sent.

    Args:
        node: the node that runs a branch.
        tasks: gives the tasks by the state, in the order in which results are to be read.
        all_of: gives the ids of all branches that a completion policy speaks of, where the tasks are only
            some of them, a wave, or where some tasks are none of them.
        join: where to go when there are none. Returning no Send at all would skip the join silently.

    Returns:
        The router and its path map, as `add_conditional_edges` takes them.
    """

    def scatter(state: Any) -> Sequence[Send] | str:
        held: Mapping[str, Branch] = state.get("branches") or {}
        answers: Sequence[Answer] = state.get("answers") or []
        planned = tasks(state)
        sent = [task for task in planned if not (task["id"] in held and held[task["id"]].whole)]
        if answers:
            sent = [task for task in sent if Answer.below(answers, task["id"])]
        every = set(all_of(state)) if all_of else {*held, *(task["id"] for task in planned)}
        kept = sum(branch.whole for key, branch in held.items() if key in every)
        return [
            Send(
                node,
                {
                    **task,
                    "planned": len(every) if task["id"] in every else 0,
                    "kept": kept,
                    "before": held.get(task["id"]),
                    "answers": Answer.below(answers, task["id"]),
                },
            )
            for task in sent
        ] or join

    return scatter, {node: node, join: join}


def answered_to(
    node: str,
    tasks: Callable[[Any], Sequence[Task]],
    *,
    join: str,
    all_of: Callable[[Any], Collection[str]] | None = None,
) -> tuple[Router, dict[Hashable, str]]:
    """As `scatter_to`, after a person was asked: to the branches that waited for it, or to the join."""
    scatter, paths = scatter_to(node, tasks, join=join, all_of=all_of)

    def scatter_answers(state: Any) -> Sequence[Send] | str:
        return scatter(state) if state.get("answers") else join

    return scatter_answers, paths
