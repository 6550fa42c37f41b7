"""The sync face of graphs whose nodes are all async: a thin wrapper around one event loop."""

from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any, TypeVar

from langgraph.graph.state import CompiledStateGraph

GraphT = TypeVar("GraphT", bound=CompiledStateGraph)  # type: ignore[type-arg]


class ParallelGraph(CompiledStateGraph):  # type: ignore[type-arg]
    """A compiled graph whose `stream` and `invoke` run its async nodes, all in one loop, in a thread.

    LangGraph would run sync nodes in a small pool of threads, which ends the parallelism at a handful of
    branches; so there are none. Works where a loop is running already, in a notebook for example. A
    checkpointer has to be an async one, or in memory.
    """

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


def with_sync_face(graph: GraphT) -> GraphT:
    """Give a compiled graph its sync face.

    `StateGraph.compile` decides the class of what it returns, so the class is changed afterwards.
    """
    graph.__class__ = ParallelGraph  # type: ignore[assignment]
    return graph
