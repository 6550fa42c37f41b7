"""Scatter: the only place that creates `Send`s."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import Send

from langgraph_parallel.nodes.fan_out.bundle import bundled
from langgraph_parallel.nodes.fan_out.task import SentTask
from langgraph_parallel.records import Answer, Branch

Router = Callable[[Any, RunnableConfig], Sequence[Send] | str]


def scatter_to(
    node: str,
    tasks: Callable[[Any, RunnableConfig], Sequence[SentTask]],
    *,
    join: str,
    counted: Callable[[Any], Collection[str]] | None = None,
    planned: Callable[[Any], tuple[int, int]] | None = None,
) -> tuple[Router, dict[Hashable, str]]:
    """Build the conditional edge that sends each unfinished task to `node`.

    In a redrive, branches that ended ok at every level are not sent again. After a person has answered, only
    the branches whose votes waited for an answer are sent.

    Args:
        node: runs a branch.
        tasks: returns the tasks for a state, in the order in which results are read.
        join: where to go without any task: a router that returns no `Send` at all skips the join silently.
        counted: returns the ids of all branches that the completion policy counts; by default the tasks and
            the branches so far. Needed where the tasks are only one wave of them.
        planned: instead of `counted`, where the policy counts every task: returns how many branches it
            counts, and how many of them ended ok before. A small wave of many branches costs no count of all.

    Returns:
        The router and its path map, as `add_conditional_edges` takes them.
    """

    def scatter(state: Any, config: RunnableConfig) -> Sequence[Send] | str:
        branches: Mapping[str, Branch] = state.get("branches") or {}
        answers: Sequence[Answer] = state.get("answers") or []
        candidates = tasks(state, config)
        unfinished = [task for task in candidates if not _is_done(task, branches)]
        if answers:
            unfinished = [task for task in unfinished if Answer.below(answers, task["id"])]
        counts: Collection[str] = [task["id"] for task in candidates]
        if planned:
            number, kept = planned(state)
        else:
            counts = set(counted(state)) if counted else {*branches, *counts}
            number, kept = len(counts), sum(b.whole for key, b in branches.items() if key in counts)
        together = sum(not task.get("waits") for task in unfinished)
        sent = [
            SentTask(
                **{
                    **task,
                    "planned": number if planned or task["id"] in counts else 0,
                    "kept": kept,
                    "together": together,
                }
            )
            for task in unfinished
        ]
        return [Send(node, one) for one in bundled(sent)] or join

    return scatter, {node: node, join: join}


def scatter_answers_to(
    node: str,
    tasks: Callable[[Any, RunnableConfig], Sequence[SentTask]],
    *,
    join: str,
    counted: Callable[[Any], Collection[str]] | None = None,
) -> tuple[Router, dict[Hashable, str]]:
    """Build the edge as `scatter_to` does, for after a person was asked: to waiting branches, or the join."""
    scatter, paths = scatter_to(node, tasks, join=join, counted=counted)

    def scatter_answers(state: Any, config: RunnableConfig) -> Sequence[Send] | str:
        return scatter(state, config) if state.get("answers") else join

    return scatter_answers, paths


def _is_done(task: SentTask, branches: Mapping[str, Branch]) -> bool:
    return task["id"] in branches and branches[task["id"]].whole
