"""What a graph shows of its state: the keys of its input and output, and no internal channel."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, interrupt

from langgraph_parallel import Section, create_sectioning, create_voting
from langgraph_parallel.graphs import studio
from langgraph_parallel.runtime.shown import read_all

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "studio.md"
CONFIG: Any = {"configurable": {"thread_id": "shown"}}
GRAPHS = {name: graph for name, graph in vars(studio).items() if isinstance(graph, CompiledStateGraph)}
FLOW = {"content", "result", "uncited", "missing", "sections", "branches", "run_report"}
VOTE = {"question", "verdict", "ballots", "missing", "branches", "run_report"}


def in_two(content: str) -> list[Section]:
    """Plan two sections."""
    return [Section(id=str(i), title=f"Part {i}", content=content) for i in range(2)]


def nested(voter: Any = lambda q: "yes") -> Any:
    """Build a sectioning of two votes."""
    vote = create_voting(voters={"a": voter, "b": lambda q: "yes"})
    return create_sectioning(planner=in_two, worker=vote, checkpointer=InMemorySaver())


def properties(schema: dict[str, Any]) -> set[str]:
    """Return the keys of an object."""
    return set(schema["properties"])


@pytest.mark.parametrize("name", GRAPHS)
def test_schemas_have_no_internal_channel(name: str) -> None:
    """A state has the keys of the input and the output; a server takes its schema from what is streamed."""
    graphs: list[Any] = [GRAPHS[name], *(inner for _, inner in GRAPHS[name].get_subgraphs(recurse=True))]
    for graph in graphs:
        public = properties(graph.get_input_jsonschema()) | properties(graph.get_output_jsonschema())
        assert set(graph.stream_channels_list) == public


def fields_in(schema: dict[str, Any], whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the fields of a form, those of the records in it as well, each with its name."""
    for name, field in schema.get("properties", {}).items():
        yield name, field
        for part in [field, *field.get("anyOf", [])]:
            if "$ref" in part:
                yield from fields_in(whole["$defs"][part["$ref"].rpartition("/")[2]], whole)


@pytest.mark.parametrize("form", ["input", "context"])
@pytest.mark.parametrize("name", GRAPHS)
def test_every_field_of_a_form_has_a_title_a_description_and_valid_examples(name: str, form: str) -> None:
    """A person who sees the form for the first time can fill it in."""
    schema = getattr(GRAPHS[name], f"get_{form}_jsonschema")()
    Draft202012Validator.check_schema(schema)
    whole = Draft202012Validator(schema)
    given = schema["properties"] if form == "input" else dict(fields_in(schema, schema))
    for key, field in given.items():
        assert field["title"], key
        assert field["description"], key
        for example in field["examples"]:
            whole.evolve(schema=field).validate(example)
        assert field["examples"], key


def test_the_guide_names_the_nodes_of_every_pattern() -> None:
    """Its table has the node of the branches and that of the end, as the graphs have them."""
    rows = re.findall(r"^\| (\w+) \| `(\w+)`.* \| `(\w+)` \|$", GUIDE.read_text(), re.MULTILINE)
    assert {graph for graph, _, _ in rows} == GRAPHS.keys() - {"approval"}
    for graph, work, end in rows:
        nodes = GRAPHS[graph].nodes.keys() - {"__start__", "plan", "gather", "open"}
        assert {work, end} == nodes, graph


def shown(mode: str, chunk: Any) -> Iterator[set[str]]:
    """Yield the keys of the state that a part of a stream shows."""
    if mode == "values":
        yield set(chunk) - {"__interrupt__"}
    elif mode == "updates":
        yield from (set(update or ()) for node, update in chunk.items() if node != "__interrupt__")
    elif mode == "checkpoints":
        yield set(chunk["values"])
        yield from (set(task.get("result") or ()) for task in chunk["tasks"])
    else:
        yield set(chunk.get("result") or ())


@pytest.mark.parametrize("mode", ["values", "updates", "checkpoints", "tasks"])
async def test_streams_show_public_keys_at_every_level(mode: Any) -> None:
    """Whatever is streamed of a state has the keys that the graph's schemas name, and each of them."""
    seen: dict[bool, set[str]] = {False: set(), True: set()}
    async for place, chunk in nested().astream({"content": "text"}, CONFIG, stream_mode=mode, subgraphs=True):
        for keys in shown(mode, chunk):
            seen[bool(place)] |= keys
    if mode == "checkpoints":
        assert seen == {False: FLOW, True: VOTE}
    else:  # a graph that is called streams what it gives back; no node writes the input
        assert seen[True] == VOTE - {"question"}
        assert seen[False] == (FLOW if mode == "values" else FLOW - {"content"})


async def test_stored_states_show_public_keys_and_nodes_read_all() -> None:
    """A thread, its history and the graphs inside show public keys; a redrive reads the others as well."""
    graph = nested(lambda q: interrupt("sure?"))
    await graph.ainvoke({"content": "text"}, CONFIG)
    state = await graph.aget_state(CONFIG, subgraphs=True)
    assert {"content", "sections"} <= set(state.values) <= FLOW
    inside: list[Any] = [task.state for task in state.tasks]
    assert all({"question"} < set(inner.values) <= VOTE for inner in inside)
    await graph.ainvoke(Command(resume={asked.id: "yes" for asked in state.interrupts}), CONFIG)
    assert set((await graph.aget_state(CONFIG)).values) == set(graph.get_state(CONFIG).values) == FLOW
    assert all(set(state.values) <= FLOW for state in graph.get_state_history(CONFIG))
    assert all([set(state.values) <= FLOW async for state in graph.aget_state_history(CONFIG)])
    assert set((await read_all(graph, CONFIG)).values) >= {*FLOW, "stamp", "wave"}


async def test_a_copy_shows_no_more_and_updates_as_before() -> None:
    """A graph with a config shows the same, and its internal channels can be written by its nodes."""
    graph = nested().with_config(tags=["copy"])
    await graph.ainvoke({"content": "text"}, CONFIG)
    assert set((await graph.aget_state(CONFIG)).values) == FLOW
    await graph.aupdate_state(CONFIG, {"wave": ["0"], "missing": ["Part 0"]}, as_node="plan")
    assert (await graph.aget_state(CONFIG)).values["missing"] == ["Part 0"]
    assert (await read_all(graph, CONFIG)).values["wave"] == ["0"]
