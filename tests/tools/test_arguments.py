"""The arguments that a model sees: narrow, described, and what the graph needs."""

import json
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import Field

import langgraph_parallel
from langgraph_parallel import (
    as_tool,
    create_briefing,
    create_map_reduce,
    create_review,
    create_voting,
    details_tool,
    split,
)
from langgraph_parallel.errors import UsageError
from langgraph_parallel.testing import FakeModel


def schema(tool: Any) -> dict[str, Any]:
    """Return the parameters as a provider gets them."""
    parameters: dict[str, Any] = convert_to_openai_tool(tool)["function"]["parameters"]
    return parameters


NAMES = [name for name in langgraph_parallel.__all__ if name.startswith("create_")]
NEEDED: dict[str, dict[str, Any]] = {
    "create_labeling": {"labels": ["a", "b"]},
    "create_map_reduce": {"worker": len, "synthesizer": lambda gathered: 1},
    "create_scatter_gather": {"sources": {"a": len}},
    "create_sectioning": {"planner": split.by_heading(), "worker": len},
}


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_of_every_pattern_is_one_that_any_provider_takes(name: str) -> None:
    """Texts, lists and mappings, described; no unions, nulls, defaults, references or internal keys."""
    graph = (
        getattr(langgraph_parallel, name)(model=FakeModel(), **NEEDED.get(name, {}))
        if (name not in NEEDED or name == "create_labeling")
        else getattr(langgraph_parallel, name)(**NEEDED[name])
    )
    tool = as_tool(graph)
    given = schema(tool)
    text = json.dumps(given)
    assert not any(word in text for word in ("anyOf", "null", "$ref", "default", "oneOf"))
    assert not {"messages", "skipped", "correlation_id"} & given["properties"].keys()
    assert all(field["description"] for field in given["properties"].values())
    assert {field["type"] for field in given["properties"].values()} <= {"string", "array", "object"}
    assert 40 < len(tool.description) < 400
    assert "detail" in tool.description


@pytest.mark.parametrize(
    ("graph", "required", "optional"),
    [
        (create_review(offline=True), [], ["diff", "files"]),
        (create_briefing(offline=True), ["documents"], []),
        (langgraph_parallel.create_research(offline=True), ["question"], ["files"]),
        (langgraph_parallel.create_market_study(model=FakeModel()), ["subject"], ["material", "regions"]),
    ],
)
def test_what_the_graph_does_not_require_is_optional(
    graph: Any, required: list[str], optional: list[str]
) -> None:
    """LangChain's own `as_tool` of a graph would require every key."""
    given = schema(as_tool(graph))
    assert sorted(given.get("required", [])) == required
    assert sorted(given["properties"].keys() - set(required)) == optional


def test_the_method_of_a_graph_is_the_function() -> None:
    """In place of what LangChain makes of any Runnable."""
    made = create_review(offline=True).as_tool(name="look", tokens=300, args=["files"])  # type: ignore[call-arg]
    assert (made.name, list(made.args)) == ("look", ["files"])
    assert schema(made) == schema(as_tool(create_review(offline=True), name="look", args=["files"]))


def test_an_application_gives_arguments_types_of_its_own() -> None:
    """With a description of its own, or that of the graph."""
    graph = create_map_reduce(worker=len, synthesizer=lambda gathered: 1)
    made = as_tool(graph, args={"items": Annotated[list[int], Field(description="Numbers to add.")]})
    assert schema(made)["properties"]["items"]["description"] == "Numbers to add."
    assert schema(made)["properties"]["items"]["items"] == {"type": "integer"}
    described = schema(as_tool(graph, args={"items": list[int]}))["properties"]["items"]
    assert described["description"] == "The items."


def test_names_of_the_caller_are_those_of_the_arguments() -> None:
    """The graph is still called by its own keys."""
    names: Any = {"inputs": {"files": "sources"}, "outputs": {"findings": "defects"}}
    try:
        graph = create_review(offline=True, **names)
    except UsageError:
        pytest.skip("graphs have no names of the caller yet")
    made = as_tool(graph)
    assert list(made.args) == ["sources"]
    assert "- high, 2/2 voters" in made.invoke({"sources": {"app.py": "import os\nos.system(input())\n"}})
    assert "files is 'sources' here" in made.invoke({})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda graph: as_tool(len), "expected a langgraph_parallel graph, such as create_voting(...)"),
        (
            lambda graph: as_tool(create_agent(FakeModel(), [])),
            "is 'CompiledStateGraph'; expected a langgraph_parallel",
        ),
        (
            lambda graph: as_tool(graph, name="my panel"),
            "expected 1 to 64 letters, digits, _ and -: pass name=",
        ),
        (lambda graph: as_tool(graph, args=["text"]), "args has 'text'; the inputs of 'voting' are question"),
        (lambda graph: as_tool(graph, args=[]), "requires 'question', which the model does not fill"),
        (lambda graph: as_tool(graph, fixed={"x": 1}), "fixed has 'x'"),
        (lambda graph: as_tool(graph, fixed={"question": "?"}), "nothing of the input of 'voting' is left"),
        (lambda graph: as_tool(graph, tokens=20), "tokens is 20; expected an integer of at least 200"),
        (lambda graph: as_tool(graph, limits={"deadlin": 1}), "limits has the unknown key 'deadlin'"),
        (lambda graph: details_tool(tokens=10), "tokens is 10; expected an integer of at least 300"),
        (lambda graph: details_tool(name=""), "the tool's name is ''"),
        (
            lambda graph: as_tool(create_voting(model=FakeModel(), checkpointer=InMemorySaver())),
            "leave out checkpointer=: as a tool, a graph uses the agent's",
        ),
    ],
)
def test_what_makes_no_tool_is_refused_with_the_way_out(make: Any, words: str) -> None:
    """When the tool is made, not when a model calls it."""
    with pytest.raises(UsageError) as raised:
        make(create_voting(model=FakeModel()))
    assert words in str(raised.value)


def test_a_graph_whose_name_is_no_name_of_a_tool_needs_one() -> None:
    """Providers refuse spaces; the error says what to pass."""
    with pytest.raises(UsageError, match="pass name="):
        as_tool(create_voting(model=FakeModel(), name="the panel"))
