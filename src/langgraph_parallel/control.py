"""What can be done with a graph besides running it: say what a run would take, and run again what failed."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.errors import CompletionError, UsageError
from langgraph_parallel.records import Branch, Estimate, Verdict
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.run_report import collect_failures


async def aestimate(graph: object, input: Any, *, context: Any = None) -> Estimate:
    """Say what a run would take at most, without asking any model.

    The input is planned as it would be, unless a model does the planning: then for as many sections as it
    may make. Calls are what a run makes if every request is answered; requests, tokens and dollars are upper
    bounds: every answer as long as `Limits.answer_tokens`, every one with a schema repaired once. Prompts are
    estimated on the high side.

    Args:
        graph: made by one of the factories.
        input: as for `ainvoke`.
        context: the runtime context, as for `ainvoke`.

    Raises:
        UsageError: it is no graph of this package, or the input or the context cannot be used.
    """
    ours = _ours(graph)
    run = ours.run(None, context)
    return await ours.governing.estimate(input, run, ours.as_context(context))


def estimate(graph: object, input: Any, *, context: Any = None) -> Estimate:
    """As `aestimate`, from code that is not async."""
    made: Estimate = _wait(lambda: aestimate(graph, input, context=context))
    return made


async def aredrive(graph: object, config: RunnableConfig, *, context: Any = None) -> dict[str, Any]:
    """Run again what did not end ok in a run that has finished, at every level, and close the graph anew.

    What ended ok is kept and not asked again. The report adds up over all runs: calls, tokens, dollars.
    Budget and deadline begin anew, since it is somebody's decision to spend more. A run that was interrupted
    is finished first. When everything had ended ok, nothing is run. A vote that a person has decided stays
    decided. Where a graph works in rounds (a tree that is reduced, drafts that are compared), the rounds
    behind the first one with a failure are planned anew, by what comes of it; of them, what is the same work
    on the same results is not done again.

    Args:
        graph: made by one of the factories, with a checkpointer.
        config: names the thread: `{"configurable": {"thread_id": ...}}`.
        context: the runtime context. It is no part of a checkpoint, so give it again.

    Returns:
        The graph's output.

    Raises:
        UsageError: it is no graph of this package, it has no checkpointer, there is no run on the thread, or
            the run waits for a person.
        CompletionError: again too few branches succeeded.
    """
    if await is_unfinished(graph, config):
        with contextlib.suppress(CompletionError):
            await _ours(graph).ainvoke(None, config, context=context)
    if await to_redrive(graph, config, context):
        out: dict[str, Any] = await _ours(graph).ainvoke(None, config, context=context)
        return out
    ours = _ours(graph)
    values = (await ours.aget_state(config)).values
    return {key: values[key] for key in ours.output_channels if key in values}


async def is_unfinished(graph: object, config: RunnableConfig) -> bool:
    """Whether a run was interrupted before its fan-out had ended: `ainvoke(None, config)` finishes it.

    Raises:
        UsageError: as `aredrive`.
    """
    ours = _ours(graph)
    if not ours.checkpointer:
        raise UsageError("redrive needs the checkpoints of the run; make the graph with checkpointer=...")
    state = await ours.aget_state(config)
    if not state.values:
        thread = (config.get("configurable") or {}).get("thread_id")
        raise UsageError(f"there is no run on thread {thread!r}; run the graph first")
    if state.interrupts:
        raise UsageError("the run waits for a person; go on with ainvoke(Command(resume=...), config)")
    return bool(state.next) and ours.governing.join not in state.next


async def to_redrive(graph: object, config: RunnableConfig, context: Any = None) -> bool:
    """Take a run back to its fan-out: `astream(None, config)` then runs again what did not end ok.

    Returns:
        False if everything has ended ok; nothing is changed then.

    Raises:
        UsageError: it is no graph of this package.
    """
    ours = _ours(graph)
    state = await ours.aget_state(config)
    if not state.next and not _has_failed(state.values):
        return False
    again = ours.governing.again(state.values, ours.as_context(context))
    await ours.aupdate_state(config, again, as_node=ours.governing.scatter)
    return True


def _has_failed(values: Mapping[str, Any]) -> bool:
    """Whether a redrive could mend anything: a branch at some level, or a step of the closing."""
    if isinstance(verdict := values.get("verdict"), Verdict) and verdict.decided_by == "person":
        return False
    branches: Mapping[str, Branch] = values.get("branches") or {}
    beyond_limits = [b for b in branches.values() if b.status == "skipped" and b.ended_by is None]
    again = [branch for branch in branches.values() if not branch.whole and branch not in beyond_limits]
    return bool(again) or bool(values["report"].failures.keys() - collect_failures(branches.values()).keys())


def redrive(graph: object, config: RunnableConfig, *, context: Any = None) -> dict[str, Any]:
    """As `aredrive`, from code that is not async; the checkpointer has to work there too."""
    out: dict[str, Any] = _wait(lambda: aredrive(graph, config, context=context))
    return out


def _ours(graph: object) -> ParallelGraph:
    if not isinstance(graph, ParallelGraph):
        raise UsageError(f"{graph!r} is no graph of this package; pass what one of the factories returned")
    return graph


def _wait(make: Callable[[], Awaitable[Any]]) -> Any:
    """Run a coroutine in a loop of its own, where one may be running already."""
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal() as portal:
        return portal.call(make)
