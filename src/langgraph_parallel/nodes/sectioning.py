"""The nodes of sectioning: the plan, and what is made of the results."""

import inspect
from collections.abc import Callable
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from pydantic import JsonValue

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.ask import Ask
from langgraph_parallel.nodes.branch import Task, inside_of
from langgraph_parallel.nodes.closing import Closing, closing, require_completion
from langgraph_parallel.nodes.plan import Planner, make_plan, resumed_plan
from langgraph_parallel.nodes.synthesize import Gathered, Synthesizer
from langgraph_parallel.nodes.workers import Worker
from langgraph_parallel.reducers.completion import check_completion
from langgraph_parallel.runtime.context import Context, context_of
from langgraph_parallel.runtime.models import require_model
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.runtime.run import current_run
from langgraph_parallel.runtime.run_report import escalated


def planning(planner: Planner, worker: Worker, synthesizer: Synthesizer) -> Callable[..., Any]:
    """Make the node that divides the content, once it is sure that all models can be had."""
    asks = asks_of(planner, worker, synthesizer)

    async def plan(state: Any, runtime: Runtime[Context], config: RunnableConfig) -> dict[str, Any]:
        """Divide the content into sections."""
        inside = inside_of(config)
        answers = list(inside.answers) if inside else []
        if inside and inside.below is not None:
            return {**resumed_plan(inside.below), "answers": answers}
        if "content" not in state:
            raise InputError("sectioning has no content; pass {'content': ...}")
        run, context = current_run(), context_of(runtime.context, Context)
        for ask in asks:
            require_model(ask.chosen(context))
            check_prices(run.limits_for(ask.limits), [ask.chosen(context)])
        made = await make_plan(planner, state["content"], run.limits.sections)
        check_completion(run.completion, [section.id for section in made["sections"]])
        return {**made, "answers": answers}

    return plan


def asks_of(planner: Planner, worker: Worker, synthesizer: Synthesizer) -> list[Ask]:
    """The parts of a sectioning that ask a model themselves."""
    parts = (planner.ask, worker, getattr(synthesizer, "ask", None))
    return [part for part in parts if isinstance(part, Ask)]


def section_tasks(name: str) -> Callable[[Any], list[Task]]:
    """Make the function that gives one task for each section: `name[Introduction]`."""

    def tasks(state: Any) -> list[Task]:
        return [
            Task(id=section.id, name=f"{name}[{section.title}]", order=order, work=section)
            for order, section in enumerate(state["sections"])
        ]

    return tasks


def synthesizing(synthesizer: Synthesizer) -> Callable[..., Any]:
    """Make the node that joins the results; when it fails, the sections come back without a result."""

    async def synthesize(state: Any) -> dict[str, Any]:
        """Join what succeeded, and say what is missing."""
        require_completion(state)
        result: JsonValue = None
        if escalated(state["branches"].values()):  # a graph around asks a person, and then comes back
            return {"result": None, "report": Closing().report(state)}
        with closing("synthesize") as closed:
            made = synthesizer(Gathered.of(state["sections"], state["branches"]))
            result = await made if inspect.isawaitable(made) else made
        return {"result": result, "report": closed.report(state), "calls": closed.calls}

    return synthesize
