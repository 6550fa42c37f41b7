"""Map-reduce: a worker on each item, whose results are reduced in a tree with a bounded fan-in."""

from typing import Annotated, Any, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field, JsonValue
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.nodes.catalogue.map_reduce import (
    MAP,
    REDUCE,
    MapAsk,
    MapReduceSteps,
    Reducing,
    map_input,
)
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.flow.synthesizer import SynthesizerLike, as_synthesizer
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers, as_worker


class MapReduceInput(TypedDict):
    """The items."""

    items: Annotated[
        list[JsonValue] | dict[str, JsonValue],
        Field(title="Items", description="A list, or a mapping of name to item.", examples=[["one", "two"]]),
    ]


class MapReduceOutput(TypedDict):
    """The result."""

    result: Annotated[
        JsonValue, Field(title="Result", description="The root of the tree; None if it failed.")
    ]


@checked
def create_map_reduce(
    *,
    worker: WorkerLike,
    synthesizer: SynthesizerLike,
    fan_in: int = 8,
    max_tokens: int | None = None,
    name: str = "map_reduce",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph that works on all items at once, and reduces the results in a tree.

    Input: `items`, a list or a mapping of name to item. Output: `result`, `missing` (names of items that are
    not in it: their worker failed, or a reduction above them), `sections`, `branches`, `run_report`. Results
    are reduced in the order of the items, at most `fan_in` at a time, until one is left. A single item is not
    reduced; without items the result is None.

    The tree is planned with the items: a group is reduced as soon as its own members have ended, while other
    items are worked on. A failed member is missing from it; where only one is left, it is passed on without a
    call. With `max_tokens` the sizes of the results decide on the groups: then a level is reduced when all
    results of the one below are there, and failed ones leave no gap in a group.

    Args:
        worker: handles one item. A function or another Runnable gets the item, an `Ask` gets it as
            `{content}`, a graph of this package gets its text.
        synthesizer: joins the results of a group: one of `synthesize`, a function of `Gathered`
            (`gathered.values` are the results), an `Ask` with `{results}`, or a chat model.
        fan_in: most results in a group, at least 2.
        max_tokens: most tokens of the results in a group; two results are always reduced together. None
            for no limit.
        name: shown in traces: `map_reduce[item]`.
        options: `limits`, `completion` (of the items), `checkpointer`, `store`; see `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than it is given.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    tree = MapReduceSteps(fan_in, max_tokens)
    reducing = Reducing(as_synthesizer(synthesizer, "map_reduce/reduce"))
    mapping = as_worker(worker, "sectioning/section", offers=None)
    if isinstance(mapping, Ask) and "content" in mapping.variables:
        mapping = MapAsk(mapping, reducing)
    flow = Flow(
        name=name,
        kind="map_reduce",
        input=MapReduceInput,
        output=MapReduceOutput,
        plan=tree.plan,
        workers=Workers(
            {MAP: mapping, REDUCE: reducing},
            foreign_input=map_input,
        ),
        next_round=tree.next_round if tree.is_sized else None,
        joins=[REDUCE],
        later_sections=tree.later_sections,
        close=tree.close,
        work_name="map_and_reduce",
        close_name="finish",
        from_text=lambda title, text: {"items": {title: text}},
    )
    return flow_graph(flow, **options)
