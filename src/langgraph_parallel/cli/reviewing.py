"""The review as a command: from its settings to a result, kept on disk while it is not done."""

import asyncio
import contextlib
import dataclasses
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from pydantic import ValidationError

from langgraph_parallel.cli.progress import ShownProgress
from langgraph_parallel.cli.run_store import RunStore
from langgraph_parallel.cli.running import resume_review, run_review
from langgraph_parallel.control import aestimate
from langgraph_parallel.errors import CompletionError, UsageError
from langgraph_parallel.graphs.review import review_graph
from langgraph_parallel.nodes.review.aspects import as_aspects
from langgraph_parallel.nodes.review.nodes import ReviewSettings
from langgraph_parallel.records import Estimate, Review, RunReport
from langgraph_parallel.report.review.wording import headline
from langgraph_parallel.report.wording import count
from langgraph_parallel.runtime.context import ReviewContext
from langgraph_parallel.runtime.limits import Limits

Result = tuple[Review, RunReport]


@dataclass(frozen=True)
class Settings:
    """What the options of the command say; it goes to disk with the run, and has no secret in it."""

    aspects: list[str] | None = None
    model: str | None = None
    voters: int = 3
    engines: bool = True
    offline: bool = False
    reconcile: bool = False
    completion: str | None = None
    limits: dict[str, Any] = field(default_factory=dict)

    def graph(self, checkpointer: Any = None) -> CompiledStateGraph[Any, Any, Any, Any]:
        """The review that they describe.

        Raises:
            UsageError: they contradict each other, or there is nobody to review.
        """
        made = ReviewSettings(
            aspects=as_aspects(self.aspects),
            model=self.model,
            voters=self.voters,
            engines=self.engines,
            offline=self.offline,
            reconcile=self.reconcile,
        )
        made.readers(ReviewContext())
        return review_graph(made, self._limits(), self.completion, checkpointer=checkpointer, name="review")

    def _limits(self) -> Limits:
        try:
            return Limits.model_validate(self.limits)
        except ValidationError as error:
            problem = error.errors()[0]
            raise UsageError(f"--{str(problem['loc'][0]).replace('_', '-')}: {problem['msg']}") from None


def reviewed(settings: Settings, given: Mapping[str, Any], what: str, *, keep: bool) -> Result:
    """Review, and keep the run on disk until it is done.

    Raises:
        CompletionError: too few votes succeeded.
        KeyboardInterrupt: it was ended at once.
    """
    store = RunStore() if keep else None
    kept = store.begin(f"review {what}".strip(), dataclasses.asdict(settings)) if store else None

    async def run() -> Result:
        async with _graph(settings, store) as graph:
            config: RunnableConfig = {"configurable": {"thread_id": kept.id}} if kept else {}
            with ShownProgress() as progress:
                return await run_review(graph, given, config, progress)

    return _finished(store, kept.id, run) if store and kept else asyncio.run(run())


def resumed(id: str, given: Settings) -> Result:
    """Go on with an earlier run, by its own settings; limits that are given now go before those.

    Raises:
        UsageError: there is no such run, or nothing left to do in it.
        CompletionError, KeyboardInterrupt: as `reviewed`.
    """
    store = RunStore()
    kept = store.find(id)
    held = Settings(**kept.settings)
    settings = dataclasses.replace(
        held,
        model=given.model or held.model,
        completion=given.completion or held.completion,
        limits={**held.limits, **given.limits},
    )

    async def run() -> Result:
        async with _graph(settings, store) as graph:
            with ShownProgress() as progress:
                config: RunnableConfig = {"configurable": {"thread_id": kept.id}}
                return await resume_review(graph, config, progress)

    return _finished(store, kept.id, run)


def estimated(settings: Settings, given: Mapping[str, Any]) -> str:
    """What a review would take at most, in words."""
    made: Estimate = asyncio.run(aestimate(settings.graph(), given))
    tokens = f"{made.input_tokens:,} tokens in and {made.output_tokens:,} out at most"
    price = "at a price that is not known" if made.usd is None else f"${made.usd:.2f} at most"
    notes = "".join(f"{note}\n" for note in made.notes)
    calls = f"{count(made.calls, 'call')} to models, {count(made.most_calls, 'request')} if all are repeated"
    return f"{calls}; {tokens}, {price}.\n{notes}"


@contextlib.asynccontextmanager
async def _graph(settings: Settings, store: RunStore | None) -> AsyncIterator[Any]:
    if store is None:
        yield settings.graph()
        return
    async with store.checkpointer() as checkpointer:
        yield settings.graph(checkpointer)


def _finished(store: RunStore, id: str, run: Any) -> Result:
    """Run, note how it ended, and say how to go on with it."""
    try:
        result: Result = asyncio.run(run())
    except UsageError:
        store.forget(id)  # before any call
        raise
    except CompletionError as error:
        _note(store, id, "partial", str(error))
        raise
    except KeyboardInterrupt:
        _note(store, id, "stopped", "ended at once")
        raise
    review, report = result
    state = "stopped" if review.interrupted else "partial" if report.failures else "done"
    _note(store, id, state, headline(review))
    return result


def _note(store: RunStore, id: str, state: str, summary: str) -> None:
    store.finish(id, state, summary)
    if state != "done":
        hint = f"langgraph-parallel review --resume {id}"
        print(f"not everything was done; to run the rest: {hint}", file=sys.stderr)
