"""A review as a stream of events: run or resumed, with progress, and stopped gracefully by a signal."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol, cast

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph

from langgraph_parallel.cli.signals import stoppable
from langgraph_parallel.control import is_unfinished, rewind
from langgraph_parallel.errors import CompletionError
from langgraph_parallel.nodes.review.steps import question_in
from langgraph_parallel.records import Review, ReviewQuestion, RunReport
from langgraph_parallel.records.events import Ended

Graph = CompiledStateGraph[Any, Any, Any, Any]
Result = tuple[Review | None, RunReport]
"""The review, None if its closing failed, and the statistics of the run."""


class Watcher(Protocol):
    """Receives the events of a review."""

    def on_plan(self, questions: list[ReviewQuestion]) -> None:
        """Handle the plan: one question per vote."""
        ...

    def on_voter(self, voter: Ended) -> None:
        """Handle a voter that has finished."""
        ...

    def on_vote(self, vote: Ended) -> None:
        """Handle a vote that has finished."""
        ...

    def on_wait(self, event: Mapping[str, Any]) -> None:
        """Handle an event of another kind, such as a wait for a batch."""
        ...


async def run_review(
    graph: Graph, inputs: Mapping[str, Any], config: RunnableConfig, watcher: Watcher
) -> Result:
    """Run a review. The first SIGINT or SIGTERM drains it; the result then holds what had finished.

    Raises:
        UsageError: the input is not usable; no model was called.
        CompletionError: too few votes succeeded.
        KeyboardInterrupt: a second signal cancelled the run.
    """
    return await stoppable(_follow(graph, inputs, config, watcher))


async def resume_review(graph: Graph, config: RunnableConfig, watcher: Watcher) -> Result:
    """Finish a review that was interrupted, then run again what did not end ok.

    Raises:
        UsageError: the thread has no run.
        CompletionError, KeyboardInterrupt: as `run_review`.
    """

    async def finish_and_redrive() -> Result:
        if await is_unfinished(graph, config):
            with contextlib.suppress(CompletionError):  # votes that failed are run again below
                result = await _follow(graph, None, config, watcher)
                if result[0] is not None and result[0].interrupted:
                    return result
        if await rewind(graph, config):
            return await _follow(graph, None, config, watcher)
        values = (await graph.aget_state(config)).values
        return values["review"], values["run_report"]

    return await stoppable(finish_and_redrive())


async def _follow(
    graph: Graph, inputs: Mapping[str, Any] | None, config: RunnableConfig, watcher: Watcher
) -> Result:
    """Read the stream of a run: updates carry the plan and the result, custom events the branches."""
    modes = ["custom", "updates"]
    stream: AsyncIterator[Any] = cast("Any", graph).astream(inputs, config, stream_mode=modes, subgraphs=True)
    result: dict[str, Any] = {}
    async for namespace, mode, data in stream:
        if mode == "custom":
            _report_branch(data, watcher)
        elif not namespace and "plan" in data:
            watcher.on_plan([question_in(section) for section in data["plan"].get("sections", ())])
        elif not namespace and "unite" in data:
            result = data["unite"]
    return result["review"], result["run_report"]


def _report_branch(event: Mapping[str, Any], watcher: Watcher) -> None:
    if event.get("event") != "ended":
        watcher.on_wait(event)
        return
    ended = Ended.model_validate(event)
    if ended.kind == "voter":
        watcher.on_voter(ended)
    else:
        watcher.on_vote(ended)
