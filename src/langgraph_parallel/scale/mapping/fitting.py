"""A program whose mappings fit what it reads and what it is: completed, and checked before it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args, get_origin, get_type_hints

from langgraph.graph.state import CompiledStateGraph

from langgraph_parallel.catalogue.keys import required_keys
from langgraph_parallel.catalogue.spelling import PYTHON, Spelling
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.scale.mapping.forms import Form, check_returned, output_form, resolve_outputs
from langgraph_parallel.scale.mapping.inputs import check_columns, named_columns, resolve_inputs
from langgraph_parallel.scale.program import Program


def fit(
    program: Program,
    target: Any,
    columns: Sequence[str] | None,
    schema: Mapping[str, Any] | None = None,
    spelling: Spelling = PYTHON,
    returns: Any = Any,
) -> Program:
    """Return a program that names the column of each input, and the path of each column of its output.

    Args:
        program: as the caller gave it.
        target: its graph or function.
        columns: of the source; None if they are not known.
        schema: JSON schema of what a function takes by name; None if it takes a mapping of all columns.
        spelling: how the caller writes a mapping.
        returns: type that a function is annotated to return; `Any` if it says nothing.

    Raises:
        UsageError: a key, a column or a path does not exist, or an input has no column.
    """
    required: Sequence[str] = (schema or {}).get("required", ())
    form: Form | None = None
    if isinstance(target, CompiledStateGraph):
        schema = _schema_of(target)
        form = _item_form(target) if _gathers(target) else output_form(target.builder.output_schema)
        # Of other graphs, the schema of the whole state is often that of the input, too.
        if schema is not None and isinstance(target, ParallelGraph):
            required = required_keys(target, schema)
    check_returned(program.outputs, returns, spelling)
    if schema is None:
        check_columns(program.inputs, columns, spelling)
        inputs = dict(program.inputs)
    else:
        is_function = not isinstance(target, CompiledStateGraph)
        inputs = resolve_inputs(program.inputs, columns, schema, required, spelling, of_function=is_function)
    return replace(program, inputs=inputs, outputs=resolve_outputs(program.outputs, form, spelling))


def columns_used(program: Program) -> list[str] | None:
    """Return the columns that a program reads; None for all of them."""
    if not program.inputs:
        return None
    return [column for key, spec in program.inputs.items() for column in named_columns(key, spec)]


def _schema_of(graph: Any) -> Mapping[str, Any] | None:
    """Return the JSON schema of a graph's input; None if its types have none, as those of others may."""
    try:
        schema: Mapping[str, Any] = graph.get_input_jsonschema()
    except Exception:
        if isinstance(graph, ParallelGraph):
            raise
        return None
    return schema


def _gathers(graph: Any) -> bool:
    return isinstance(graph, ParallelGraph) and graph.governing.gathers is not None


def _item_form(graph: Any) -> Form:
    """Return the types of what the output has of one item: those of the records of its first list."""
    hints = get_type_hints(graph.builder.output_schema)
    kind = next(kind for kind in hints.values() if get_origin(kind) is list)
    return output_form(get_args(kind)[0])
