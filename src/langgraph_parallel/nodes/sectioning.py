"""The nodes of sectioning: the plan, and what is made of the results."""

import inspect
from collections.abc import Callable
from typing import Any

from langgraph.runtime import Runtime
from pydantic import JsonValue

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.ask import Ask
from langgraph_parallel.nodes.branch import Task
from langgraph_parallel.nodes.closing import closing
from langgraph_parallel.nodes.plan import Planner, make_plan
from langgraph_parallel.nodes.synthesize import Gathered, Synthesizer
from langgraph_parallel.nodes.workers import Worker
from langgraph_parallel.runtime.context import Context, context_of
from langgraph_parallel.runtime.models import require_model


def planning(planner: Planner, worker: Worker, synthesizer: Synthesizer) -> Callable[..., Any]:
    """Make the node that divides the content, once it is sure that all models can be had."""
    asks = [
        part for part in (planner.ask, worker, getattr(synthesizer, "ask", None)) if isinstance(part, Ask)
    ]

    async def plan(state: Any, runtime: Runtime[Context]) -> dict[str, Any]:
        """Divide the content into sections."""
        if "content" not in state:
            raise InputError("sectioning has no content; pass {'content': ...}")
        context = context_of(runtime.context, Context)
        for ask in asks:
            require_model(ask.chosen(context))
        return {**await make_plan(planner, state["content"], context)}

    return plan


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
        result: JsonValue = None
        with closing("synthesize") as closed:
            made = synthesizer(Gathered.of(state["sections"], state["branches"]))
            result = await made if inspect.isawaitable(made) else made
        return {"result": result, "report": closed.report(state), "calls": closed.calls}

    return synthesize
