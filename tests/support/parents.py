"""Graphs of others, with graphs of the package as their nodes."""

import operator
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict

from langgraph_parallel import create_review
from langgraph_parallel.records import record_types

Parent = CompiledStateGraph[Any, Any, Any, Any]
REVIEWED = {"sources": {"a.py": "x = 1\n"}}
FOUND = {
    "findings": [
        {
            "path": "a.py",
            "line": 1,
            "quote": "x = 1",
            "severity": "high",
            "message": "It is wrong",
            "explanation": "",
            "suggestion": "",
        }
    ]
}


class Around(TypedDict, total=False):
    """A state whose keys are called otherwise, besides some that look like ours and are not."""

    sources: dict[str, str]
    problems: Any
    more: Any
    report: Any
    text: str
    summary: Any
    missing: dict[str, int]
    files: int
    log: Annotated[list[str], operator.add]


def saver() -> InMemorySaver:
    """A checkpointer that knows the records."""
    return InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=record_types()))


def review(model: Any, out: str = "problems", **options: Any) -> Any:
    """A review of `sources`, by two voters on two aspects."""
    names = {"inputs": {"files": "sources"}, "outputs": {"findings": out, "run_report": "report"}}
    built = {"aspects": ["security", "style"], "voters": 2, "engines": False, **names}
    return create_review(model=model, **{**built, **options})


def parent(
    nodes: Mapping[str, Any],
    *,
    state: Any = Around,
    parallel: bool = False,
    checkpointer: Any = None,
    name: str = "parent",
) -> Parent:
    """Nodes one after another, or all at once."""
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(state)
    for node, work in nodes.items():
        builder.add_node(node, work)
    before = START
    for node in nodes:
        builder.add_edge(before, node)
        if parallel:
            builder.add_edge(node, END)
        else:
            before = node
    return builder.compile(checkpointer=checkpointer, name=name)


def noting(word: str) -> Callable[[Any], dict[str, Any]]:
    """A node that notes that it has run."""

    def note(state: Any) -> dict[str, Any]:
        return {"log": [word]}

    return note
