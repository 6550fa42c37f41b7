"""What can be done with a graph besides running it: estimate a run, and run again what failed."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

from langgraph_parallel.errors import CompletionError, UsageError
from langgraph_parallel.nodes.fan_out.around import go_back, has_failed, holds_graphs
from langgraph_parallel.records import Estimate
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.named_graph import NamedGraph, with_own_keys
from langgraph_parallel.runtime.planned_calls import planning_calls, with_expected
from langgraph_parallel.runtime.run import pretend_run
from langgraph_parallel.runtime.shown import read_all
from langgraph_parallel.runtime.stamp import check_stamp


async def aestimate(graph: object, input: Any, *, context: Any = None) -> Estimate:
    """Return the upper bounds of a run, and what it is expected to cost, without asking any model.

    The input is planned as in a run, unless a model plans: then the plan counts as many sections as it may
    have. `calls` are those of a run in which every request is answered. Requests, tokens and dollars are
    upper bounds: every answer as long as `Limits.answer_tokens`, every structured answer repaired once.
    Tokens of prompts are rounded up generously. For what is expected, see `records.Estimate`.

    Args:
        graph: from one of the factories.
        input: as for `ainvoke`.
        context: the runtime context, as for `ainvoke`.

    Raises:
        UsageError: the graph is not a langgraph_parallel graph, or the input or the context is not valid.
    """
    parallel = _require_parallel(graph)
    if isinstance(parallel, NamedGraph) and isinstance(input, Mapping):
        input = parallel.names.entering(input)
    run = parallel.run(None, context)
    with planning_calls() as calls:
        bounds = await parallel.governing.estimate(input, run, parallel.as_context(context))
    return with_expected(bounds, calls)


def estimate(graph: object, input: Any, *, context: Any = None) -> Estimate:
    """Return the upper bounds of a run, as `aestimate`, from code that is not async."""
    bounds: Estimate = _wait(lambda: aestimate(graph, input, context=context))
    return bounds


async def aredrive(graph: object, config: RunnableConfig, *, context: Any = None) -> dict[str, Any]:
    """Run again what did not end ok in a finished run, at every level, and close the graph again.

    Branches that ended ok are kept. The run report adds up over all runs: calls, tokens, dollars. Budget and
    deadline start afresh, since redriving is a decision to spend more. An interrupted run is finished first.
    If everything ended ok, nothing is run. A vote that a person decided stays decided. In a graph with rounds
    (a tree of reductions, compared drafts) the rounds after the first one with a failure are planned again;
    work that is the same on the same results is not repeated.

    In a graph of yours, the nodes that are graphs of this package, at any level, run again. It goes back to
    the first of them that did not end ok in the last run of the thread. What comes after it runs again, and
    so do other nodes of its step. Graphs of this package keep what ended ok on the same input.

    Args:
        graph: from one of the factories, or with nodes that are; with a checkpointer.
        config: names the thread: `{"configurable": {"thread_id": ...}}`.
        context: the runtime context. It is not part of a checkpoint, so pass it again.

    Returns:
        The graph's output.

    Raises:
        UsageError: the graph is not a langgraph_parallel graph and has none as a node, it has no
            checkpointer, the thread has no run, or the run waits for a person.
        CompletionError: too few branches succeeded, as before.
    """
    redriven = require_redrivable(graph)
    if await is_unfinished(redriven, config):
        with contextlib.suppress(CompletionError):
            await redriven.ainvoke(None, config, context=context)
    if (back := await go_back_to_failed(redriven, config, context)) is not None:
        output: dict[str, Any] = await redriven.ainvoke(None, back, context=context)
        return output
    return await read_output(redriven, config)


def require_redrivable(graph: object) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return a graph that is one of this package, or has some as nodes.

    Raises:
        UsageError: it is neither.
    """
    if isinstance(graph, CompiledStateGraph) and not isinstance(graph, ParallelGraph):
        if holds_graphs(graph):
            return graph
        raise UsageError(
            f"graph {graph.name!r} is not a langgraph_parallel graph, and has none as a node; pass the "
            "result of a factory, or a graph with such a node"
        )
    return _require_parallel(graph)


