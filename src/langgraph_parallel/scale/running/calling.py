"""How a function takes a row: as one mapping, or its columns by the names of its parameters."""

import dataclasses
import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Collection, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any, Union

from pydantic import BaseModel, TypeAdapter, ValidationError

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.mapping.problem import RowProblem, list_names

_KINDS: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_WHOLE_ROW = ("row", "item", "record", "")
"""Names by which an only parameter without a type asks for the whole row, underscores around them aside."""


class Signature:
    """What a function of a row takes.

    A function with one parameter gets the mapping of its inputs, if the parameter is annotated with a
    mapping, a pydantic model or a dataclass, or is called `row`, `item`, `record` or `_`, no input is, and no
    annotation says that it is a text, a number or a truth value. Every other function gets its inputs by the
    names of its parameters; inputs that it does not name are left out, unless it takes `**others`.

    Args:
        function: any callable.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._parameters = _parameters(function)
        hints = _hints(function)
        self.returns = _awaited_kind(hints.pop("return", Any))
        """What it is annotated to return; `Any` if it says nothing."""
        named = [p for p in self._parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        self._takes_all = any(p.kind is p.VAR_KEYWORD for p in self._parameters)
        self._named = [p.name for p in named if p.kind is not p.POSITIONAL_ONLY]
        self._first = [p.name for p in named if p.kind is p.POSITIONAL_ONLY]
        self._required = [p.name for p in named if p.default is p.empty]
        self._types = {p.name: hints.get(p.name) for p in named}
        only = named[0] if len(named) == 1 and named[0].kind in _BY_POSITION and not self._takes_all else None
        self._record = None if only is None else _record_reader(hints.get(only.name))
        bare = only.name if only is not None and not _form(hints.get(only.name)) else ""
        self._only = only.name if only is not None and (self._record or (bare and _is_row(bare))) else ""
        self._bare = "" if self._only else bare

    @property
    def schema(self) -> dict[str, Any] | None:
        """JSON schema of what it takes by name, by which texts become numbers; None if it takes a mapping."""
        if self._only or self._takes_all or self._first or not self._named:
            return None
        properties = {name: _form(self._types[name]) for name in self._named}
        return {"properties": properties, "required": self._required}

    def check(self, names: Collection[str]) -> None:
        """Refuse a function whose only parameter has no type, and is neither an input nor the whole row.

        Args:
            names: of the inputs: those of the mapping, or of the columns.

        Raises:
            UsageError: it is neither; a name that is spelt wrong would otherwise get something else.
        """
        if self._bare and self._bare not in names:
            close = get_close_matches(self._bare, names, 1)
            meant = f" (did you mean {close[0]!r}?)" if close else ""
            raise UsageError(
                f"the function takes {self._bare!r}, and a row has {list_names(names)}; name the parameter "
                f"like one of these{meant}, or 'row' for the whole row"
            )

    def bind(self, given: Mapping[str, Any]) -> tuple[list[Any], Mapping[str, Any]]:
        """Return the arguments of a call.

        Args:
            given: inputs of the row, by name.

        Raises:
            RowProblem: the row lacks one, or the record does not take it.
        """
        if self._only and (self._record is not None or self._only not in given):
            return [given if self._record is None else self._record(given)], {}
        if missing := [name for name in self._required if name not in given]:
            raise RowProblem(
                f"it has no {missing[0]!r}, which the function takes; it has {list_names(given)}"
            )
        first = [given[name] for name in self._first if name in given]
        if self._takes_all:
            return first, {name: value for name, value in given.items() if name not in self._first}
        return first, {name: given[name] for name in self._named if name in given}


def _is_row(name: str) -> bool:
    return name.strip("_").lower() in _WHOLE_ROW


def is_async(function: Callable[..., Any]) -> bool:
    """Return whether a callable is an async function, or an object whose call is one."""
    return any(map(inspect.iscoroutinefunction, _called(function)))


def is_async_generator(function: Callable[..., Any]) -> bool:
    """Return whether a callable is an async function with `yield`, or an object whose call is one."""
    return any(map(inspect.isasyncgenfunction, _called(function)))


def _called(function: Callable[..., Any]) -> tuple[Any, Any]:
    """Return what a call runs: a function, or the method `__call__` of an object."""
    while isinstance(function, partial):
        function = function.func
    return function, getattr(function, "__call__", None)  # noqa: B004 - it is looked at, not whether it is there


def as_output(value: Any) -> Any:
    """Return what a function returned as columns are made of it: a dataclass by its fields."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return value


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # written in C, without a signature: it gets the mapping
        return [inspect.Parameter("row", inspect.Parameter.POSITIONAL_ONLY)]


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    while isinstance(function, partial):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # names that exist for type checkers alone
        hints = dict(getattr(function, "__annotations__", {}))
    return hints


def _awaited_kind(hint: Any) -> Any:
    """Return what a type gives if it is awaited; `Any` for text that cannot be read."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(origin, type) and issubclass(origin, Awaitable):
        return arguments[-1] if arguments else Any
    return Any if isinstance(hint, str) else hint


def _record_reader(hint: Any) -> Callable[[Mapping[str, Any]], Any] | None:
    """Return what makes a parameter's value of all inputs; None if its type is no mapping and no record."""
    kind = typing.get_origin(hint) or hint
    if not isinstance(kind, type):
        return None
    if issubclass(kind, Mapping) or kind is object:
        return lambda given: given
    if not issubclass(kind, BaseModel) and not dataclasses.is_dataclass(kind):
        return None
    adapter: TypeAdapter[Any] = TypeAdapter(hint)

    def read(given: Mapping[str, Any]) -> Any:
        try:
            return adapter.validate_python(given)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"])) or kind.__name__
            raise RowProblem(f"{where} of {kind.__name__}: {problem['msg']}") from None

    return read


def _form(hint: Any) -> dict[str, Any]:
    """Return the JSON schema of a plain type, alone or with None; nothing for any other."""
    kinds = typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)
    names = [_KINDS.get(kind) for kind in kinds if kind is not type(None)]
    return {"type": names[0]} if len(names) == 1 and names[0] is not None else {}
