"""Estimate a vote, before any call."""

import math
from typing import Any

from langgraph_parallel.nodes.vote.electorate import Vote, question_input
from langgraph_parallel.nodes.vote.judge import Judge
from langgraph_parallel.nodes.vote.poll import Poll, VoteSettings, require_question
from langgraph_parallel.nodes.work.estimate import Estimator, estimate_worker
from langgraph_parallel.nodes.work.workers import Worker
from langgraph_parallel.records import Estimate
from langgraph_parallel.reducers.votes.rules import as_counting
from langgraph_parallel.reducers.votes.standing import PendingVoter, Standing
from langgraph_parallel.runtime.context import Context, VotingContext, as_context
from langgraph_parallel.runtime.messages import derived_input
from langgraph_parallel.runtime.planned_calls import expected_to_be_asked
from langgraph_parallel.runtime.run import Run, pretend_run


def voting_estimator(settings: VoteSettings) -> Estimator:
    """Build the estimator of a vote: all its voters, its judge, and its fallback."""

    async def estimate(input: Any, run: Run, context: Context) -> Estimate:
        input = derived_input(settings.from_messages, input)
        require_question(input)
        question, total = input["question"], Estimate()
        voters = settings.electorate.voters(question, as_context(context, VotingContext).voters)
        with pretend_run(run):
            poll = Poll.of(settings, voters, as_context(context, VotingContext))
        run.fan_out.cuts_off = poll.cuts_off
        needed = _fewest_asked(poll)
        size = poll.wave if isinstance(poll.wave, int) else len(voters)
        for number, voter in enumerate(voters):
            worker, work = settings.electorate.select(Vote(voter=voter, question=question))
            with expected_to_be_asked(asked=number < needed, wave=number // size):
                total += await estimate_worker(worker, work, run, context)
        for decider in (settings.rule, settings.on_undecided):
            with expected_to_be_asked(asked=decider is settings.rule):
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


def _fewest_asked(poll: Poll) -> int:
    """Return how many voters are asked if they agree: the waves that the stop needs, as long as it does."""
    voters, rule = poll.voters, poll.settings.rule
    if isinstance(rule, Judge) or poll.wave == "all":
        return len(voters)
    pending = [PendingVoter(voter, order) for order, voter in enumerate(voters)]
    fewest = min(poll.stop.fewest(Standing(as_counting(rule), pending)), len(voters))
    size = 1 if poll.wave == "lossless" else poll.wave
    return min(len(voters), math.ceil(fewest / size) * size)
