"""Sectioning: a planner divides the work, workers do it at the same time, a synthesizer joins it."""

from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore
from langgraph.types import Checkpointer
from pydantic import Field, JsonValue
from typing_extensions import TypedDict

from langgraph_parallel.nodes.ask import Ask
from langgraph_parallel.nodes.branch import branch_node, task_of
from langgraph_parallel.nodes.escalate import passing_on
from langgraph_parallel.nodes.estimating import sectioning_estimator
from langgraph_parallel.nodes.plan import PlannerLike, as_planner
from langgraph_parallel.nodes.scatter import answered_to, scatter_to
from langgraph_parallel.nodes.sectioning import asks_of, planning, section_tasks, synthesizing
from langgraph_parallel.nodes.shapes import BRANCHES, RUN_REPORT, typed_dict
from langgraph_parallel.nodes.synthesize import Synthesizer, concatenate
from langgraph_parallel.nodes.workers import WorkerLike, as_worker, section_input
from langgraph_parallel.records import Answer, Call, Section
from langgraph_parallel.reducers import merge_calls
from langgraph_parallel.reducers.completion import Completion, completion_of
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.graph import Governing, ParallelGraph, governed
from langgraph_parallel.runtime.limits import Limits, limits_from_environment, merged
from langgraph_parallel.runtime.prices import check_prices


class SectioningOutput(TypedDict):
    """The joined result, the sections and what came of each, and the run's numbers."""

    result: Annotated[JsonValue, Field(title="Result", description="What the synthesizer made.")]
    sections: Annotated[list[Section], Field(title="Sections", description="What the planner made.")]
    branches: BRANCHES
    report: RUN_REPORT


class _Inner(SectioningOutput):
    """Channels that stay inside."""

    calls: Annotated[dict[str, Call], merge_calls]
    answers: list[Answer]
    """What a person has decided of votes in the sections."""


def create_sectioning(
    *,
    planner: PlannerLike,
    worker: WorkerLike,
    synthesizer: Synthesizer | None = None,
    limits: Limits | None = None,
    completion: str | Completion | None = None,
    checkpointer: Checkpointer = None,
    store: BaseStore | None = None,
    name: str = "sectioning",
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that divides its input, works on all sections at once, and joins the results.

    Input: `content`: a text, a list of texts, or a mapping of path to text, as the planner divides it.
    Output: `result` (what the synthesizer makes), `sections` (list of `Section`), `branches` (a `Branch` for
    each section, by id), `report` (`RunReport`). A section whose worker fails is missing from the
    result, and named as missing; the others finish. Where the worker is a vote that escalates what it cannot
    decide, all such votes are put before a person by one interrupt, before the results are joined.

    Args:
        planner: one of `split`, `by_model(...)`, or a function from content to sections.
        worker: handles one `Section`. A function gets the record, an `Ask` its fields as variables, any
            other Runnable or graph the record as a dict, a chat model the text.
        synthesizer: from `Gathered` to the result; by default the results one after another.
        limits: bounds of calls, budget and deadline of a run.
        completion: when there is enough, such as `min_success(0.8) & required("intro")`, with the ids of
            sections. By default all are waited for, and what fails is named as missing.
        checkpointer: of the compiled graph; leave it out where the graph becomes part of another.
        store: of the compiled graph.
        name: shown in traces: `sectioning[Introduction]`.

    Raises:
        UsageError: the planner cannot be called, or the worker not be invoked.
        PromptError: the worker's prompt has a variable that a section has not.
        UnknownPrice: a budget in dollars, and a model without a known price.
    """
    divide = as_planner(planner)
    work = as_worker(worker, "section")
    join = synthesizer or concatenate()
    if isinstance(work, Ask):
        work.prompt.check({*Section.model_fields, *work.given})
    asked = [ask.model for ask in asks_of(divide, work, join)]
    check_prices(merged([limits, limits_from_environment()]), asked)
    accepts: Any = divide.accepts
    about = Field(title="Content", description="What to divide and work on.", examples=_EXAMPLES.get(accepts))
    content = {"content": Annotated[accepts, about]}
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(
        typed_dict("SectioningState", _Inner, content),
        context_schema=Context,
        input_schema=typed_dict("SectioningInput", content),
        output_schema=SectioningOutput,
    )
    escalates = isinstance(work, ParallelGraph) and work.governing.escalates
    tasks = section_tasks(name)
    router, paths = scatter_to("worker", tasks, join="escalate" if escalates else "synthesize")
    builder.add_node("plan", planning(divide, work, join))
    builder.add_node(
        "worker",
        branch_node(work, "section", into=section_input(work)),
        input_schema=task_of("SectionTask", Section),
    )
    builder.add_node("synthesize", synthesizing(join))
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", router, paths)
    builder.add_edge("worker", "escalate" if escalates else "synthesize")
    if escalates:
        builder.add_node("escalate", passing_on)
        builder.add_conditional_edges("escalate", *answered_to("worker", tasks, join="synthesize"))
    builder.add_edge("synthesize", END)
    return governed(
        builder.compile(checkpointer=checkpointer, store=store, name=name),
        Governing(
            "plan",
            "synthesize",
            sectioning_estimator(divide, work, join),
            limits=limits,
            completion=completion_of(completion),
            escalates=escalates,
        ),
    )


_EXAMPLES: dict[Any, list[Any]] = {
    str: ["# Water\n\nWater boils at 100 °C.\n\n# Iron\n\nIron melts at 1538 °C.\n"],
    list[str]: [["First text.", "Second text."]],
    dict[str, str]: [{"water.md": "Water boils at 100 °C.", "iron.md": "Iron melts at 1538 °C."}],
}
