"""Which columns an output has by default, and whether the paths of a mapping exist, by its types."""

import dataclasses
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import BaseModel

from langgraph_parallel.catalogue.spelling import PYTHON, Spelling
from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.mapping.outputs import OF_THE_RUN, WHOLE, names_of, split_path
from langgraph_parallel.scale.mapping.problem import list_names
from langgraph_parallel.scale.sinks.table import OURS

_MAIN: Mapping[str, Mapping[str, str]] = {
    "label": {"label": "label", "support": "support.share", "contested": "contested"},
    "verdict": {"choice": "verdict.choice", "support": "verdict.support.share", "decided": "verdict.decided"},
    "moderation": {"moderation": "status", "flags": "moderation.flags"},
    "best": {"best": "best"},
    "answer": {"answer": "answer", "released": "released", "reason": "reason"},
}
"""Columns of an output, by a key that only outputs of its pattern have."""
_BESIDE = OF_THE_RUN | {"ballots", "uncited", "csv"}
"""Keys that are in no column unless a mapping names them."""

Form = Mapping[str, Any]
"""The type of each key of an output."""


def output_form(kind: Any) -> Form:
    """Return the types of the keys of a typed dict, or of what a path may name of a record."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {**dict.fromkeys(names_of(kind), Any), **get_type_hints(kind)}
    return get_type_hints(kind)


def resolve_outputs(
    given: Mapping[str, str], form: Form | None, spelling: Spelling = PYTHON
) -> dict[str, str]:
    """Return the columns of an output with their paths, checked as far as the types are known.

    Args:
        given: as in `Columns.compile`; empty for those that say most of the output.
        form: types of the output's keys; None if they are not known.
        spelling: how the caller writes a mapping.

    Raises:
        UsageError: a path does not exist.
    """
    for column, path in given.items():
        _check_path(spelling.column(column, path), path, Any if form is None else form)
    return dict(given) or ({} if form is None else _default(form))


def check_returned(given: Mapping[str, str], kind: Any, spelling: Spelling = PYTHON) -> None:
    """Check the columns of the output of a function, as far as it says what it returns.

    Args:
        given: as in `Columns.compile`.
        kind: that it is annotated to return; `Any` if it says nothing.
        spelling: how the caller writes a mapping.

    Raises:
        UsageError: a path does not exist, or a field of a record has the name of a column of every sink.
    """
    for column, path in given.items():
        _check_path(spelling.column(column, path), path, kind)
    fields = [] if given else [name for one in _alternatives(kind) for name in _fields(one) or ()]
    for name in fields:
        if name.lower() in OURS:
            raise UsageError(
                f"the function returns {name!r}, which every sink has as a column of its own; name the "
                f"columns of the output, such as {spelling.column(f'output_{name}', name)}"
            )


def _default(form: Form) -> dict[str, str]:
    for key, columns in _MAIN.items():
        if key in form:
            return {column: path for column, path in columns.items() if split_path(path)[0] in form}
    keys = [key for key in form if key not in _BESIDE]
    if len(keys) > 1 and "markdown" in keys:  # it shows what the others hold
        keys.remove("markdown")
    return {f"output_{key}" if key in OURS else key: key.replace(".", r"\.") for key in keys}


def _check_path(given: str, path: str, kind: Any) -> None:
    kinds: list[Any] = [kind] if isinstance(kind, Mapping) else _alternatives(kind)
    parts = split_path(path)
    if parts[0] == WHOLE and not any(isinstance(one, Mapping) or _fields(one) is not None for one in kinds):
        return  # a value that is no record is called so
    for index, part in enumerate(parts):
        known: list[str] = []
        found: list[Any] = []
        for kind in kinds:
            names, inner = _inside(kind, part)
            known += names
            found += inner
        if not found:
            known = known or [WHOLE] * (index == 0)
            where = ".".join(parts[:index]) or "the output"
            close = get_close_matches(part, known, 1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            raise UsageError(f"{given}: {where} has no {part!r}; it has {list_names(known)}{meant}")
        kinds = [one for kind in found for one in _alternatives(kind)]


def _inside(kind: Any, part: str) -> tuple[Sequence[str], list[Any]]:
    """Return what a value of a type has, and the types of one part of it; none if there is no such part."""
    if kind is Any:
        return [], [Any]
    if isinstance(kind, Mapping):
        return list(kind), [kind[part]] if part in kind else []
    if (fields := _fields(kind)) is not None:
        return _inside(fields, part)
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return [], [arguments[1] if len(arguments) == 2 else Any]
    if isinstance(origin, type) and issubclass(origin, Sequence) and origin is not str:
        is_number = part.removeprefix("-").isdecimal()
        return ["0", "1", "..."], [arguments[0] if arguments else Any] if is_number else []
    return [], [] if kind in (str, int, float, bool) else [Any]


def _fields(kind: Any) -> Form | None:
    """Return the types of the fields of a record; None if a type is none."""
    is_record = is_typeddict(kind) or (isinstance(kind, type) and issubclass(kind, BaseModel))
    if not is_record and not (dataclasses.is_dataclass(kind) and isinstance(kind, type)):
        return None
    try:
        return output_form(kind)
    except Exception:  # names that exist for type checkers alone
        return None


def _alternatives(kind: Any) -> list[Any]:
    """Return the types of a union, without None."""
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [one for part in get_args(kind) if part is not type(None) for one in _alternatives(part)]
    return [kind]
