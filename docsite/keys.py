"""Reference page of the keys that graphs take and return."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, get_args, get_type_hints

from pydantic.fields import FieldInfo

from docsite import drawings
from docsite.markup import page
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.type_overlap import type_text


def graphs() -> dict[str, ParallelGraph]:
    """Return a graph of each pattern, by the name of the pattern."""
    return drawings.graphs()


def pages() -> Iterator[tuple[str, str]]:
    """Yield the page, by its path in the documentation."""
    yield "reference/keys.md", page("Keys of graphs", _blocks())


def _blocks() -> Iterator[str]:
    yield (
        "What each graph takes and returns, for `inputs=`, `outputs=` and the state of a graph around it "
        "([Embed a graph](../guides/embedding.md)). Types are those of graphs as `langgraph.json` builds "
        "them; arguments of a factory may change them."
    )
    found = graphs()
    outputs = Counter(key for graph in found.values() for key in _hints(graph.builder.output_schema))
    yield "## Shared output keys"
    yield (
        "Two graphs that both return one of these need `outputs=` where they are nodes of the same graph. "
        "Otherwise the later one overwrites it, and in parallel LangGraph raises `InvalidUpdateError`."
    )
    shared = [(f"`{key}`", f"{count} of {len(found)}") for key, count in outputs.most_common() if count > 1]
    yield _table(("key", "graphs"), shared)
    for name, graph in found.items():
        yield f"## {name}"
        rows = [
            (f"`{key}`", _side(side, key, schema), f"`{type_text(hint)}`", _description(hint))
            for side, schema in (
                ("input", graph.builder.input_schema),
                ("output", graph.builder.output_schema),
            )
            for key, hint in _hints(schema).items()
        ]
        yield _table(("key", "", "type", "what it is"), rows)


def _hints(schema: Any) -> dict[str, Any]:
    return get_type_hints(schema, include_extras=True)


def _side(side: str, key: str, schema: Any) -> str:
    return "input, optional" if side == "input" and key in schema.__optional_keys__ else side


def _description(hint: Any) -> str:
    """Return what is annotated, at any depth: a requirement wraps it."""
    for one in get_args(hint):
        if isinstance(one, FieldInfo):
            return one.description or ""
        if found := _description(one):
            return found
    return ""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
