"""The arguments that a model fills, from the input of a graph: simple types, described, no key too many."""

import json
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    WithJsonSchema,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo

from langgraph_parallel.errors import InputError, UsageError
from langgraph_parallel.tools.describing import describe_argument

_MESSAGES = "messages"
_INTERNAL = {"correlation_id"}
"""Keys that an application fills, not a model."""
_RESERVED = {"callbacks", "config", "run_manager", "runtime"}
"""Arguments of tools that LangChain and LangGraph fill."""
_LONGEST_EXAMPLES = 300
"""Characters of examples, each of which costs tokens with every request."""
_SCALARS = (str, int, float, bool)
Args = Sequence[str] | Mapping[str, Any]


class Filled(BaseModel):
    """The base of what a model fills in: it has no other keys than those of its schema."""

    model_config = ConfigDict(protected_namespaces=(), json_schema_extra={"additionalProperties": False})

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, given: Any) -> Any:
        # Not by `extra="forbid"`: LangGraph adds what it injects before LangChain validates.
        unknown = [key for key in given if key not in cls.model_fields and key not in _RESERVED]
        if unknown:
            raise ValueError(f"there is no argument {str(unknown[0])[:40]!r}")
        return given


class Arguments:
    """What a model fills in, and how the input of the graph follows from it.

    Args:
        graph: a graph of this package.
        args: the input keys that the model fills, or their types by key; None for all that are simple.
        fixed: values of input keys that the model must not choose.

    Raises:
        UsageError: a key does not exist, or a key that the graph requires is neither simple nor fixed.
    """

    def __init__(self, graph: Any, args: Args | None, fixed: Mapping[str, Any] | None) -> None:
        self._renamed: Any = getattr(graph, "names", None)
        self._names: dict[str, str] = _names(graph)
        self._own = {name: key for key, name in self._names.items()}
        self._fixed = dict(fixed or {})
        types = dict(args) if isinstance(args, Mapping) else dict.fromkeys(args or ())
        for argument, given in (("args", types), ("fixed", self._fixed)):
            if unknown := [name for name in given if name not in self._own]:
                known = ", ".join(self._own)
                raise UsageError(f"{argument} has {unknown[0]!r}; the inputs of {graph.name!r} are {known}")
        self.schema = self._build(graph, types if args is not None else None)

    def input(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the input of the graph, under its own keys; what the model left out is left out."""
        filled = {name: value for name, value in given.items() if value is not None}
        return {self._own[name]: value for name, value in {**filled, **self._fixed}.items()}

    def explain(self, error: Exception) -> None:
        """Add to an error about the input which of the caller's names its keys have."""
        if self._renamed is not None and isinstance(error, InputError):
            self._renamed.explain(error)

    def _build(self, graph: Any, chosen: Mapping[str, Any] | None) -> type[BaseModel]:
        hints = get_type_hints(graph.builder.input_schema, include_extras=True)
        required, fields = _required(graph, hints), dict[str, Any]()
        for key, name in self._names.items():
            if name in self._fixed or (chosen is not None and name not in chosen):
                continue
            if chosen is None and (key == _MESSAGES or key in _INTERNAL):
                continue
            kind, about = _split(hints[key])
            words = describe_argument(graph.governing.kind, key) or about.description
            if chosen is not None and chosen[name] is not None:
                kind, about = chosen[name], _split(chosen[name])[1]
                words = about.description or words
            elif (simple := _simple(kind)) is None:
                continue
            else:
                kind = simple
            fields[name] = _field(kind, about, words, key in required)
        self._check(graph, fields, {self._names[key] for key in required if key in self._names})
        return create_model(f"{graph.name}_arguments", __base__=Filled, **fields)

    def _check(self, graph: Any, fields: Mapping[str, Any], required: set[str]) -> None:
        if reserved := sorted(_RESERVED & fields.keys()):
            raise UsageError(
                f"the input {reserved[0]!r} of {graph.name!r} has a name that LangChain uses for itself; "
                f"give it another one with inputs="
            )
        if lacking := sorted(required - fields.keys() - self._fixed.keys()):
            raise UsageError(
                f"{graph.name!r} requires {lacking[0]!r}, which the model does not fill; add it to args, as "
                f"args={{{lacking[0]!r}: its type}}, or to fixed"
            )
        if not fields:
            raise UsageError(
                f"nothing of the input of {graph.name!r} is left for the model; narrow args less"
            )


def _names(graph: Any) -> dict[str, str]:
    """Return the caller's name of each input key."""
    names = getattr(graph, "names", None)
    own = get_type_hints(graph.builder.input_schema)
    return dict(names.entering_keys) if names is not None else {key: key for key in own}


def _required(graph: Any, hints: Mapping[str, Any]) -> set[str]:
    """Return the keys without which the graph cannot start."""
    required = {key for key in graph.builder.input_schema.__required_keys__ if key in hints}
    spec = getattr(graph.governing, "from_messages", None)
    # A conversation may stand for the only text of a graph. A model that calls a tool has none to pass.
    if spec is not None and len(spec.keys) == 1:
        required |= set(spec.keys)
    return required - {_MESSAGES}


def _split(hint: Any) -> tuple[Any, FieldInfo]:
    """Return the type of a key, and what its annotation says about it."""
    about = FieldInfo()
    while get_origin(hint) in (Annotated, Required, NotRequired):
        described = [one for one in getattr(hint, "__metadata__", ()) if isinstance(one, FieldInfo)]
        about = described[0] if described else about
        hint = get_args(hint)[0]
    return hint, about


def _simple(kind: Any) -> Any:
    """Return the simplest form of a type that a model can fill; None if there is none.

    Of several forms the first counts; what may be any JSON is a text.
    """
    kind, _ = _split(kind)
    origin, inner = get_origin(kind), get_args(kind)
    if kind is JsonValue or kind is Any:
        return str
    if kind in _SCALARS or (origin is Literal and all(isinstance(one, str) for one in inner)):
        return kind
    if origin in (Union, UnionType):
        return next((found for one in inner if one is not NoneType and (found := _simple(one))), None)
    if origin is list and (entry := _simple(inner[0])) in _SCALARS:
        return list[entry]  # type: ignore[valid-type]
    if origin is dict and (entry := _simple(inner[1])) in _SCALARS:
        return dict[str, entry]  # type: ignore[valid-type]
    return None


def _field(kind: Any, about: FieldInfo, description: str | None, required: bool) -> Any:
    """Return a field of the schema. An optional one may be null, which its schema does not mention."""
    schema: dict[str, Any] = TypeAdapter(kind).json_schema()
    examples = [one for one in about.examples or [] if _fits(one, kind)]
    if examples and len(json.dumps(examples)) <= _LONGEST_EXAMPLES:
        schema["examples"] = examples
    # As metadata, because LangChain keeps nothing else of a field for the schema that models see. Some
    # providers refuse `null`, `anyOf` and a default of null.
    shown = [] if "$defs" in schema else [WithJsonSchema(schema)]
    about_it = (
        Field(description=description)
        if required
        else Field(default_factory=_nothing, description=description)
    )
    typed = kind if required else kind | None
    return (Annotated[typed, *shown] if shown else typed), about_it


def _nothing() -> None:
    """The default of an optional argument, of which a schema shows nothing."""


def _fits(example: Any, kind: Any) -> bool:
    expected = get_origin(kind) or kind
    return isinstance(expected, type) and isinstance(example, expected)
