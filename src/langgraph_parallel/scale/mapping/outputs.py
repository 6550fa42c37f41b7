"""Columns from the output of a graph or function."""

import dataclasses
import re
from collections import deque
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, Sequence, Set, ValuesView
from typing import Any

from pydantic import BaseModel, JsonValue, TypeAdapter

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.redact import in_words
from langgraph_parallel.scale.mapping.problem import RowProblem, list_names
from langgraph_parallel.scale.sources.values import bytes_text

OF_THE_RUN = frozenset({"run_report", "branches", "sections", "messages"})
"""Keys of an output that say how it came about."""
WHOLE = "result"
"""The column of an output that is neither a mapping nor a record."""
_DOT = re.compile(r"(?<!\\)\.")
_ANY: TypeAdapter[Any] = TypeAdapter(Any)
_PLAIN = (str, int, bool, type(None))


def compile_output(outputs: Mapping[str, str]) -> Callable[[Any], dict[str, JsonValue]]:
    """Return what makes columns of an output; see `Columns.compile`."""
    if not outputs:
        return _all_columns
    paths = [(column, split_path(path)) for column, path in outputs.items()]

    def to_columns(output: Any) -> dict[str, JsonValue]:
        return {column: _plain(_found(output, parts), column) for column, parts in paths}

    return to_columns


def split_path(path: str) -> list[str]:
    r"""Split a path at its dots; `\.` is a dot in a name.

    Raises:
        UsageError: a part is empty.

    >>> split_path("findings.0.title"), split_path(r"counts.a\.b")
    (['findings', '0', 'title'], ['counts', 'a.b'])
    """
    parts = [part.replace(r"\.", ".") for part in _DOT.split(path)]
    if not all(parts):
        raise UsageError(f"the path {path!r} has an empty part; write names with single dots: verdict.choice")
    return parts


def _all_columns(output: Any) -> dict[str, JsonValue]:
    if isinstance(output, BaseModel):
        return {name: _plain(getattr(output, name), name) for name in type(output).model_fields}
    if isinstance(output, Mapping):
        return {str(key): _plain(value, str(key)) for key, value in output.items() if key not in OF_THE_RUN}
    return {WHOLE: _plain(output, WHOLE)}


def _found(output: Any, parts: Sequence[str]) -> Any:
    """Return what a path names; a value that is no record is called `result`."""
    is_value = parts[0] == WHOLE and not isinstance(output, Mapping | BaseModel)
    return _follow(output, parts[1:] if is_value else parts)


def _follow(value: Any, parts: Sequence[str]) -> Any:
    for index, part in enumerate(parts):
        if value is None:
            return None
        if isinstance(value, Mapping):
            if part not in value:
                raise _no_such(parts, index, list(value))
            value = value[part]
        elif isinstance(value, BaseModel):
            if part not in names_of(type(value)):
                raise _no_such(parts, index, names_of(type(value)))
            value = getattr(value, part)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            if part not in (names := [field.name for field in dataclasses.fields(value)]):
                raise _no_such(parts, index, names)
            value = getattr(value, part)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            value = _item(value, parts, index)
        else:
            raise _no_such(parts, index, [])
    return value


def _item(value: Sequence[Any], parts: Sequence[str], index: int) -> Any:
    """Return an item of a list by its number; None beyond its end."""
    try:
        number = int(parts[index])
    except ValueError:
        raise _no_such(parts, index, ["0", "1", "..."]) from None
    return value[number] if -len(value) <= number < len(value) else None


def names_of(record: type[BaseModel]) -> list[str]:
    """Return what a path may name of a record: its fields, and what is computed of them."""
    if (known := _NAMES.get(record)) is None:
        computed = [
            name
            for kind in record.__mro__
            if kind not in BaseModel.__mro__
            for name, member in vars(kind).items()
            if isinstance(member, property) and not name.startswith("_")
        ]
        known = _NAMES[record] = [*record.model_fields, *computed]
    return known


_NAMES: dict[type[BaseModel], list[str]] = {}


def _plain(value: Any, column: str) -> JsonValue:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None  # JSON has neither infinity nor NaN
    try:
        return _dumped(value)
    except _NoForm as found:
        raise RowProblem(
            f"its output column {column!r} has a value of type {found}, which has no form in JSON; return "
            "texts, numbers, lists or mappings"
        ) from None
    except ValueError as error:  # it holds itself, for example
        raise RowProblem(f"its output column {column!r} has no form in JSON: {in_words(error)}") from None


def _dumped(value: Any) -> JsonValue:
    try:
        plain: JsonValue = _ANY.dump_python(value, mode="json", fallback=_simple)
    except UnicodeDecodeError:
        texts = _bytes_as_texts(_ANY.dump_python(value, fallback=_simple))
        plain = _ANY.dump_python(texts, mode="json", fallback=_simple)
    return plain


class _NoForm(Exception):
    """A value that has no form in JSON, by its type."""


def _simple(value: Any) -> Any:
    """Return what pydantic does not know in types that it does."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, range | KeysView | ValuesView | ItemsView):
        return list(value)
    if callable(listed := getattr(value, "tolist", None)):  # arrays and numbers of numpy, series of pandas
        return listed()
    raise _NoForm(type(value).__name__)


def _bytes_as_texts(value: Any) -> Any:
    """Return a value of types of Python, in which bytes are texts."""
    if isinstance(value, bytes | bytearray):
        return bytes_text(bytes(value))
    if isinstance(value, dict):
        return {_bytes_as_texts(name): _bytes_as_texts(one) for name, one in value.items()}
    if isinstance(value, list | tuple | Set | deque):
        return [_bytes_as_texts(one) for one in value]
    if isinstance(value, Iterator):  # of which some has been taken
        raise RowProblem("it returned an iterator of bytes that are no text; return a list")
    return value


def _no_such(parts: Sequence[str], index: int, known: Sequence[str]) -> RowProblem:
    where = ".".join(parts[:index])
    return RowProblem(
        f"its output has no {'.'.join(parts)!r}: {where or 'the output'} has {list_names(known)}"
    )
