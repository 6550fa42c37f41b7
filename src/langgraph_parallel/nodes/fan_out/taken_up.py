"""Taking up a fan-out that was interrupted, or whose process died: what had ended of it counts.

LangGraph runs only the unfinished branches of a resumed superstep. The completion policy, a race, and the
branches that wait for their siblings have to know of the others.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.nodes.fan_out.state import PUT_OFF
from langgraph_parallel.nodes.fan_out.task import AssignmentsIn
from langgraph_parallel.records import Branch
from langgraph_parallel.runtime.graph import is_resuming
from langgraph_parallel.runtime.run import Run


class TakeUp(NamedTuple):
    """What watches the branches of a fan-out again when it is taken up."""

    channels: Sequence[str]
    """The channels of the state that it reads."""
    watch: Callable[[Run, Mapping[str, Any]], None]
    """Called with the state."""


_CHECKPOINTER, _READ = "__pregel_checkpointer", "__pregel_read"
"""Config keys under which LangGraph passes the checkpointer, and what reads the state of the graph."""


def is_stored(config: RunnableConfig) -> bool:
    """Return whether the run of a node has a checkpointer."""
    return bool((config.get("configurable") or {}).get(_CHECKPOINTER))


def read_state(config: RunnableConfig, channels: Sequence[str]) -> Mapping[str, Any]:
    """Return channels of the state as they are in the current superstep; empty ones are left out.

    Args:
        config: of a node.
        channels: their names.
    """
    state: Mapping[str, Any] = (config.get("configurable") or {})[_READ](list(channels), False)
    return state


async def take_up(
    run: Run, config: RunnableConfig, hook: TakeUp | None, assignments: AssignmentsIn, *, planned: bool
) -> None:
    """Note what had ended of the superstep, if it is resumed. Does so once for a run; the others wait.

    Args:
        run: whose fan-out it is.
        config: of a branch.
        hook: watches the branches again; None if nothing does.
        assignments: of the branches.
        planned: whether the completion policy counts the branch.
    """
    fan_out = run.fan_out
    if fan_out.taken_up is None:
        fan_out.taken_up = asyncio.get_running_loop().create_future()
        try:
            if is_resuming(config):
                await _take_up(run, config, hook, assignments, planned=planned)
        finally:
            fan_out.taken_up.set_result(None)
    elif not fan_out.taken_up.done():
        await asyncio.shield(fan_out.taken_up)


async def _take_up(
    run: Run, config: RunnableConfig, hook: TakeUp | None, assignments: AssignmentsIn, *, planned: bool
) -> None:
    configurable: Mapping[str, Any] = config.get("configurable") or {}
    saver = configurable.get(_CHECKPOINTER)
    if not saver:
        return
    place = str(configurable.get("checkpoint_ns", "")).rpartition("|")[0]
    stored = await saver.aget_tuple(
        {
            "configurable": {
                "thread_id": configurable.get("thread_id"),
                "checkpoint_ns": place,
                "checkpoint_id": (configurable.get("checkpoint_map") or {}).get(place),
            }
        }
    )
    ended: dict[str, Branch | None] = {}
    for _, channel, value in (stored.pending_writes or ()) if stored else ():
        if channel == "branches" and isinstance(value, Mapping):
            ended |= value
        elif channel == PUT_OFF:
            ended[value] = None
    is_redrive = stored is not None and (stored.metadata or {}).get("source") == "update"
    if hook is not None and not is_redrive:  # its earlier failures must not end what it repeats
        hook.watch(run, read_state(config, hook.channels))
    counted: Collection[str] = ended if planned else ()
    if assignments.counted is not None and run.completion is not None:
        counted = assignments.counted(read_state(config, assignments.channels))
    run.fan_out.take_up(ended, counted)
