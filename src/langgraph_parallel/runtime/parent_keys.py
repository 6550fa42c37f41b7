"""The keys that a graph shares, as a node, with the state of the graph around it.

LangGraph passes the keys of a node's output to the state by their names alone, whatever they hold. Whether a
graph is a node, and of what, shows in the config of its run, and in nothing before it.
"""

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, get_type_hints
from weakref import ReferenceType, WeakKeyDictionary

from langchain_core.runnables import RunnableConfig
from langgraph.channels import BinaryOperatorAggregate
from langgraph.channels.base import BaseChannel
from langgraph.graph.state import CompiledStateGraph

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime import messages
from langgraph_parallel.runtime.names import Names
from langgraph_parallel.runtime.read_records import WAY_OUT, unread_records
from langgraph_parallel.runtime.type_overlap import may_overlap, type_text

_CHECKPOINTER = "__pregel_checkpointer"
"""The config key under which LangGraph passes a checkpointer down to nested graphs."""
_CALL = "__pregel_call"
"""The config key of a function that holds the task of the node that runs."""
_READ = "__pregel_read"
"""The config key of a function that holds the channels of the graph around a node."""
_SENT = "__pregel_push"
"""What the path of a task begins with that `Send` has made."""
_checked: WeakKeyDictionary[object, set[frozenset[str]]] = WeakKeyDictionary()
"""The nodes that were checked, each with the sets of keys that it got."""


@dataclass(frozen=True)
class _Place:
    """Where a graph is a node.

    Args:
        node: its name.
        step: what runs it, the same in all runs.
        channels: of the graph around it.
        given: its input.
        sent: whether the input is one of `Send`, which is not the state around the node.
    """

    node: str
    step: object
    channels: Mapping[str, BaseChannel[Any, Any, Any]]
    given: Any
    sent: bool


@dataclass(frozen=True)
class _Key:
    """A key that a graph shares with the state around it."""

    key: str
    name: str
    """What it is called around the graph."""
    own: Any
    """The type that it has in the graph."""
    around: Any
    """The type that it has around the graph."""
    named: bool
    """Whether the caller has named it; else the name is shared by chance."""

    @property
    def collides(self) -> bool:
        """Whether no value is of both types."""
        return not may_overlap(self.own, self.around)


def check_parent(graph: CompiledStateGraph[Any, Any, Any, Any], config: RunnableConfig | None) -> None:
    """Check that a graph, if it is a node, shares keys with the state around it only where the types agree.

    Nothing is checked where LangGraph does not show of what the graph is a node, or if it is called in a
    function, which passes on what it wants.

    Raises:
        UsageError: a key has another type in the state around the graph, or a name that the caller gave is no
            key of the state, or the records in a key would not be read back.
    """
    place = _find_place(graph, config)
    if place is None:
        return
    keys, names = frozenset(_keys_given(place.given)), getattr(graph, "names", None)
    if keys in (seen := _checked.setdefault(place.step, set())):
        return
    if names is not None:
        _check_names(names, place)
    found, untouched = [], _untouched(graph, names, keys)
    for argument, crossing in (
        ("inputs", _entering(graph, names, place, keys)),
        ("outputs", _leaving(graph, names, place)),
    ):
        shared = [key for key in crossing if key.key not in untouched]
        found += _say_named(argument, shared)
        if said := _say(argument, shared, graph):
            found.append(said)
    if found:
        raise UsageError(f"node {place.node!r} (graph {graph.name!r}) {'; it '.join(found)}")
    _check_read(graph, names, place, config)
    seen.add(keys)


def _find_place(
    graph: CompiledStateGraph[Any, Any, Any, Any], config: RunnableConfig | None
) -> _Place | None:
    given = (config or {}).get("configurable") or {}
    call, read = given.get(_CALL), given.get(_READ)
    if not isinstance(call, partial) or not isinstance(read, partial):
        return None
    task = next((arg() for arg in call.args if isinstance(arg, ReferenceType)), None)
    step = getattr(task, "proc", None)
    steps = getattr(step, "steps", None) or [None]
    is_node = steps[0] is graph and all(hasattr(writer, "writes") for writer in steps[1:])
    channels = next((arg for arg in read.args if _are_channels(arg)), None)
    if not is_node or channels is None:
        return None
    sent = getattr(task, "path", ())[:1] == (_SENT,)
    return _Place(str(getattr(task, "name", "")), step, channels, getattr(task, "input", None), sent)


def _are_channels(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(one, BaseChannel) for one in value.values())
    )


def _keys_given(given: Any) -> list[str]:
    """Return the keys of a node's input that have a value."""
    fields = given if isinstance(given, Mapping) else getattr(given, "__dict__", {})
    return [key for key, value in fields.items() if value is not None]


def _check_names(names: Names, place: _Place) -> None:
    named = {"inputs": names.inputs or {}, "outputs": names.outputs}
    for argument, keys in named.items():
        sent = _keys_given(place.given) if argument == "inputs" else ()  # by `Send`, whatever the state has
        for key, name in keys.items():
            if name != key and name not in place.channels and name not in sent:
                own = ", ".join(key for key in place.channels if ":" not in key and not key.startswith("__"))
                raise UsageError(
                    f"{argument} of node {place.node!r} names {name!r} for {key!r}, but the state around it "
                    f"has no such key; its keys are {own}"
                )


