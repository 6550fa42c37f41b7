"""Settings records, given as they are or as plain mappings."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from langgraph_parallel.errors import UsageError

SettingsT = TypeVar("SettingsT")
_SWITCHES: Mapping[str, bool] = {
    **dict.fromkeys(("true", "on", "yes", "1"), True),
    **dict.fromkeys(("false", "off", "no", "0"), False),
}


def switch_of(text: str) -> bool | None:
    """Return what a word of the environment switches; None for a word that is no switch."""
    return _SWITCHES.get(text.strip().lower())


def switched(built: bool | None, variable: str) -> bool:
    """Return whether something is on: as the graph says, else the environment; not by default.

    Args:
        built: what the graph says; None if it says nothing.
        variable: of the environment.

    Raises:
        UsageError: the environment has another value than true or false.
    """
    if built is not None:
        return built
    named = os.environ.get(variable, "").strip()
    on = switch_of(named)
    if named and on is None:
        raise UsageError(f"{variable}={named!r}: expected true or false")
    return bool(on)


def as_settings(given: object, kind: type[SettingsT], name: str) -> SettingsT:
    """Return a settings record; build it from a mapping of its fields.

    Args:
        given: the record, or a mapping.
        kind: a pydantic model or a dataclass.
        name: the argument, as the caller knows it: `limits`.

    Raises:
        UsageError: an unknown key, an invalid value, or something else than a mapping.
    """
    if isinstance(given, kind):
        return given
    if not isinstance(given, Mapping):
        raise UsageError(f"{name} is {given!r}; expected {kind.__name__} or a mapping of its fields")
    if issubclass(kind, BaseModel):
        try:
            return kind.model_validate(dict(given))
        except ValidationError as error:
            raise UsageError(explain(error, kind, name)) from None
    assert is_dataclass(kind)
    _check_keys(given, [field.name for field in fields(kind)], name)
    required = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    if lacking := [key for key in required if key not in given]:
        raise UsageError(f"{name} lacks {', '.join(lacking)}; expected a mapping with {', '.join(required)}")
    return kind(**{str(key): value for key, value in given.items()})


def explain(error: ValidationError, kind: type[BaseModel], name: str) -> str:
    """Say in one line what is wrong with the first invalid setting."""
    problem = error.errors()[0]
    place = [name, *map(str, problem["loc"])]
    if problem["type"] == "extra_forbidden":
        owner: Any = kind
        for key in problem["loc"][:-1]:
            owner = _model_of(owner, str(key))
        return unknown_key(place[-1], owner.model_fields if owner else (), ".".join(place[:-1]))
    return f"{'.'.join(place)} is {problem['input']!r}: {problem['msg']}"


def _model_of(owner: type[BaseModel] | None, key: str) -> type[BaseModel] | None:
    """Return the model of a nested field, through `X | None`."""
    field = owner.model_fields.get(key) if owner else None
    annotation = field.annotation if field else None
    kinds = [annotation, *getattr(annotation, "__args__", ())]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _check_keys(given: Mapping[Any, Any], known: Iterable[str], name: str) -> None:
    for key in given:
        if key not in known:
            raise UsageError(unknown_key(key, known, name))


def unknown_key(key: object, known: Iterable[str], name: str) -> str:
    """Say that a setting does not exist, and which do."""
    return f"{name} has the unknown key {key!r}; known keys: {', '.join(known)}"


def default_steps() -> int:
    """Return LangGraph's limit of steps for graphs of others, where no config says another."""
    return int(os.environ.get("LANGGRAPH_DEFAULT_RECURSION_LIMIT", "10007"))
