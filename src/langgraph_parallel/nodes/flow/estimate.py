"""What a run would take, asked of its parts before anything is called."""

from collections.abc import Mapping
from typing import Any

from langgraph_parallel.nodes.flow.nodes import planned
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.estimate import Estimator, estimate_worker
from langgraph_parallel.records import Estimate
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.run import Run, pretend_run


def flow_estimator(flow: Flow) -> Estimator:
    """Make the estimator of a graph over sections: plan, a worker for each section, later rounds, close.

    Where a model plans, it is not asked: the plan then has as many sections as it may have, each with the
    whole request.
    """

    async def estimate(input: Any, run: Run, context: Context) -> Estimate:
        given = {key: input[key] for key in flow.takes if isinstance(input, Mapping) and key in input}
        total = Estimate()
        if flow.draft is None:
            with pretend_run(run):
                sections = await planned(flow, given, context)
        else:
            asked, drafted = flow.draft(given, run, context)
            total, sections = total + asked, list(drafted)
        sections = sections[: run.limits.sections]
        with pretend_run(run):
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
