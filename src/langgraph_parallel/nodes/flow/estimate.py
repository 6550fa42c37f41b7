"""Estimate a graph over sections, before any call."""

from typing import Any

from langgraph_parallel.nodes.flow.nodes import make_plan
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.estimate import Estimator, estimate_worker
from langgraph_parallel.records import Estimate
from langgraph_parallel.runtime.context import Context, as_context
from langgraph_parallel.runtime.messages import derived_input
from langgraph_parallel.runtime.run import Run, pretend_run


def flow_estimator(flow: Flow) -> Estimator:
    """Build the estimator of a flow: plan, a worker for each section, later rounds, close.

    A plan that a model makes is not made: it then counts as many sections as it may have, each with the whole
    request.
    """

    async def estimate(input: Any, run: Run, context: Context) -> Estimate:
        own_context, total = as_context(context, flow.context), Estimate()
        given = flow.read_input(derived_input(flow.from_messages, input))
        if flow.estimate_plan is None:
            with pretend_run(run):
                sections, _ = await make_plan(flow, given, own_context)
        else:
            calls, sections = flow.estimate_plan(given, run, own_context)
            total += calls
        with pretend_run(run):
            later = flow.later_sections(sections)
        for section in [*sections, *later]:
            worker, work = flow.workers.select(section)
            earlier = len(section.needs) * run.limits.answer_tokens
            total += await estimate_worker(worker, work, run, context, more=earlier)
        for ask in flow.close_asks if flow.asks_models(own_context) else ():
            answers = len(sections) * run.limits.answer_tokens
            total += ask.estimate(dict.fromkeys(ask.variables, ""), run, context, more=answers)
        return total

    return estimate
