"""The nodes of a vote: who is asked, and what the ballots say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Overwrite
from pydantic import JsonValue

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.branch import Task, below_of
from langgraph_parallel.nodes.closing import closing, require_completion
from langgraph_parallel.nodes.gather import in_order, tally_of
from langgraph_parallel.nodes.judge import Judge, undecided
from langgraph_parallel.nodes.voters import Electorate, Vote
from langgraph_parallel.records import Verdict
from langgraph_parallel.reducers import Rule
from langgraph_parallel.reducers.completion import check_completion
from langgraph_parallel.runtime.context import Context, VotingContext, context_of
from langgraph_parallel.runtime.models import require_model
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.runtime.run import current_run


@dataclass(frozen=True)
class VoteSettings:
    """How a vote was built."""

    electorate: Electorate
    rule: Rule | Judge
    label: Callable[[Any], str]
    """From a question to what its voters are called in traces: `vote[label#2]`."""
    choices: Sequence[JsonValue] | None = None
    ballot: str = "choice"
    """The field of a voter's answer that is the choice."""


def opening(settings: VoteSettings) -> Callable[..., Any]:
    """Make the node that opens a vote."""

    def open_vote(state: Any, runtime: Runtime[Context], config: RunnableConfig) -> dict[str, Any]:
        """Say who votes, and forget what an earlier run on this thread has left."""
        if not state.get("question"):
            raise InputError("the vote has no question; pass {'question': ...}")
        run, context = current_run(), context_of(runtime.context, VotingContext)
        settings.electorate.check(context.model, run)
        if isinstance(settings.rule, Judge):
            ask = settings.rule.ask
            require_model(ask.chosen(context))
            check_prices(run.limits_for(ask.limits), [ask.chosen(context)])
        voters = list(settings.electorate.voters(state["question"], context.voters))
        check_completion(run.completion, voters)
        below = below_of(config)
        return {
            "voters": voters,
            "branches": Overwrite(below.branches if below else {}),
            "calls": Overwrite({}),
        }

    return open_vote


def voter_tasks(settings: VoteSettings) -> Callable[[Any], list[Task]]:
    """Make the function that gives one task for each voter."""

    def tasks(state: Any) -> list[Task]:
        question, label = state["question"], settings.label(state["question"])
        return [
            Task(
                id=voter,
                name=f"vote[{label}#{voter.rpartition('#')[2]}]",
                order=order,
                work=Vote(voter=voter, question=question),
            )
            for order, voter in enumerate(state["voters"])
        ]

    return tasks


def tallying(settings: VoteSettings) -> Callable[..., Any]:
    """Make the node that counts the ballots and closes the vote."""

    async def tally(state: Any) -> dict[str, Any]:
        """Count, and decide; a judge or a rule that fails leaves the vote undecided."""
        require_completion(state)
        branches = in_order(state["branches"])
        ballots = tally_of(branches, choices=settings.choices, field=settings.ballot)
        verdict: Verdict | None = None
        with closing(settings.rule.name) as closed:
            if isinstance(settings.rule, Judge):
                verdict = await settings.rule.decide(str(state["question"]), ballots)
            else:
                verdict = settings.rule(ballots)
        return {
            "verdict": verdict or undecided(ballots),
            "ballots": list(ballots.in_order()),
            "report": closed.report(state),
            "calls": closed.calls,
        }

    return tally
