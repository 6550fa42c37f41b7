"""Run a review while somebody watches; a signal stops it gracefully."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from typing import Any, Protocol, TypeVar, cast

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph

from langgraph_parallel.control import is_unfinished, to_redrive
from langgraph_parallel.nodes.fan_out.branch import BranchEvent
from langgraph_parallel.records import Branch, Review, ReviewQuestion, RunReport
from langgraph_parallel.runtime.run import drain

T = TypeVar("T")
Graph = CompiledStateGraph[Any, Any, Any, Any]


class Watcher(Protocol):
    """Told what happens while branches run."""

    def planned(self, questions: list[ReviewQuestion]) -> None:
        """The votes that will be held."""
        ...

    def heard(self, voter: Branch) -> None:
        """One voter has finished."""
        ...

    def closed(self, vote: Branch) -> None:
        """One vote has finished."""
        ...


async def run_review(
    graph: Graph, given: Mapping[str, Any], config: RunnableConfig, watcher: Watcher
) -> tuple[Review, RunReport]:
    """Run a review. SIGINT and SIGTERM drain it, and what is there by then is the result.

    Raises:
        UsageError: before any call.
        CompletionError: too few votes succeeded.
        KeyboardInterrupt: a second signal ended it at once.
    """
    return await stoppable(_follow(graph, given, config, watcher))


async def resume_review(graph: Graph, config: RunnableConfig, watcher: Watcher) -> tuple[Review, RunReport]:
    """Finish a review that was interrupted, then run again what did not end ok in it.

    Raises:
        UsageError: there is nothing on the thread.
        CompletionError, KeyboardInterrupt: as `run_review`.
    """

    async def both() -> tuple[Review, RunReport]:
        if await is_unfinished(graph, config):
            finished = await _follow(graph, None, config, watcher)
            if finished[0].interrupted:
                return finished
        if await to_redrive(graph, config):
            return await _follow(graph, None, config, watcher)
        values = (await graph.aget_state(config)).values
        return values["review"], values["report"]

    return await stoppable(both())


async def _follow(
    graph: Graph, given: Mapping[str, Any] | None, config: RunnableConfig, watcher: Watcher
) -> tuple[Review, RunReport]:
    """Read the stream of a run: updates bring the plan and the result, events the branches between."""
    modes = ["custom", "updates"]
    shown: AsyncIterator[Any] = cast("Any", graph).astream(given, config, stream_mode=modes, subgraphs=True)
    result: dict[str, Any] = {}
    async for place, mode, data in shown:
        if mode == "custom":
            _hear(data, watcher)
        elif not place and "plan" in data:
            watcher.planned(data["plan"]["questions"])
        elif not place and "unite" in data:
            result = data["unite"]
    return result["review"], result["report"]


def _hear(event: BranchEvent, watcher: Watcher) -> None:
    branch = event.get("branch")
    if branch is None:
        return
    if event["kind"] == "voter":
        watcher.heard(branch)
    else:
        watcher.closed(branch)


async def stoppable(running: Awaitable[T]) -> T:
    """Await a run that the first signal drains and the second one ends.

    Raises:
        KeyboardInterrupt: the second one has.
    """
    task = asyncio.ensure_future(running)
    with _heeding_signals(task):
        try:
            return await task
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


@contextlib.contextmanager
def _heeding_signals(task: "asyncio.Future[Any]") -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    stopped = False

    def stop(number: signal.Signals) -> None:
        nonlocal stopped
        if stopped:
            task.cancel()
            return
        stopped = True
        drain(f"stopped by {number.name}")
        print("stopping: what is running may finish; once more ends it at once", file=sys.stderr, flush=True)

    try:
        for number in signals:
            loop.add_signal_handler(number, stop, number)
    except (NotImplementedError, RuntimeError):  # not on this platform, or not in the main thread
        pass
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError):
            for number in signals:
                loop.remove_signal_handler(number)
