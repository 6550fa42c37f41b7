"""What a worker would take, asked before anything is called."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Worker
from langgraph_parallel.records import Estimate
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.run import Run

Estimator = Callable[[Any, Run, Context], Awaitable[Estimate]]
_UNKNOWN = Estimate(notes=["calls that functions and foreign Runnables make are not in it"])


@runtime_checkable
class Estimable(Protocol):
    """A worker that knows what it takes."""

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """What it takes at most."""
        ...


async def estimate_worker(
    worker: Worker, input: Any, run: Run, context: Context, *, more: int = 0
) -> Estimate:
    """What a worker takes for one piece of work; a graph of ours is asked for all of its inside.

    Args:
        worker: any.
        input: what it gets.
        run: whose limits hold.
        context: whose model is asked.
        more: tokens of its prompt that are not known yet: answers of others.
    """
    if isinstance(worker, ParallelGraph):
        inner = Run(worker.governing.limits, around=run)
        return await worker.governing.estimate(input, inner, context)
    if isinstance(worker, Ask):
        return worker.estimate(input, run, context, more=more)
    return worker.estimate(input, run, context) if isinstance(worker, Estimable) else _UNKNOWN
