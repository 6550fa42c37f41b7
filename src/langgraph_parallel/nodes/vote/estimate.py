"""Estimate a vote, before any call."""

from typing import Any

from langgraph_parallel.nodes.vote.electorate import Vote, question_input
from langgraph_parallel.nodes.vote.judge import Judge
from langgraph_parallel.nodes.vote.poll import VoteSettings, require_question
from langgraph_parallel.nodes.work.estimate import Estimator, estimate_worker
from langgraph_parallel.nodes.work.workers import Worker
from langgraph_parallel.records import Estimate
from langgraph_parallel.runtime.context import Context, VotingContext, as_context
from langgraph_parallel.runtime.messages import derived_input
from langgraph_parallel.runtime.run import Run


def voting_estimator(settings: VoteSettings) -> Estimator:
    """Build the estimator of a vote: all its voters, its judge, and its fallback."""

    async def estimate(input: Any, run: Run, context: Context) -> Estimate:
        input = derived_input(settings.from_messages, input)
        require_question(input)
        question, total = input["question"], Estimate()
        voters = settings.electorate.voters(question, as_context(context, VotingContext).voters)
        for voter in voters:
            worker, work = settings.electorate.select(Vote(voter=voter, question=question))
            total += await estimate_worker(worker, work, run, context)
        for decider in (settings.rule, settings.on_undecided):
            if isinstance(decider, Judge):
                answers = len(voters) * run.limits.answer_tokens
                variables = {"question": question, "answers": ""}
                for _ in range(decider.readings):
                    total += await estimate_worker(decider.ask, variables, run, context, more=answers)
            elif isinstance(decider, Worker):
                work = question_input(decider, question, answers="")
                total += await estimate_worker(decider, work, run, context)
        return total

    return estimate
