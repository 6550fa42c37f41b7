"""The nodes of a vote: who is asked, wave by wave, and what the ballots say."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.fan_out.branch import Handover, Task, get_earlier, get_handover
from langgraph_parallel.nodes.fan_out.close import closing_step, require_completion
from langgraph_parallel.nodes.vote.electorate import Vote
from langgraph_parallel.nodes.vote.fallback import deciding_asks
from langgraph_parallel.nodes.vote.judge import Judge, undecided
from langgraph_parallel.nodes.vote.poll import Poll, VoteSettings
from langgraph_parallel.records import Branch, Verdict
from langgraph_parallel.reducers.completion import check_completion
from langgraph_parallel.reducers.votes.agreement import too_perfect
from langgraph_parallel.runtime.context import Context, VotingContext, as_context
from langgraph_parallel.runtime.models import require_model
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.runtime.run import current_run


def open_node(settings: VoteSettings) -> Callable[..., Any]:
    """Make the node that opens a vote."""

    async def open_vote(state: Any, runtime: Runtime[Context], config: RunnableConfig) -> dict[str, Any]:
        """Say who votes, and who first; forget what an earlier run on this thread has left."""
        if not state.get("question"):
            raise InputError("the vote has no question; pass {'question': ...}")
        run, context = current_run(), as_context(runtime.context, VotingContext)
        settings.electorate.check(context.model, run)
        for ask in deciding_asks(settings):
            require_model(ask.chosen(context))
            check_prices(run.limits_for(ask.limits), [ask.chosen(context)])
        voters = list(settings.electorate.voters(state["question"], context.voters))
        check_completion(run.completion, voters)
        below = get_earlier(config)
        branches = below.branches if below else {}
        poll = Poll.of(settings, voters, context)
        return {
            "voters": voters,
            "branches": Overwrite(branches),
            "calls": Overwrite({}),
            **_first_wave(poll, branches, get_handover(config)),
        }

    return open_vote


def redrive_vote(settings: VoteSettings) -> Callable[..., Any]:
    """Make the function that says who is asked when a vote on a thread is run again."""

    def reopen(state: Any, context: Context) -> dict[str, Any]:
        poll = Poll.of(settings, state["voters"], as_context(context, VotingContext))
        return _first_wave(poll, state["branches"], None)

    return reopen


def _first_wave(poll: Poll, branches: Mapping[str, Branch], inside: Handover | None) -> dict[str, Any]:
    if inside and inside.answers:
        return {"wave": [], "pending": []}  # somebody has decided; there is nothing left to ask
    voters = [v for v in poll.in_asking_order() if not (v in branches and branches[v].whole)]
    return _wave(poll, branches, voters, ())


def _wave(
    poll: Poll, branches: Mapping[str, Branch], left: Sequence[str], before: Sequence[str]
) -> dict[str, Any]:
    wave, pending = poll.divided(branches, left, before)
    poll.race(branches, wave, pending)
    return {"wave": wave, "pending": pending}


def voter_tasks(settings: VoteSettings) -> Callable[[Any], list[Task]]:
    """Make the function that gives one task for each voter of the next wave."""

    def tasks(state: Any) -> list[Task]:
        question, label = state["question"], settings.label(state["question"])
        order = {voter: place for place, voter in enumerate(state["voters"])}
        return [
            Task(
                id=voter,
                name=f"vote[{label}#{voter.rpartition('#')[2]}]",
                order=order[voter],
                work=Vote(voter=voter, question=question),
            )
            for voter in state["wave"]
        ]

    return tasks


def all_voters(state: Any) -> Sequence[str]:
    """Everybody who may be asked."""
    voters: Sequence[str] = state["voters"]
    return voters


def tally_node(settings: VoteSettings) -> Callable[..., Any]:
    """Make the node that counts after each wave, and says who is asked next."""

    async def tally(state: Any, runtime: Runtime[Context]) -> dict[str, Any]:
        """Ask the stop whether more ballots are needed."""
        poll = Poll.of(settings, state["voters"], as_context(runtime.context, VotingContext))
        return _wave(poll, state["branches"], state["pending"], state["wave"])

    return tally


def close_node(settings: VoteSettings) -> Callable[..., Any]:
    """Make the node that closes the vote."""

    async def decide(state: Any, runtime: Runtime[Context]) -> dict[str, Any]:
        """Apply the rule; a judge or a rule that fails leaves the vote undecided."""
        require_completion(state)
        poll = Poll.of(settings, state["voters"], as_context(runtime.context, VotingContext))
        branches = state["branches"]
        ballots = poll.tally(branches)
        verdict: Verdict | None = None
        with closing_step(settings.rule.name) as closed:
            if isinstance(settings.rule, Judge):
                verdict = await settings.rule.decide(str(state["question"]), ballots)
            else:
                verdict = settings.rule(ballots)
                if not isinstance(verdict, Verdict):
                    given, verdict = type(verdict).__name__, None
                    raise TypeError(f"the rule gave {given} where a Verdict is due")
        verdict = verdict or undecided(ballots, settings.rule.name)
        not_asked = [voter for voter in poll.voters if voter not in branches]
        ended = not_asked or any(branch.ended_by == "stop" for branch in branches.values())
        warnings = too_perfect([ballots])
        if verdict.agreement == 1 and (alike := settings.electorate.alike(list(ballots.ballots))):
            warnings.append(alike)
        said = {
            "stopped": str(poll.stop) if ended and poll.over(branches, not_asked) else "",
            "not_asked": len(not_asked),
            "warnings": warnings,
        }
        closed.saved, closed.trials = len(not_asked), poll.trials(branches)
        closed.over = f"the vote was over: {said['stopped']}" if said["stopped"] else ""
        return {
            "verdict": verdict.model_copy(update=said),
            "ballots": list(ballots.in_order()),
            "report": closed.report(state),
            "calls": closed.calls,
        }

    return decide
