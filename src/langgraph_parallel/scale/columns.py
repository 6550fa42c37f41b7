"""From the columns of a row to the input of a graph or function, and from its output to columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import JsonValue

from langgraph_parallel.scale.mapping.inputs import compile_input
from langgraph_parallel.scale.mapping.outputs import compile_output
from langgraph_parallel.scale.rows import Row


@dataclass(frozen=True, slots=True)
class Columns:
    """Both directions, compiled once for all rows. Neither changes what it is given.

    Attributes:
        to_input: returns the input for a row. Raises `RowProblem` if the row lacks a column.
        to_columns: returns the columns of an output. Raises `RowProblem` if it lacks what a path names.
    """

    to_input: Callable[[Row], dict[str, Any]]
    to_columns: Callable[[Any], dict[str, JsonValue]]

    @classmethod
    def compile(
        cls,
        inputs: Mapping[str, str] | None = None,
        outputs: Mapping[str, str] | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Self:
        """Compile a mapping.

        Args:
            inputs: for each key of the input, where its value comes from: a column; a template with
                `{column}` in it; or `=` and JSON, the same for all rows. Empty: all columns by their names.
            outputs: for each column of the output, a path in it, such as `verdict.choice`. Empty: all keys.
            schema: JSON schema of the input, by which values are converted; None converts none.

        Raises:
            UsageError: a mapping cannot be read.
        """
        return cls(compile_input(inputs or {}, schema), compile_output(outputs or {}))
