"""Steps of a worker that a checkpointer keeps: after a crash, a worker goes on with what it had been told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from langgraph.config import get_config
from langgraph.func import task

from langgraph_parallel.nodes.work.held_saver import HeldSaver
from langgraph_parallel.records import Call
from langgraph_parallel.runtime.recording import record, recording

_CHECKPOINTER, _CALL = "__pregel_checkpointer", "__pregel_call"
"""Config keys under which LangGraph passes its checkpointer, and what runs a `task`."""


async def remember(name: str, step: Callable[[], Awaitable[Any]]) -> Any:
    """Make a step, or return what it returned before the process died.

    A worker has to make its steps in the same order each time: the n-th step is the same one after a crash.
    Model calls of a remembered step are recorded again. A step that failed or interrupted is made again.
    Nothing is remembered without a checkpointer, in an answer that is withheld, outside of a graph, and under
    LangGraph's `max_concurrency`, whose last place a node may hold that waits for the step.

    Args:
        name: of the step, in traces.
        step: returns plain data, as JSON has it.
    """
    if not _can_remember():
        return await step()
    is_new = asyncio.Event()
    made: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()

    async def told() -> dict[str, Any] | None:
        is_new.set()
        return await made

    # LangGraph stores what a task returns. The step itself is made here, not in there: what it raises would
    # count as the node's failure, and an interrupt or a graph in it would get a namespace of the task's.
    remembered: Any = task(name=name)(told)  # type: ignore[arg-type]  # it takes no arguments
    telling = asyncio.ensure_future(remembered())
    asking = asyncio.ensure_future(is_new.wait())
    try:
        await asyncio.wait([telling, asking], return_when=asyncio.FIRST_COMPLETED)
        if not is_new.is_set() and (before := await telling) is not None:
            for call in before["calls"]:
                record(Call.model_validate(call))
            return before["value"]
        with recording() as calls:
            value = await step()
        plain = [call.model_dump(mode="json") for call in calls.values()]
        if not made.done():
            made.set_result({"value": value, "calls": plain})
        await telling
        return value
    finally:
        asking.cancel()
        if not made.done():
            made.set_result(None)  # the step failed


def _can_remember() -> bool:
    try:
        config = get_config()
    except RuntimeError:
        return False
    configurable = config.get("configurable") or {}
    can_wait, saver = config.get("max_concurrency") is None, configurable.get(_CHECKPOINTER)
    # What is held back until an answer may be seen is in no checkpoint of a step either.
    return can_wait and bool(saver) and not isinstance(saver, HeldSaver) and _CALL in configurable
