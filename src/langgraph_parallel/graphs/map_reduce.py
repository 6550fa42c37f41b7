"""Map-reduce: a worker on each item, and their results reduced in a tree with a bounded fan-in."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field, JsonValue
from typing_extensions import TypedDict, Unpack

from langgraph_parallel.errors import InputError
from langgraph_parallel.graphs.flow import Options, flow_graph
from langgraph_parallel.nodes.catalogue.map_reduce import REDUCE, Tree, frontier, lost
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.fan_out.outcome import as_json
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.arguments import as_plain, at_least
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers, as_worker
from langgraph_parallel.records import Section
from langgraph_parallel.runtime.context import Context


class MapReduceInput(TypedDict):
    """What to work on."""

    items: Annotated[
        list[JsonValue] | dict[str, JsonValue],
        Field(title="Items", description="A list, or a mapping of name to item.", examples=[["one", "two"]]),
    ]


class MapReduceOutput(TypedDict):
    """What the items were reduced to."""

    result: Annotated[JsonValue, Field(title="Result", description="What was reduced last.")]
    missing: Annotated[list[str], Field(title="Missing", description="Items that are not in the result.")]


def create_map_reduce(
    *,
    worker: WorkerLike,
    reducer: WorkerLike,
    fan_in: int = 8,
    max_tokens: int | None = None,
    name: str = "map_reduce",
    **options: Unpack[Options],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that works on all items at once, and reduces the results in a tree.

    Input: `items`, a list or a mapping of name to item. Output: `result`, `missing` (names of items that are
    not in it: their worker failed, or a reducer above them), `sections`, `branches`, `report`. Results are
    reduced in the order of the items, at most `fan_in` together, all groups of a level at the same time,
    until one is left. One item alone is not reduced; of none the result is None.

    Args:
        worker: handles one item. A function or a foreign Runnable gets the item, an `Ask` has it as
            `{content}`, a graph of this package gets its text.
        reducer: makes one result of several. A function gets their list, an `Ask` has them as `{earlier}`, a
            chat model a prompt with their texts.
        fan_in: how many results are reduced together, at most.
        max_tokens: how many tokens of them; two are always reduced together.
        name: shown in traces: `map_reduce[item]`.
        options: `limits`, `completion` (of the items), `checkpointer`, `store`.

    Raises:
        UsageError: `fan_in` is less than 2, or something is no worker.
    """
    at_least(fan_in, "fan_in", 2)
    if max_tokens is not None:
        at_least(max_tokens, "max_tokens")
    tree = Tree(fan_in, max_tokens)
    flow = Flow(
        name=name,
        takes=["items"],
        plan=_one_for_each,
        workers=Workers(
            {"map": as_worker(worker, "sectioning/section"), REDUCE: as_worker(reducer, "map_reduce/reduce")},
            foreign=_item_or_results,
        ),
        further=tree.next_level,
        most=tree.most,
        close=_last,
        closes_with="close",
        gives=["result", "missing"],
    )
    return flow_graph(
        flow,
        MapReduceInput,
        MapReduceOutput,
        takes=lambda title, text: {"items": {title: text}},
        **options,
    )


def _one_for_each(given: Mapping[str, Any], context: Context) -> Sequence[Section]:
    items = given.get("items")
    if not isinstance(items, list | dict):
        raise InputError("map_reduce has no items; pass {'items': [...]}, or {'items': {name: item}}")
    if isinstance(items, dict) and not all(isinstance(name, str) for name in items):
        raise InputError("items has names that are no texts")
    named = (
        items.items() if isinstance(items, dict) else ((f"item {i}", item) for i, item in enumerate(items, 1))
    )
    plain = [(title, as_json(as_plain(item, title))) for title, item in named]
    return [
        Section(id=str(i), title=title, content=as_text(item), worker="map", data={"item": item})
        for i, (title, item) in enumerate(plain, 1)
    ]


def _item_or_results(section: Section) -> object:
    return list(section.earlier.values()) if section.worker == REDUCE else section.data["item"]


def _last(gathered: Gathered) -> Mapping[str, Any]:
    left = frontier(gathered)
    if len(left) == 1:
        return {"result": left[0][1], "missing": lost(gathered)}
    return {"result": None, "missing": [section.title for section in gathered.sections if section.round == 0]}
