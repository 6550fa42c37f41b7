"""Sectioning: a planner divides the work, workers do it at once, a synthesizer joins the results."""

from collections.abc import Mapping
from typing import Annotated, Any, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field, JsonValue
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.nodes.catalogue.sectioning import EXAMPLES, Dependencies, SectioningSteps
from langgraph_parallel.nodes.fan_out.state import typed_dict
from langgraph_parallel.nodes.flow.planner import PlannerLike
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.flow.synthesizer import SynthesizerLike
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers


class SectioningOutput(TypedDict):
    """The joined result."""

    result: Annotated[JsonValue, Field(title="Result", description="What the synthesizer made.")]
    uncited: Annotated[
        list[str],
        Field(
            title="Unreferenced",
            description="Sections whose result is not referred to in a text that a model wrote.",
        ),
    ]


@checked
def create_sectioning(
    *,
    planner: PlannerLike,
    worker: WorkerLike | Mapping[str, WorkerLike],
    synthesizer: SynthesizerLike | None = None,
    dependencies: Dependencies = "waves",
    name: str = "sectioning",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph that divides its input, works on all sections at once, and joins the results.

    Input: `content`: a text, a list of texts, or a mapping of path to text, as the planner expects. Output:
    `result` (of the synthesizer), `missing` (titles of sections without a result), `uncited` (titles of
    sections that a text written by a model does not refer to), `sections` (list of `Section`), `branches` (a
    `Branch` for each section, by id), `run_report` (`RunReport`). If a worker fails, its section is missing
    and the others finish. A section that `needs` others waits for them and gets their results; if one of
    these fails, it is missing too. If the worker is a vote that escalates, all its undecided votes are put
    before a person in one interrupt, before the results are joined.

    Args:
        planner: one of `split`, `plan.by_model(...)`, or a function from content to a list of `Section`s.
        worker: handles one section. A function gets the `Section`, an `Ask` its fields and its `data` as
            variables, a graph of this package its text, another Runnable a dict, a chat model a prompt with
            the text. Or several workers by name, of which each section names its own (`Section.worker`).
        synthesizer: joins the results: one of `synthesize`, a function of `Gathered`, an `Ask` with
            `{results}`, or a chat model; by default the results one after another.
        dependencies: handling of sections that need others: `waves` lets each wait for those that it needs,
            `error` refuses the plan.
        name: shown in traces: `sectioning[Introduction]`.
        options: `limits`, `completion` (with the ids of sections), `checkpointer`, `store`; see
            `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than it is given.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    workers = Workers(worker)
    sectioning = SectioningSteps(planner, workers, synthesizer, dependencies)
    accepts: Any = sectioning.planner.accepts
    content = Field(title="Content", description="What to divide.", examples=EXAMPLES.get(accepts))
    flow = Flow(
        name=name,
        kind="sectioning",
        input=typed_dict("SectioningInput", {"content": Annotated[accepts, content]}),
        output=SectioningOutput,
        plan=sectioning.plan,
        plan_asks=sectioning.plan_asks,
        estimate_plan=sectioning.estimate_plan if sectioning.plan_asks else None,
        workers=workers,
        close=sectioning.close,
        close_asks=sectioning.close_asks,
        from_text=sectioning.planner.from_text,
    )
    return flow_graph(flow, **options)
