"""Sectioning: a planner divides the work, workers do it at the same time, a synthesizer joins it."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore
from langgraph.types import Checkpointer
from pydantic import Field, JsonValue
from typing_extensions import TypedDict

from langgraph_parallel.errors import InputError, PlanError, UsageError
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.fan_out.state import typed_dict
from langgraph_parallel.nodes.flow.plan import Planner, PlannerLike, as_planner
from langgraph_parallel.nodes.flow.spec import Close, Flow, Plan
from langgraph_parallel.nodes.flow.synthesize import Synthesizer, concatenate
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers, asks_in
from langgraph_parallel.records import Estimate, Section
from langgraph_parallel.reducers.completion import Completion
from langgraph_parallel.reducers.text.sentences import unreferenced
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.run import Run

Dependencies = Literal["waves", "error"]


class SectioningOutput(TypedDict):
    """The joined result."""

    result: Annotated[JsonValue, Field(title="Result", description="What the synthesizer made.")]
    missing: Annotated[list[str], Field(title="Missing", description="Sections without a result.")]
    unreferenced: Annotated[
        list[str],
        Field(
            title="Unreferenced",
            description="Sections whose result no sentence refers to of what a model made of them.",
        ),
    ]


def create_sectioning(
    *,
    planner: PlannerLike,
    worker: WorkerLike | Mapping[str, WorkerLike],
    synthesizer: Synthesizer | None = None,
    dependencies: Dependencies = "waves",
    limits: Limits | None = None,
    completion: str | Completion | None = None,
    checkpointer: Checkpointer = None,
    store: BaseStore | None = None,
    name: str = "sectioning",
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that divides its input, works on all sections at once, and joins the results.

    Input: `content`: a text, a list of texts, or a mapping of path to text, as the planner divides it.
    Output: `result` (what the synthesizer makes), `missing` (titles of sections without a result),
    `unreferenced` (titles of those that a text made by a model does not refer to), `sections` (list of
    `Section`), `branches` (a `Branch` for each section, by id), `report` (`RunReport`). A section whose
    worker fails is missing from the result, and named as missing; the others finish. A section that `needs`
    others waits for them, and gets their results; where one of these fails, it is missing too. Where the
    worker is a vote that escalates what it cannot decide, all such votes are put before a person by one
    interrupt, before the results are joined.

    Args:
        planner: one of `split`, `by_model(...)`, or a function from content to sections.
        worker: handles one `Section`. A function gets the record, an `Ask` its fields and its `data` as
            variables, a graph of this package its text, any other Runnable the record as a dict, a chat model
            a prompt with the text. Or several workers by name: each section says its own (`Section.worker`).
        synthesizer: from `Gathered` to the result; by default the results one after another.
        dependencies: what to do with sections that need others: work on them in `waves`, or say by an `error`
            that the work is not parallel.
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
    if dependencies not in ("waves", "error"):
        raise UsageError(f"dependencies is {dependencies!r}; choose waves or error")
    divide, join, workers = as_planner(planner), synthesizer or concatenate(), Workers(worker)
    for held in workers.by_name.values():
        if isinstance(held, Ask) and not workers.names:
            held.prompt.check({*Section.model_fields, *held.given})
    flow = Flow(
        name=name,
        takes=["content"],
        plan=_dividing(divide, dependencies),
        draft=_drafting(divide) if divide.ask else None,
        plans=asks_in(divide),
        workers=workers,
        close=_joining(join),
        closes=asks_in(join),
        gives=["result", "missing", "unreferenced"],
    )
    accepts: Any = divide.accepts
    about = Field(title="Content", description="What to divide and work on.", examples=_EXAMPLES.get(accepts))
    return flow_graph(
        flow,
        typed_dict("SectioningInput", {"content": Annotated[accepts, about]}),
        SectioningOutput,
        limits=limits,
        completion=completion,
        checkpointer=checkpointer,
        store=store,
        takes=divide.takes,
    )


def _dividing(planner: Planner, dependencies: Dependencies) -> Plan:
    async def divide(given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        if given.get("content") is None:
            raise InputError("sectioning has no content; pass {'content': ...}")
        made = planner(given["content"])
        sections = await made if inspect.isawaitable(made) else made
        if isinstance(sections, str | Mapping) or not isinstance(sections, Iterable):
            raise PlanError(f"planner {planner.name} gave {type(sections).__name__}, no list of sections")
        sections = list(sections)
        if strange := [section for section in sections if not isinstance(section, Section)]:
            raise PlanError(f"planner {planner.name} gave {type(strange[0]).__name__} where a Section is due")
        waiting = [section for section in sections if section.needs]
        if waiting and dependencies == "error":
            raise PlanError(
                f"the work is not parallel: section {waiting[0].title!r} needs {waiting[0].needs[0]!r}; let "
                "it wait with dependencies='waves'"
            )
        return sections

    return divide


def _drafting(planner: Planner) -> Any:
    def draft(given: Mapping[str, Any], run: Run, context: Context) -> tuple[Estimate, Sequence[Section]]:
        content = given.get("content")
        if content is None:
            raise InputError("there is nothing to estimate; pass {'content': ...}")
        assert planner.ask is not None
        asked = planner.ask.estimate({"content": content}, run, context)
        sections = [Section(id=str(i), title="", content=str(content)) for i in range(planner.most or 0)]
        return asked, sections

    return draft


def _joining(join: Synthesizer) -> Close:
    async def close(gathered: Gathered) -> Mapping[str, Any]:
        result = await gathered.attempt("synthesize", join)
        said = [(section.title, as_text(value)) for section, value in gathered.results]
        written = isinstance(result, str) and asks_in(join)
        return {
            "result": result,
            "missing": gathered.missing,
            "unreferenced": unreferenced(said, str(result)) if written else [],
        }

    return close


_EXAMPLES: dict[Any, list[Any]] = {
    str: ["# Water\n\nWater boils at 100 °C.\n\n# Iron\n\nIron melts at 1538 °C.\n"],
    list[str]: [["First text.", "Second text."]],
    dict[str, str]: [{"water.md": "Water boils at 100 °C.", "iron.md": "Iron melts at 1538 °C."}],
}
