"""What a run would take, asked of its parts before anything is called."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.ask import Ask
from langgraph_parallel.nodes.flow import Flow
from langgraph_parallel.nodes.flowing import planned
from langgraph_parallel.nodes.judge import Judge
from langgraph_parallel.nodes.polling import VoteSettings
from langgraph_parallel.nodes.voters import Vote, asked
from langgraph_parallel.nodes.workers import Worker
from langgraph_parallel.records import Estimate
from langgraph_parallel.runtime.context import Context, VotingContext, context_of
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.run import Run, supposing

Estimator = Callable[[Any, Run, Context], Awaitable[Estimate]]
_UNKNOWN = Estimate(notes=["calls that functions and foreign Runnables make are not in it"])


@runtime_checkable
class Estimable(Protocol):
    """A worker that knows what it takes."""

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """What it takes at most."""
        ...


async def estimate_worker(
    worker: Worker, input: Any, run: Run, context: Context, *, more: int = 0
) -> Estimate:
    """What a worker takes for one piece of work; a graph of ours is asked for all of its inside.

    Args:
        worker: any.
        input: what it gets.
        run: whose limits hold.
        context: whose model is asked.
        more: tokens of its prompt that are not known yet: answers of others.
    """
    if isinstance(worker, ParallelGraph):
        inner = Run(worker.governing.limits, around=run)
        return await worker.governing.estimate(input, inner, context)
    if isinstance(worker, Ask):
        return worker.estimate(input, run, context, more=more)
    return worker.estimate(input, run, context) if isinstance(worker, Estimable) else _UNKNOWN


def flow_estimator(flow: Flow) -> Estimator:
    """Make the estimator of a graph over sections: plan, a worker for each section, later rounds, close.

    Where a model plans, it is not asked: the plan then has as many sections as it may have, each with the
    whole request.
    """

    async def estimate(input: Any, run: Run, context: Context) -> Estimate:
        given = {key: input[key] for key in flow.takes if isinstance(input, Mapping) and key in input}
        total = Estimate()
        if flow.draft is None:
            with supposing(run):
                sections = await planned(flow, given, context)
        else:
            asked, drafted = flow.draft(given, run, context)
            total, sections = total + asked, list(drafted)
        sections = sections[: run.limits.sections]
        with supposing(run):
            later = flow.most(sections)
        for section in [*sections, *later]:
            worker, work = flow.workers.select(section)
            earlier = len(section.needs) * run.limits.answer_tokens
            total += await estimate_worker(worker, work, run, context, more=earlier)
        for ask in flow.closes if flow.needs_model(context) else ():
            answers = len(sections) * run.limits.answer_tokens
            total += ask.estimate(dict.fromkeys(ask.variables, ""), run, context, more=answers)
        return total

    return estimate


def voting_estimator(settings: VoteSettings) -> Estimator:
    """Make the estimator of a vote: all its voters, and who decides if they do not."""

    async def estimate(input: Any, run: Run, context: Context) -> Estimate:
        question, total = _of(input, "question"), Estimate()
        voters = settings.electorate.voters(question, context_of(context, VotingContext).voters)
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
