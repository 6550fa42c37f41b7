"""Estimate what a worker takes, before any call."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Worker
from langgraph_parallel.records import Estimate
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.run import Run

Estimator = Callable[[Any, Run, Context], Awaitable[Estimate]]
_UNKNOWN = Estimate(notes=["Calls made by functions, agents and other Runnables are not included."])


@runtime_checkable
class Estimable(Protocol):
    """A worker that can estimate itself."""

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """Return the upper bounds of the work on an input."""
        ...


async def estimate_worker(
    worker: Worker, input: Any, run: Run, context: Context, *, more: int = 0
) -> Estimate:
    """Estimate a worker on one input; a nested graph is estimated as a whole.

    Args:
        worker: any.
        input: what the worker gets.
        run: whose limits apply.
        context: whose model is asked.
        more: prompt tokens that are not known yet, such as the answers of other workers.
    """
    if isinstance(worker, ParallelGraph):
        nested = Run(worker.governing.limits, outer=run, fallbacks=worker.governing.fallbacks)
        return await worker.governing.estimate(input, nested, context)
    if isinstance(worker, Ask):
        return worker.estimate(input, run, context, more=more)
    return worker.estimate(input, run, context) if isinstance(worker, Estimable) else _UNKNOWN
