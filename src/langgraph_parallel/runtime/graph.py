"""What our compiled graphs are, beyond LangGraph's: each invocation is a governed run, sync or async."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar, cast

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from pydantic import ValidationError

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Estimate
from langgraph_parallel.reducers.completion import Completion, as_completion
from langgraph_parallel.runtime.context import Context, as_context, current_context
from langgraph_parallel.runtime.limits import PREFIX, Limits
from langgraph_parallel.runtime.run import Run, find_run

_CHECKPOINTER = "__pregel_checkpointer"
"""Under which LangGraph hands a checkpointer down to the graphs inside a graph."""

GraphT = TypeVar("GraphT", bound=CompiledStateGraph)  # type: ignore[type-arg]


@dataclass(frozen=True)
class Governing:
    """How a graph was built, as far as its runs are governed by it."""

    scatter: str
    """The node behind which its fan-out begins: a redrive goes on from there."""
    join: str
    """The node behind the fan-out."""
    estimate: Callable[[Any, Run, Context], Awaitable[Estimate]]
    """What a run on an input would take at most."""
    context: type[Context] = Context
    limits: Limits | None = None
    completion: Completion | None = None
    again: Callable[[Any, Context], dict[str, Any]] = lambda state, context: {}
    """What a redrive writes to the state before it goes on."""
    escalates: bool = False
    """Whether it may wait for a person."""
    fills: Sequence[str] = ()
    """Keys of the input that are None where they are left out."""
    asks: Sequence[Any] = ()
    """What asks models in it, so that a graph around it can make sure of them before any call."""
    takes: Callable[[str, str], Any] | None = None
    """Its input for one text under a title, where it can work on that: as a worker, or as a voter."""


class ParallelGraph(CompiledStateGraph):  # type: ignore[type-arg]
    """A compiled graph whose every invocation is a `Run`, with a budget, a deadline and an end of its own.

    `stream` and `invoke` run its async nodes, all in one loop, in a thread: LangGraph would run sync nodes in
    a small pool of threads, which ends the parallelism at a handful of branches; so there are none. They work
    where a loop is running already, in a notebook for example. A checkpointer has to be an async one, or in
    memory.
    """

    def __init__(self, *, governing: Governing, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # a copy, as `with_config` makes it
        self.governing = governing

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, *, context: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Stream as LangGraph does, in a run of its own; `ainvoke` is built on this."""
        run = self.run(config, context)
        self._check_can_wait(config, run)
        if isinstance(input, Mapping):  # what is left out must not be what an earlier run was given
            input = {**dict.fromkeys(self.governing.fills), **input}
        stream = super().astream(input, run.within(config), context=context, **kwargs)
        with run.active():
            async with aclosing(cast("Any", stream)) as chunks:
                async for chunk in chunks:
                    yield chunk

    def run(self, config: RunnableConfig | None, context: Any) -> Run:
        """Open a run; inside another one it is a part of that.

        Raises:
            UsageError: the runtime context or the environment has something that is no limit or policy.
        """
        around, built = find_run(config), self.governing
        if around is not None:
            return Run(built.limits, completion=built.completion, around=around)
        given = self.as_context(context)
        completion = (
            as_completion(given.completion)
            or built.completion
            or as_completion(os.environ.get(f"{PREFIX}COMPLETION", ""))
        )
        return Run(built.limits, given.limits, completion)

    def _check_can_wait(self, config: RunnableConfig | None, run: Run) -> None:
        """Make sure, before any call, that a run which may wait for a person can be gone on with."""
        if not self.governing.escalates or run.around is not None:
            return
        if not self.checkpointer and not ((config or {}).get("configurable") or {}).get(_CHECKPOINTER):
            raise UsageError(
                "on_undecided='escalate' waits for a person, which needs a checkpointer: make the graph with "
                "checkpointer=..., or the graph around it"
            )

    def as_context(self, context: Any) -> Context:
        """Read a runtime context; without one, that of the code around.

        Raises:
            UsageError: it has something that does not belong there.
        """
        if context is None:
            return current_context()
        if isinstance(context, Mapping):
            try:
                return self.governing.context.model_validate(dict(context))
            except ValidationError as error:
                problem = error.errors()[0]
                place = ".".join(map(str, problem["loc"])) or "context"
                raise UsageError(f"the runtime context has a wrong {place}: {problem['msg']}") from None
        return as_context(context, Context)

    def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Iterator[Any]:
        """Stream as `astream` does; `invoke` is built on this."""
        from anyio.from_thread import start_blocking_portal

        chunks: SimpleQueue[tuple[Any] | None] = SimpleQueue()

        async def pump() -> None:
            try:
                async for chunk in self.astream(input, config, **kwargs):
                    chunks.put((chunk,))
            finally:
                chunks.put(None)

        with start_blocking_portal() as portal:
            running = portal.start_task_soon(pump)
            try:
                while (held := chunks.get()) is not None:
                    yield held[0]
                running.result()
            finally:
                running.cancel()


def governed(graph: GraphT, governing: Governing) -> GraphT:
    """Make a compiled graph one of ours.

    `StateGraph.compile` decides the class of what it returns, so the class is changed afterwards.
    """
    graph.__class__ = ParallelGraph  # type: ignore[assignment]
    graph.governing = governing  # type: ignore[attr-defined]
    return graph