async def go_back_to_failed(
    graph: CompiledStateGraph[Any, Any, Any, Any], config: RunnableConfig, context: Any
) -> RunnableConfig | None:
    """Take a finished run back to what did not end ok.

    Returns:
        The config with which `ainvoke(None, config)` runs it again; None if everything ended ok.
    """
    if not isinstance(graph, ParallelGraph):
        return await go_back(graph, config)
    return config if await rewind(graph, config, context) else None


async def read_output(
    graph: CompiledStateGraph[Any, Any, Any, Any], config: RunnableConfig
) -> dict[str, Any]:
    """Return the output of the last run of a thread."""
    own = with_own_keys(graph) if isinstance(graph, ParallelGraph) else graph
    values = (await own.aget_state(config)).values
    kept = {key: values[key] for key in own.output_channels if key in values}
    return graph.names.leaving(kept) if isinstance(graph, NamedGraph) else kept


async def _find_run(graph: CompiledStateGraph[Any, Any, Any, Any], config: RunnableConfig) -> StateSnapshot:
    """Return the state of the run that a config names.

    Raises:
        UsageError: there is none, or it waits for a person.
    """
    if not graph.checkpointer:
        raise UsageError("redrive needs the checkpoints of the run; build the graph with checkpointer=")
    configurable = (config.get("configurable") or {}) if isinstance(config, Mapping) else {}
    if (thread := configurable.get("thread_id")) is None:
        raise UsageError("redrive needs the run's thread; pass config={'configurable': {'thread_id': '...'}}")
    state = await read_all(graph, config)
    if not state.values:
        raise UsageError(f"thread {thread!r} has no run; run the graph first")
    if isinstance(graph, ParallelGraph):
        check_stamp(state.values, graph.governing.built, thread)
    if state.interrupts:
        raise UsageError("the run waits for a person; resume it with ainvoke(Command(resume=...), config)")
    return state


async def is_unfinished(graph: object, config: RunnableConfig) -> bool:
    """Return whether a run was interrupted, or failed to close: `ainvoke(None, config)` goes on with it.

    Raises:
        UsageError: as `aredrive`.
    """
    redriven = require_redrivable(graph)
    own = with_own_keys(redriven) if isinstance(redriven, ParallelGraph) else redriven
    state = await _find_run(own, config)
    # Without a next node there may be tasks: the process died after a step had stored its results, and before
    # the checkpoint that holds them.
    return bool(state.next or state.tasks)


async def rewind(graph: object, config: RunnableConfig, context: Any = None) -> bool:
    """Take a run back to its fan-out, so that `astream(None, config)` runs again what did not end ok.

    Returns:
        False if everything ended ok; the run is unchanged then.

    Raises:
        UsageError: the graph is not a langgraph_parallel graph.
    """
    parallel = with_own_keys(_require_parallel(graph))
    state = await read_all(parallel, config)
    if not state.next and not has_failed(state.values):
        return False
    update = parallel.governing.redrive(state.values, parallel.as_context(context))
    with pretend_run(parallel.run(None, context)):  # whose limits say how many sections are sent at once
        await parallel.aupdate_state(config, update, as_node=parallel.governing.fan_out_node)
    return True


def redrive(graph: object, config: RunnableConfig, *, context: Any = None) -> dict[str, Any]:
    """Run again what failed, as `aredrive`, from code that is not async.

    The checkpointer has to work in any event loop, such as `InMemorySaver`.
    """
    output: dict[str, Any] = _wait(lambda: aredrive(graph, config, context=context))
    return output


def _require_parallel(graph: object) -> ParallelGraph:
    if not isinstance(graph, ParallelGraph):
        raise UsageError(f"{graph!r} is not a langgraph_parallel graph; pass the result of a factory")
    return graph


def _wait(make: Callable[[], Awaitable[Any]]) -> Any:
    """Run a coroutine in an event loop of its own: one may be running already."""
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal() as portal:
        return portal.call(make)
