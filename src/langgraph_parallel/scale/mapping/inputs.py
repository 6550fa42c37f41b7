"""Inputs of a graph or function from the columns of a row."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from langgraph_parallel.catalogue.spelling import PYTHON, Spelling
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reading.table.names import has_text_word, has_weak_word, is_text_name
from langgraph_parallel.scale.mapping.problem import RowProblem, list_names
from langgraph_parallel.scale.rows import Row

_CONSTANT = "="
_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_ABSENT = object()
_ESCAPES = {"{{": "{", "}}": "}"}

Reads = Callable[[Row], Any]
"""Takes a value from a row; `_ABSENT` if there is none."""


def compile_input(
    inputs: Mapping[str, str], schema: Mapping[str, Any] | None
) -> Callable[[Row], dict[str, Any]]:
    """Return what makes an input of a row; see `Columns.compile`."""
    if not inputs:
        return lambda row: dict(row.data)
    forms: Mapping[str, Any] = (schema or {}).get("properties", {})
    required = frozenset((schema or {}).get("required", inputs))
    steps = [
        (key, _reader(key, spec, _converter(key, forms.get(key, {}))), key in required)
        for key, spec in inputs.items()
    ]

    def to_input(row: Row) -> dict[str, Any]:
        given = {}
        for key, read, is_required in steps:
            value = read(row)
            if value is not _ABSENT:
                given[key] = value
            elif is_required:
                raise _missing(key, inputs[key], row)
        if not given:
            raise _missing(steps[0][0], inputs[steps[0][0]], row)
        return given

    return to_input


def resolve_inputs(
    given: Mapping[str, str],
    columns: Sequence[str] | None,
    schema: Mapping[str, Any],
    required: Sequence[str],
    spelling: Spelling = PYTHON,
    *,
    of_function: bool = False,
) -> dict[str, str]:
    """Complete a mapping by the columns that are there, and check it.

    A key without one is read from the column of its name. If that leaves a single required key, it is read
    from the only column that can hold texts; for a function, whose names are its author's, only if there is
    no other column at all.

    Args:
        given: as in `Columns.compile`.
        columns: of the source; None if they are not known.
        schema: JSON schema of the input.
        required: keys that the input must have.
        spelling: how the caller writes a mapping.
        of_function: whether the keys are parameters of a function.

    Raises:
        UsageError: a key or a column does not exist, or a required key has no column.
    """
    keys = schema.get("properties", {})
    for key in given:
        if key not in keys:
            raise UsageError(
                f"{spelling.mapped(key, given[key])}: the input has no {key!r}; choose from "
                f"{list_names(keys)}"
            )
    check_columns(given, columns, spelling)
    named = required if columns is None else [key for key in keys if key in columns]
    found = {**{key: key for key in named if key not in given}, **given}
    missing = [key for key in required if key not in found]
    if not (found or missing or columns is None):
        missing = [*keys]
    may_find = not of_function or len(columns or ()) == 1
    if may_find and len(missing) == 1 and _takes_text(keys.get(missing[0], {})):
        text = find_text_column(columns or (), {*found.values()})
        if text is not None:
            return {**found, missing[0]: text}
    if missing:
        close = get_close_matches(missing[0], columns or (), 1)
        column = close[0] if close else "COLUMN"
        raise UsageError(
            f"the input needs {' or '.join(missing)}, and no column has that name: map one with "
            f"{spelling.mapped(missing[0], column)}; the columns are {list_names(columns or ())}"
        )
    return {key: found[key] for key in keys if key in found}


def check_columns(
    given: Mapping[str, str], columns: Sequence[str] | None, spelling: Spelling = PYTHON
) -> None:
    """Check that the columns that a mapping names exist.

    Args:
        given: as in `Columns.compile`.
        columns: of the source; None if they are not known.
        spelling: how the caller writes a mapping.

    Raises:
        UsageError: one does not exist, or a constant is not JSON.
    """
    for key, spec in given.items():
        named = named_columns(key, spec)
        if named and spec not in (columns or ()) and _has_stray_brace(spec):
            raise UsageError(
                f"{spelling.mapped(key, spec)}: a brace of it has no other one; columns are in braces, as in "
                "'{text}', and a brace of the text itself is written twice: {{ or }}"
            )
        for column in named:
            if columns is not None and column not in columns:
                raise UsageError(
                    f"{spelling.mapped(key, spec)}: there is no column {column!r}; the columns are "
                    f"{list_names(columns)}"
                )


def named_columns(key: str, spec: str) -> list[str]:
    """Return the columns that a key is read from.

    Raises:
        UsageError: its constant is not JSON.
    """
    if spec.startswith(_CONSTANT):
        _constant(key, spec)
        return []
    return _places(spec) or [spec]


def find_text_column(columns: Sequence[str], taken: Collection[str] = ()) -> str | None:
    """Return the only column whose name means texts, or the only column; None if it cannot be told."""
    free = [column for column in columns if column not in taken]
    for fits in (is_text_name, has_text_word, has_weak_word):
        if found := [column for column in free if fits(column)]:
            return found[0] if len(found) == 1 else None
    return free[0] if len(free) == 1 else None


def _has_stray_brace(spec: str) -> bool:
    return not {"{", "}"}.isdisjoint(_PLACE.sub("", spec))


def _places(spec: str) -> list[str]:
    return [match[1] for match in _PLACE.finditer(spec) if match[1] is not None]


def _reader(key: str, spec: str, convert: Callable[[Any, Row], Any] | None) -> Reads:
    if spec.startswith(_CONSTANT):
        value = _constant(key, spec)
        return lambda row: value
    read = _template(spec) if _places(spec) else _column(spec)
    if convert is None:
        return read

    def read_converted(row: Row) -> Any:
        value = read(row)
        return value if value is _ABSENT else convert(value, row)

    return read_converted


def _column(name: str) -> Reads:
    def read(row: Row) -> Any:
        value = row.data.get(name)
        return _ABSENT if value is None else value

    return read


def _template(spec: str) -> Reads:
    """Compile a template; what columns hold is inserted as it stands."""
    literals, names, start = [""], [], 0
    for match in _PLACE.finditer(spec):
        literals[-1] += spec[start : match.start()]
        start = match.end()
        if match[1] is None:
            literals[-1] += _ESCAPES[match[0]]
        else:
            names.append(match[1])
            literals.append("")
    literals[-1] += spec[start:]

    def read(row: Row) -> str:
        parts, is_empty = [literals[0]], True
        for name, literal in zip(names, literals[1:], strict=True):
            if name not in row.data:
                raise RowProblem(f"it has no column {name!r}; it has {list_names(row.data)}")
            text = as_text(row.data[name])
            is_empty = is_empty and not text.strip()
            parts += (text, literal)
        if is_empty:
            raise RowProblem(f"its {list_names(map(repr, names))} has no text, and the template needs some")
        return "".join(parts)

    return read


def as_text(value: Any) -> str:
    """Return a value of a column as text: null as nothing, lists and mappings as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _constant(key: str, spec: str) -> Any:
    try:
        return json.loads(spec[len(_CONSTANT) :])
    except (ValueError, RecursionError):
        raise UsageError(
            f"the input {key} is given as {spec!r}, which is not JSON after the sign; a text needs its quotes"
        ) from None


