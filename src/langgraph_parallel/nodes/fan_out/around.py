"""Redrive of graphs of this package that are nodes of another one.

LangGraph takes the other graph back to before its node, in a new branch of the history of its thread. There
the node starts anew, with what its earlier run left (`runtime.redriven`).
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

from langgraph_parallel.nodes.fan_out import handover
from langgraph_parallel.nodes.fan_out.handover import Handover
from langgraph_parallel.records import Below, Branch, Verdict
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.named_graph import keep_own_keys
from langgraph_parallel.runtime.redriven import KEY, Redriven, path_of
from langgraph_parallel.runtime.run_report import collect_failures

Graph = CompiledStateGraph[Any, Any, Any, Any]


def holds_graphs(graph: Graph) -> bool:
    """Return whether a graph of this package is a node of another graph, at any level."""
    return any(isinstance(inner, ParallelGraph) for _, inner in graph.get_subgraphs(recurse=True))


async def go_back(graph: Graph, config: RunnableConfig) -> RunnableConfig | None:
    """Return the config with which `ainvoke(None, config)` redrives the last run of a thread.

    Args:
        graph: holds graphs of this package as nodes.
        config: names the thread.

    Returns:
        None if all of these graphs ended ok.
    """
    steps: list[tuple[StateSnapshot, list[_Earlier]]] = []
    first = None
    with keep_own_keys():
        async for state in _last_run(graph, config):
            earlier = await _of_step(graph, graph, config, state)
            steps.append((state, earlier))
            if any(each.has_failed for each in earlier):
                first = len(steps)
    if first is None:
        return None
    redriven = Redriven(handover.KEY)
    for _, earlier in reversed(steps[:first]):
        for each in earlier:
            each.hand_to(redriven)
    before = steps[first - 1][0].config["configurable"]
    return {**config, "configurable": {**(config.get("configurable") or {}), **before, KEY: redriven}}


class _Earlier:
    """The run of a graph of this package, as its checkpoints have it.

    Args:
        graph: that ran.
        place: its namespace.
        state: with the graph's own keys.
    """

    def __init__(self, graph: ParallelGraph, place: str, state: StateSnapshot) -> None:
        self._graph, self._place, self._values = graph, place, state.values
        self.has_failed = bool(state.next) or has_failed(state.values)

    def hand_to(self, redriven: Redriven) -> None:
        """Let the graph resume from this run, unless a person has decided."""
        values, branches = self._values, self._values["branches"]
        if is_decided_by_person(values):
            return
        report = values.get("run_report")
        below = Below(sections=values.get("sections"), branches=branches)
        within = {call.id for branch in branches.values() for call in branch.calls}
        calls = {call.id: call for call in (report.calls if report else []) if call.id not in within}
        keys = self._graph.builder.schemas[self._graph.builder.input_schema]
        given = {key: values.get(key) for key in keys}
        redriven.add(path_of(self._place), given, Handover(below, [], calls=calls, is_node=True))


async def _last_run(graph: Graph, config: RunnableConfig) -> AsyncIterator[StateSnapshot]:
    """Yield the states of the last run, latest first, each as it ran last."""
    state, forked = await graph.aget_state(config), None
    while state.values or state.tasks:
        if forked is None or state.next != forked.next:  # else it is the one before which a redrive went back
            yield state
        source = (state.metadata or {}).get("source")
        forked = state if source == "fork" else None
        if source == "input" or state.parent_config is None:
            return
        state = await graph.aget_state(state.parent_config)


async def _of_step(
    outermost: Graph, graph: Graph, config: RunnableConfig, state: StateSnapshot
) -> list[_Earlier]:
    """Return the runs of graphs of this package in one step of a graph around them, at every level."""
    found, inner = [], dict(graph.get_subgraphs())
    thread = (config.get("configurable") or {}).get("thread_id")
    for task in state.tasks:
        nested = inner.get(task.name)
        if not isinstance(nested, CompiledStateGraph) or not isinstance(task.state, Mapping):
            continue
        place = str(task.state["configurable"]["checkpoint_ns"])
        there: RunnableConfig = {"configurable": {"thread_id": thread, "checkpoint_ns": place}}
        if isinstance(nested, ParallelGraph):
            ended = await outermost.aget_state(there)
            if isinstance(ended.values, Mapping) and ended.values.get("branches"):
                found.append(_Earlier(nested, place, ended))
            continue
        async with aclosing(cast("Any", _last_run(outermost, there))) as states:
            async for step in states:
                found += await _of_step(outermost, nested, config, step)
    return found


def has_failed(values: Mapping[str, Any]) -> bool:
    """Return whether a redrive has something to do: a branch at some level, or a step of the close."""
    if is_decided_by_person(values):
        return False
    branches: Mapping[str, Branch] = values.get("branches") or {}
    unfinished = [branch for branch in branches.values() if not branch.whole]
    failed_steps = values["run_report"].failures.keys() - collect_failures(branches.values()).keys()
    return bool(unfinished or failed_steps)


def is_decided_by_person(values: Mapping[str, Any]) -> bool:
    """Return whether a person decided the vote of a state."""
    verdict = values.get("verdict")
    return isinstance(verdict, Verdict) and verdict.decided_by == "person"
