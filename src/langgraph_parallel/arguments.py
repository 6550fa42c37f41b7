"""Checks of arguments: plain data against its annotation, sizes, names.

A wrong type is refused where it is passed; further down, a library would fail on it, or nothing would.
"""

import inspect
import math
import weakref
from collections.abc import Callable, Collection, Iterator, KeysView, Mapping, Sequence, ValuesView
from dataclasses import fields
from decimal import Decimal
from functools import cache, wraps
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from langgraph_parallel.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")

_SCALARS: dict[Any, str] = {
    int: "an integer",
    float: "a number",
    bool: "True or False",
    str: "a string",
    NoneType: "None",
}
_builders: "weakref.WeakSet[Any]" = weakref.WeakSet()
"""Functions that `checked` wraps; all of them make something."""
_LISTS = {list, tuple, Sequence, Collection}


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check each call's arguments of plain data against their annotations.

    Plain data are numbers, strings, literals, classes, None, and lists and mappings of anything; any real
    number is a number, NumPy's and fractions included. Arguments that may be something else, such as a worker
    or a model, and those annotated with an alias are left to the function, which is not async.

    Raises:
        UsageError: an argument has the wrong type.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        signature, annotations = _plain_parameters(function)
        try:
            passed = signature.bind(*args, **kwargs).arguments
        except TypeError:
            passed = {}  # an unknown or a missing argument: Python's own error names it
        for name, annotation in annotations.items():
            if name in passed:
                _check(passed[name], annotation, name)
        return function(*args, **kwargs)

    _builders.add(call)
    return call


def check_called(value: object) -> None:
    """Check that a value is not something of this package that makes one: `split.by_heading`, uncalled.

    Raises:
        UsageError: it is a class, or a function that is `checked`.
    """
    ours = isinstance(value, type) and value.__module__.startswith("langgraph_parallel.")
    if ours or (inspect.isfunction(value) and value in _builders):
        name = getattr(value, "__name__", "")
        raise UsageError(f"{name} is not called; pass {name}(...)")


def check_fields(record: Any, prefix: str = "") -> None:
    """Check the fields of a dataclass that are plain data, as `checked` does.

    Args:
        record: an instance.
        prefix: stands before the field's name in errors: `ballot.`

    Raises:
        UsageError: a field has the wrong type.
    """
    for name, annotation in _plain_fields(type(record)):  # type: ignore[arg-type]
        _check(getattr(record, name), annotation, f"{prefix}{name}")


def at_least(number: object, name: str, least: int = 1) -> None:
    """Check that an argument is an integer of at least `least`.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(number, Integral) or isinstance(number, bool) or int(number) < least:
        raise UsageError(f"{name} is {number!r}; expected an integer of at least {least}")


def shown(value: object) -> str:
    """Return a value as an error shows it: at most 200 characters."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]} ..."


def above_zero(number: float, name: str, most: float = math.inf) -> None:
    """Check that an argument is finite, above 0, and at most `most`.

    Raises:
        UsageError: it is not.
    """
    if not 0 < number <= most or number == math.inf:
        expected = "a finite number above 0" if most == math.inf else f"a number above 0 and at most {most:g}"
        raise UsageError(f"{name} is {number!r}; expected {expected}")


