"""Sectioning: a planner divides the work, workers do it at the same time, a synthesizer joins it."""

from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore
from langgraph.types import Checkpointer
from pydantic import Field, JsonValue
from typing_extensions import TypedDict

from langgraph_parallel.graphs.shapes import RUN_REPORT, typed_dict
from langgraph_parallel.nodes.ask import Ask
from langgraph_parallel.nodes.branch import branch_node
from langgraph_parallel.nodes.plan import PlannerLike, as_planner
from langgraph_parallel.nodes.scatter import scatter_to
from langgraph_parallel.nodes.sectioning import planning, section_tasks, synthesizing
from langgraph_parallel.nodes.synthesize import Synthesizer, concatenate
from langgraph_parallel.nodes.workers import WorkerLike, as_worker, section_input
from langgraph_parallel.records import Branch, Call, Section
from langgraph_parallel.reducers import merge_branches, merge_calls
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.sync import with_sync_face


class SectioningOutput(TypedDict):
    """The joined result, each section's branch by id, and the run's numbers."""

    result: Annotated[JsonValue, Field(title="Result", description="What the synthesizer made.")]
    branches: Annotated[
        dict[str, Branch],
        Field(title="Branches", description="What came of each section, by its id."),
        merge_branches,
    ]
    report: RUN_REPORT


class _Inner(SectioningOutput):
    """Channels that stay inside."""

    sections: list[Section]
    calls: Annotated[dict[str, Call], merge_calls]
    started: float


class SectionTask(TypedDict):
    """What is sent to a worker's branch."""

    id: str
    name: str
    order: int
    work: Section


def create_sectioning(
    *,
    planner: PlannerLike,
    worker: WorkerLike,
    synthesizer: Synthesizer | None = None,
    checkpointer: Checkpointer = None,
    store: BaseStore | None = None,
    name: str = "sectioning",
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that divides its input, works on all sections at once, and joins the results.

    Input: `content`: a text, a list of texts, or a mapping of path to text, as the planner divides it.
    Output: `result` (what the synthesizer makes), `branches` (a `Branch` for each section, by id),
    `report` (`RunReport`). A section whose worker fails is missing from the result, and named as missing;
    the others finish.

    Args:
        planner: one of `split`, `by_model(...)`, or a function from content to sections.
        worker: handles one `Section`. A function gets the record, an `Ask` its fields as variables, any
            other Runnable or graph the record as a dict, a chat model the text.
        synthesizer: from `Gathered` to the result; by default the results one after another.
        checkpointer: of the compiled graph; leave it out where the graph becomes part of another.
        store: of the compiled graph.
        name: shown in traces: `sectioning[Introduction]`.

    Raises:
        UsageError: the planner cannot be called, or the worker not be invoked.
        PromptError: the worker's prompt has a variable that a section has not.
    """
    divide = as_planner(planner)
    work = as_worker(worker, "section")
    join = synthesizer or concatenate()
    if isinstance(work, Ask):
        work.prompt.check({*Section.model_fields, *work.given})
    accepts: Any = divide.accepts
    about = Field(title="Content", description="What to divide and work on.", examples=_EXAMPLES.get(accepts))
    content = {"content": Annotated[accepts, about]}
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(
        typed_dict("SectioningState", _Inner, content),
        context_schema=Context,
        input_schema=typed_dict("SectioningInput", content),
        output_schema=SectioningOutput,
    )
    router, paths = scatter_to("worker", section_tasks(name), join="synthesize")
    builder.add_node("plan", planning(divide, work, join))
    builder.add_node(
        "worker", branch_node(work, "section", into=section_input(work)), input_schema=SectionTask
    )
    builder.add_node("synthesize", synthesizing(join))
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", router, paths)
    builder.add_edge("worker", "synthesize")
    builder.add_edge("synthesize", END)
    return with_sync_face(builder.compile(checkpointer=checkpointer, store=store, name=name))


_EXAMPLES: dict[Any, list[Any]] = {
    str: ["# Water\n\nWater boils at 100 °C.\n\n# Iron\n\nIron melts at 1538 °C.\n"],
    list[str]: [["First text.", "Second text."]],
    dict[str, str]: [{"water.md": "Water boils at 100 °C.", "iron.md": "Iron melts at 1538 °C."}],
}
