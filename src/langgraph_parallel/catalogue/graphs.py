"""Graphs by name: those of the catalogue, and those of the user's own modules."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import langgraph_parallel
from langgraph_parallel.catalogue.imported import import_graph
from langgraph_parallel.catalogue.settings import parse_settings
from langgraph_parallel.catalogue.spelling import COMMAND, Spelling, has_model, naming
from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs.defaults import DEFAULTS
from langgraph_parallel.runtime.graph import ParallelGraph

_PREFIX = "create_"
CATALOGUE = tuple(name.removeprefix(_PREFIX) for name in dir(langgraph_parallel) if name.startswith(_PREFIX))
"""Names of all patterns."""
OF_OPTIONS = frozenset(
    (
        "model",
        "offline",
        "limits",
        "completion",
        "checkpointer",
        "store",
        "trace",
        "trace_contents",
        "options",
    )
)
"""Arguments of factories that callers give in other ways, or that have no form as text."""


def factory(name: str) -> Callable[..., Any]:
    """Return the factory of a pattern.

    Raises:
        UsageError: there is no such pattern.
    """
    if name not in CATALOGUE:
        raise UsageError(
            f"{name!r} is not a graph; choose one of {', '.join(CATALOGUE)}, or name one of your own as "
            "module:graph"
        )
    create: Callable[..., Any] = getattr(langgraph_parallel, _PREFIX + name)
    return create


def build(
    name: str, settings: Sequence[str], *, offline: bool = False, spelling: Spelling = COMMAND
) -> ParallelGraph:
    """Build a graph of the catalogue, or import one.

    Args:
        name: of a pattern, or `module:attribute`: a compiled graph, or a function that returns one. The
            current folder is searched too.
        settings: `NAME=VALUE` for each argument of the factory.
        offline: whether the graph may ask no model.
        spelling: how the caller writes these arguments.

    Raises:
        UsageError: there is no such graph, or a setting is not valid.
    """
    if ":" in name:
        return import_graph(name, settings, offline=offline, spelling=spelling)
    create = factory(name)
    arguments = parse_settings(settings, settable(create), spelling)
    if offline:
        if not _works_offline(create):
            raise UsageError(f"{name} needs a model; leave out {spelling.offline}")
        arguments["offline"] = True
    defaults = DEFAULTS.get(name, dict)()
    _check_required(name, create, {**defaults, **arguments}, spelling)
    with naming(spelling.settings):
        graph: ParallelGraph = create(**{**defaults, **arguments})
    return graph


def check_model(name: str, model: str | None, spelling: Spelling = COMMAND) -> None:
    """Check that there is a model for a graph of the catalogue that does nothing without one.

    Args:
        name: of the graph.
        model: that the caller names.
        spelling: how the caller names one.

    Raises:
        UsageError: neither the caller nor the environment names one.
    """
    needs_one = ":" not in name and not _works_offline(factory(name))
    if needs_one and not has_model(model):
        raise UsageError(f"no model: {spelling.model_hint}")


def settable(create: Callable[..., Any]) -> list[str]:
    """Return the arguments of a factory that settings name."""
    return [name for name in inspect.signature(create).parameters if name not in OF_OPTIONS]


def _works_offline(create: Callable[..., Any]) -> bool:
    return "offline" in inspect.signature(create).parameters


def _check_required(
    name: str, create: Callable[..., Any], arguments: Mapping[str, Any], spelling: Spelling
) -> None:
    for argument, parameter in inspect.signature(create).parameters.items():
        is_required = parameter.default is inspect.Parameter.empty and argument != "options"
        if is_required and argument not in arguments:
            raise UsageError(
                f"{name} needs {spelling.one(argument)}; 'langgraph-parallel graphs {name}' says what it is"
            )