def check_named(given: object, name: str) -> None:
    """Check that an argument is a mapping whose keys are non-empty strings.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(given, Mapping):
        raise UsageError(f"{name} is {shown(given)}; expected a mapping such as {{'name': ...}}")
    if invalid := [key for key in given if not isinstance(key, str) or not key]:
        raise UsageError(f"{name} has the key {invalid[0]!r}; expected non-empty strings")


def exclude_model(offline: bool, model: object) -> None:
    """Check that `model` is not set where `offline` is.

    Raises:
        UsageError: both arguments are set.
    """
    if offline and model is not None:
        raise UsageError("offline=True and model= exclude each other; leave one of them out")


@cache
def _plain_parameters(function: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, Any]]:
    signature, hints = inspect.signature(function), get_type_hints(function)
    plain: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if name in hints and parameter.kind is not parameter.VAR_KEYWORD and _is_plain(hints[name]):
            several = parameter.kind is parameter.VAR_POSITIONAL
            plain[name] = tuple[hints[name], ...] if several else hints[name]  # type: ignore[valid-type]
    return signature, plain


@cache
def _plain_fields(kind: Any) -> list[tuple[str, Any]]:
    hints = get_type_hints(kind)
    return [(field.name, hints[field.name]) for field in fields(kind) if _is_plain(hints[field.name])]


def _is_plain(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, UnionType):
        return all(map(_is_plain, get_args(annotation)))
    if get_origin(annotation) is tuple and get_args(annotation)[1:] != (...,):
        return False
    return annotation in _SCALARS or get_origin(annotation) in {Literal, Mapping, dict, type, *_LISTS}


def _check(value: Any, annotation: Any, name: str) -> None:
    if misfit := next(_misfits(value, annotation, f"{name} is"), None):
        found, wrong, expected = misfit
        raise UsageError(f"{found} {shown(wrong)}; expected {_describe(expected)}")


def _misfits(value: Any, annotation: Any, found: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield what does not fit: how an error begins, the value, and the annotation that it misses."""
    kind, inner = get_origin(annotation), get_args(annotation)
    name = found.removesuffix(" is")
    if kind in (Union, UnionType):
        misfits = [list(_misfits(value, option, found)) for option in inner]
        if all(misfits):
            # One wrong entry of a list: report the entry. A value of another kind: report the value.
            yield next((first for first, *_ in misfits if first[0] != found), (found, value, annotation))
    elif kind in _LISTS:
        if not isinstance(value, Collection if kind is Collection else Sequence) or isinstance(
            value, str | bytes
        ):
            yield found, value, annotation
        else:
            for i, item in enumerate(value):
                yield from _misfits(item, inner[0], f"{name}[{i}] is")
    elif kind in (Mapping, dict):
        if not isinstance(value, Mapping):
            yield found, value, annotation
        else:
            for key, item in value.items():
                yield from _misfits(key, inner[0], f"{name} has the key")
                yield from _misfits(item, inner[1], f"{name}[{key!r}] is")
    elif not _fits(value, annotation):
        yield found, value, annotation


def _fits(value: Any, annotation: Any) -> bool:
    kind, inner = get_origin(annotation), get_args(annotation)
    if annotation is float:
        return isinstance(value, Real | Decimal) and not isinstance(value, bool) and value == value
    if annotation is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if annotation in _SCALARS:
        return isinstance(value, annotation)
    if kind is Literal:
        return isinstance(value, str | int | bool | NoneType) and value in inner
    if kind is type:
        return isinstance(value, type) and (not isinstance(inner[0], type) or issubclass(value, inner[0]))
    return True  # not plain data


def _describe(annotation: Any) -> str:
    kind, inner = get_origin(annotation), get_args(annotation)
    if kind in (Union, UnionType):
        return " or ".join(map(_describe, inner))
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if kind is Literal:
        return " or ".join(map(repr, inner))
    if kind in _LISTS:
        return f"a list{_of(inner[0])}"
    if kind is type:
        return f"a subclass of {getattr(inner[0], '__name__', inner[0])}"
    return f"a mapping{_of(inner[1])}"


def _of(annotation: Any) -> str:
    """Name the entries of a list or a mapping, if their type has a plural."""
    plurals = {int: "integers", float: "numbers", bool: "True or False", str: "strings"}
    return f" of {plurals[annotation]}" if annotation in plurals else ""


def plain(value: Any) -> Any:
    """Return a value of a graph's input as a checkpoint holds it: what is like a list becomes a list.

    >>> plain(range(3)), plain(("a", "b")), plain({"x": 1}.keys()), plain("ab")
    ([0, 1, 2], ['a', 'b'], ['x'], 'ab')
    """
    if isinstance(value, tuple | range | KeysView | ValuesView | Iterator):
        return list(value)
    if not isinstance(value, type) and hasattr(value, "tolist"):  # an array, a column of a table
        return value.tolist()
    return value


def fields_of(record: Any) -> dict[str, Any]:
    """Return the fields of a pydantic model or a dataclass, as they are."""
    names = type(record).model_fields if isinstance(record, BaseModel) else [f.name for f in fields(record)]
    return {name: getattr(record, name) for name in names if hasattr(record, name)}
