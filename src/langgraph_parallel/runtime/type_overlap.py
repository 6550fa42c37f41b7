"""Whether a value may be of two annotated types at once.

In doubt it may: what is not understood, and what differs only in how it is written (a list and a tuple, a
mapping and a record), counts as the same.
"""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import is_dataclass
from inspect import formatannotation
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, NotRequired, Required, Union, get_args, get_origin

from langchain_core.messages import AnyMessage
from pydantic import BaseModel
from typing_extensions import ReadOnly, is_typeddict

_WRAPPERS = (Annotated, Required, NotRequired, ReadOnly)
_MODULES = re.compile(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])")
_NUMBERS = (int, float, complex)


def may_overlap(one: Any, other: Any) -> bool:
    """Return False if no value is of both types, whatever else an application may do with them."""
    kinds = [_alternatives(one), _alternatives(other)]
    if not any(alternatives == [NoneType] for alternatives in kinds):  # else None is what they may share
        kinds = [[kind for kind in alternatives if kind is not NoneType] for alternatives in kinds]
    return any(_overlap(a, b) for a in kinds[0] for b in kinds[1])


def type_text(annotation: Any) -> str:
    """Return a type as a reader writes it, without its modules and what is annotated, at any depth."""
    if annotation == AnyMessage:  # a union of all classes of messages
        return "AnyMessage"
    annotation = _unwrapped(annotation)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " | ".join(type_text(arg) for arg in args)
    if origin is None or origin is Literal or not args:
        return "None" if annotation is NoneType else _MODULES.sub("", formatannotation(annotation))
    return f"{type_text(origin)}[{', '.join(map(_argument_text, args))}]"


def _argument_text(argument: Any) -> str:
    """Return an argument of a type, which may be a list of those of a function."""
    if isinstance(argument, list):
        return f"[{', '.join(map(_argument_text, argument))}]"
    return "..." if argument is Ellipsis else type_text(argument)


def _unwrapped(annotation: Any) -> Any:
    while True:
        if get_origin(annotation) in _WRAPPERS:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        else:
            return annotation


def _alternatives(annotation: Any) -> list[Any]:
    """Return the members of a union, and for a literal the types of its values."""
    annotation = _unwrapped(annotation)
    if annotation is None:
        return [NoneType]
    if get_origin(annotation) is Literal:
        return [type(value) for value in get_args(annotation)]
    if get_origin(annotation) not in (Union, UnionType):
        return [annotation]
    return [member for one in get_args(annotation) for member in _alternatives(one)]


def _overlap(one: Any, other: Any) -> bool:
    if Any in (one, other):
        return True
    kinds = [get_origin(each) or each for each in (one, other)]
    if not all(isinstance(kind, type) for kind in kinds):
        return True  # a name that was not resolved, a type variable
    if not _are_kin(*kinds):
        return False
    args = [[arg for arg in get_args(each) if arg is not Ellipsis] for each in (one, other)]
    if all(_is_mapping(kind) for kind in kinds):
        return all(map(may_overlap, *args)) if len(args[0]) == len(args[1]) == 2 else True
    if all(_is_collection(kind) for kind in kinds) and all(args):
        return any(may_overlap(a, b) for a in args[0] for b in args[1])
    return True


def _are_kin(one: type, other: type) -> bool:
    if any(getattr(kind, "_is_protocol", False) for kind in (one, other)):
        return True
    kinds = (one, other)
    if all(issubclass(kind, _NUMBERS) for kind in kinds):
        return True
    if all(_is_collection(kind) for kind in kinds):
        return True
    if all(_is_mapping(kind) or _is_record(kind) for kind in kinds):
        return not all(_is_record(kind) for kind in kinds) or _is_subclass(one, other)
    return _is_subclass(one, other)


def _is_subclass(one: type, other: type) -> bool:
    try:
        return issubclass(one, other) or issubclass(other, one)
    except TypeError:
        return True


def _is_collection(kind: type) -> bool:
    return issubclass(kind, Sequence | Set) and not issubclass(kind, str | bytes | bytearray)


def _is_mapping(kind: type) -> bool:
    return is_typeddict(kind) or issubclass(kind, Mapping)


def _is_record(kind: type) -> bool:
    return issubclass(kind, BaseModel) or is_dataclass(kind)