def _converter(key: str, form: Mapping[str, Any]) -> Callable[[Any, Row], Any] | None:
    """Return what makes a value one of a type that a key takes; None if it takes any."""
    kinds = {one.get("type") for one in form.get("anyOf", [form])}
    if None in kinds:
        return None
    if "string" in kinds:
        return None if len(kinds - {"null"}) > 1 else lambda value, row: as_text(value)
    if "array" in kinds:
        return lambda value, row: _wrapped(value, lambda text: [text])
    if "object" in kinds:
        return lambda value, row: _wrapped(value, lambda text: {row.key: text})
    expected = " or ".join(sorted(str(kind) for kind in kinds))

    def parse(value: Any, row: Row) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value.strip().lower())
        except ValueError:
            raise RowProblem(f"{key} takes {expected}, not {value[:40]!r}") from None

    return parse


def _takes_text(form: Mapping[str, Any]) -> bool:
    """Return whether a text may be a value of a type, alone or in a list or an object."""
    kinds = {one.get("type") for one in form.get("anyOf", [form])}
    return not kinds <= {"integer", "number", "boolean", "null"}


def _wrapped(value: Any, wrap: Callable[[str], Any]) -> Any:
    """Return one text as what holds many; there is none of an empty one."""
    if not isinstance(value, str):
        return value
    return wrap(value) if value.strip() else _ABSENT


def _missing(key: str, spec: str, row: Row) -> RowProblem:
    if spec in row.data:
        return RowProblem(f"its column {spec!r} is empty, and the input needs {key}")
    return RowProblem(f"it has no column {spec!r} for {key}; it has {list_names(row.data)}")
