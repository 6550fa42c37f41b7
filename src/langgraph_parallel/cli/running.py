"""Run a review while somebody watches, and keep what is there when they stop it."""

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from langgraph.graph.state import CompiledStateGraph

from langgraph_parallel.nodes.branch import BranchEvent
from langgraph_parallel.nodes.gather import in_order, tally_of
from langgraph_parallel.nodes.review import ReviewSettings, close
from langgraph_parallel.records import Branch, Review, ReviewQuestion, RunReport
from langgraph_parallel.runtime.run_report import measure


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


@dataclass
class _Seen:
    """What the stream of a run has shown so far: enough to close the review at any moment."""

    started: float = field(default_factory=time.time)
    plan: dict[str, Any] = field(default_factory=dict)
    votes: dict[str, Branch] = field(default_factory=dict)
    voters: dict[str, dict[str, Branch]] = field(default_factory=dict)
    """By question, then by voter."""
    result: dict[str, Any] | None = None

    def branches(self) -> dict[str, Branch]:
        """Votes that have finished, and those that were cut short with the ballots that they had."""
        held = dict(self.votes)
        for order, question in enumerate(self.plan.get("questions", [])):
            if question.id not in held:
                held[question.id] = self._cut_short(question, order)
        return held

    def _cut_short(self, question: ReviewQuestion, order: int) -> Branch:
        voters = in_order(self.voters.get(question.id, {}))
        return Branch(
            id=question.id,
            name=f"review[{question.aspect.name}] {question.title}",
            order=order,
            status="cancelled",
            error="the run was stopped",
            value={"ballots": [ballot.model_dump(mode="json") for ballot in tally_of(voters).in_order()]},
            calls=[call for voter in voters for call in voter.calls],
            started=min((voter.started for voter in voters), default=self.started),
            ended=max((voter.ended for voter in voters), default=self.started),
            leaves=Counter(
                [voter.status for voter in voters] + ["cancelled"] * (len(question.voters) - len(voters))
            ),
            failures={voter.name: voter.error or voter.status for voter in voters if not voter.ok},
        )


async def run_review(
    graph: CompiledStateGraph[Any, Any, Any, Any],
    given: Mapping[str, Any],
    settings: ReviewSettings,
    watcher: Watcher,
) -> tuple[Review, RunReport]:
    """Run a review; SIGINT and SIGTERM stop it, and what is there by then is the result.

    Raises:
        UsageError: before any call.
        KeyboardInterrupt: it was stopped before there was a plan.
    """
    seen = _Seen()
    task = asyncio.ensure_future(_follow(graph, given, seen, watcher))
    with _stopping(task):
        try:
            await task
        except asyncio.CancelledError:
            if not seen.plan:
                raise KeyboardInterrupt from None
    if seen.result is not None:
        return seen.result["review"], seen.result["report"]
    branches = seen.branches()
    review = close({**seen.plan, "branches": branches}, settings, interrupted=True)
    return review, measure(in_order(branches), started=seen.started, ended=time.time())


async def _follow(
    graph: CompiledStateGraph[Any, Any, Any, Any], given: Mapping[str, Any], seen: _Seen, watcher: Watcher
) -> None:
    """Read the stream of a run: updates bring the plan and the result, events the branches between."""
    shown: AsyncIterator[Any] = cast("Any", graph).astream(
        dict(given), stream_mode=["custom", "updates"], subgraphs=True
    )
    async for place, mode, data in shown:
        if mode == "custom":
            _hear(data, seen, watcher)
        elif not place and "plan" in data:
            seen.plan = data["plan"]
            watcher.planned(seen.plan["questions"])
        elif not place and "unite" in data:
            seen.result = data["unite"]


def _hear(event: BranchEvent, seen: _Seen, watcher: Watcher) -> None:
    branch = event.get("branch")
    if branch is None:
        return
    if event["kind"] == "voter":
        seen.voters.setdefault(event["parent"] or "", {})[branch.id] = branch
        watcher.heard(branch)
    else:
        seen.votes[branch.id] = branch
        watcher.closed(branch)


@contextlib.contextmanager
def _stopping(task: "asyncio.Future[None]") -> Iterator[None]:
    """Cancel a task on the first SIGINT or SIGTERM; a second SIGINT ends the process as usual."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def stop() -> None:
        task.cancel()
        for number in signals:
            loop.remove_signal_handler(number)

    try:
        for number in signals:
            loop.add_signal_handler(number, stop)
    except (NotImplementedError, RuntimeError):  # not on this platform, or not in the main thread
        pass
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError):
            for number in signals:
                loop.remove_signal_handler(number)
