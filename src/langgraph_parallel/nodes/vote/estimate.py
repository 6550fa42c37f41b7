"""What a vote would take, asked before anything is called."""

from collections.abc import Mapping
from typing import Any

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.vote.electorate import Vote, asked
from langgraph_parallel.nodes.vote.judge import Judge
from langgraph_parallel.nodes.vote.poll import VoteSettings
from langgraph_parallel.nodes.work.estimate import Estimator, estimate_worker
from langgraph_parallel.nodes.work.workers import Worker
from langgraph_parallel.records import Estimate
from langgraph_parallel.runtime.context import Context, VotingContext, as_context
from langgraph_parallel.runtime.run import Run


def voting_estimator(settings: VoteSettings) -> Estimator:
    """Make the estimator of a vote: all its voters, and who decides if they do not."""

    async def estimate(input: Any, run: Run, context: Context) -> Estimate:
        question, total = _of(input, "question"), Estimate()
        voters = settings.electorate.voters(question, as_context(context, VotingContext).voters)
        for voter in voters:
            worker, work = settings.electorate.select(Vote(voter=voter, question=question))
            total += await estimate_worker(worker, work, run, context)
        given = {"question": str(question), "answers": ""}
        for judge in (settings.rule, settings.on_undecided):
            if isinstance(judge, Judge):
                answers = len(voters) * run.limits.answer_tokens
                for _ in range(judge.readings):
                    total += judge.ask.estimate(given, run, context, more=answers)
            elif isinstance(judge, Worker):
                total += await estimate_worker(judge, asked(judge, question, answers=""), run, context)
        return total

    return estimate


def _of(input: Any, key: str) -> Any:
    """What a graph works on, by the key of its input."""
    if isinstance(input, Mapping) and input.get(key) is not None:
        return input[key]
    raise InputError(f"there is nothing to estimate; pass {{{key!r}: ...}}")