def _untouched(
    graph: CompiledStateGraph[Any, Any, Any, Any], names: Names | None, keys: frozenset[str]
) -> set[str]:
    """Return the shared keys that the graph neither reads nor writes: messages, if it has its own input."""
    spec = getattr(getattr(graph, "governing", None), "from_messages", None)
    own: Collection[str] = () if spec is None else spec.keys
    entering = {key: key for key in own} if names is None else names.entering_keys
    return {messages.KEY} if any(entering.get(key) in keys for key in own) else set()


def _check_read(
    graph: CompiledStateGraph[Any, Any, Any, Any],
    names: Names | None,
    place: _Place,
    config: RunnableConfig | None,
) -> None:
    checkpointer = ((config or {}).get("configurable") or {}).get(_CHECKPOINTER)
    hints = get_type_hints(graph.builder.output_schema)
    for key, name in ({key: key for key in hints} if names is None else names.outputs).items():
        if name in place.channels and unread_records(checkpointer, hints[key]):
            kind = type_text(hints[key])
            raise UsageError(
                f"node {place.node!r} writes {kind} to the key {name!r} of the state around it, whose "
                f"checkpointer would read it back as plain data; annotate the key with {kind}, {WAY_OUT}"
            )


def _entering(
    graph: CompiledStateGraph[Any, Any, Any, Any], names: Names | None, place: _Place, keys: frozenset[str]
) -> list[_Key]:
    """Return the input keys that enter: those that the caller names, else those whose names are given."""
    if place.sent:
        return []
    hints = get_type_hints(graph.builder.input_schema, include_extras=True)
    named = None if names is None else names.inputs
    crossing = {key: key for key in hints if key in keys} if named is None else named
    return [
        _Key(key, name, hints[key], place.channels[name].ValueType, named is not None)
        for key, name in crossing.items()
        if name in place.channels
    ]


def _leaving(graph: CompiledStateGraph[Any, Any, Any, Any], names: Names | None, place: _Place) -> list[_Key]:
    """Return the output keys that leave: those that the caller names, else those that the state has."""
    hints = get_type_hints(graph.builder.output_schema, include_extras=True)
    named = names is not None and names.names_outputs
    crossing = {key: key for key in hints} if names is None else names.outputs
    return [
        _Key(key, name, hints[key], _taken(place.channels[name]), named)
        for key, name in crossing.items()
        if name in place.channels
    ]


def _taken(channel: BaseChannel[Any, Any, Any]) -> Any:
    """Return the type of the updates that a channel takes: a reducer of the caller's may take any."""
    if not isinstance(channel, BinaryOperatorAggregate):
        return channel.UpdateType
    reducer: Any = channel.operator
    if getattr(reducer, "__module__", None) == "_operator":
        return channel.UpdateType
    try:
        parameters = list(inspect.signature(reducer, eval_str=True).parameters.values())
    except (TypeError, ValueError, NameError):
        return Any
    taken = parameters[1].annotation if len(parameters) > 1 else inspect.Parameter.empty
    return Any if taken is inspect.Parameter.empty else taken


_CROSSES = {"inputs": "would read its input", "outputs": "would write its output"}
_YOURS = "<key of yours>"


def _say_named(argument: str, shared: list[_Key]) -> list[str]:
    """Return what is wrong with names that the caller gave."""
    return [
        f"{_describe(argument, key)}; in {argument}= give {key.key!r} the name of a key of "
        f"{type_text(key.own)}"
        for key in shared
        if key.named and key.collides
    ]


def _say(argument: str, shared: list[_Key], graph: CompiledStateGraph[Any, Any, Any, Any]) -> str:
    """Return what is wrong with names that are shared by chance, and what to name; empty if nothing is."""
    collisions = [key for key in shared if key.collides and not key.named]
    if not collisions:
        return ""
    wanted = {key.key: key.name for key in shared if not key.collides} | _needed(argument, graph, shared)
    away = [key for key in collisions if key.key not in wanted]
    said = " and ".join(_describe(argument, key) for key in collisions)
    what = {"inputs": "inputs that it is to read", "outputs": "outputs that you want"}[argument]
    advice = f"{said}; name the {what}, for example {argument}={wanted}"
    if not away:
        return advice
    stays = {"inputs": "outside", "outputs": "inside"}[argument]
    which, kinds = " and ".join(repr(key.key) for key in away), [type_text(key.own) for key in away]
    return (
        f"{advice}; {which} then {'stays' if len(away) == 1 else 'stay'} {stays}, unless you also name "
        + " and ".join(f"a key of {kind} for {key.key!r}" for key, kind in zip(away, kinds, strict=True))
    )


def _needed(
    argument: str, graph: CompiledStateGraph[Any, Any, Any, Any], shared: list[_Key]
) -> dict[str, str]:
    """Return the keys that a caller cannot do without, of those that the state around does not share.

    That is the first output, which is what the graph is for; the inputs that it requires; and its first input
    if it would get no other.
    """
    fitting = {key.key for key in shared if not key.collides}
    if argument == "outputs":
        keys = list(get_type_hints(graph.builder.output_schema))[:1]
    else:
        schema: Any = graph.builder.input_schema
        required = [key for key in get_type_hints(schema) if key in schema.__required_keys__]
        keys = required or ([] if fitting else [next(key.key for key in shared if key.collides)])
    return {key: _YOURS for key in keys if key not in fitting}


def _describe(argument: str, key: _Key) -> str:
    return (
        f"{_CROSSES[argument]} {key.key!r} ({type_text(key.own)}) as {key.name!r} of the state around it, "
        f"which is {type_text(key.around)}"
    )
