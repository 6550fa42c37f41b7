"""From what a caller passes to a program that travels, with all checks before anything is paid."""

import importlib
import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from langchain_core.runnables import Runnable
from langgraph.graph.state import StateGraph
from pydantic import BaseModel

from langgraph_parallel.catalogue.graphs import check_model as check_named
from langgraph_parallel.catalogue.spelling import PYTHON, Spelling
from langgraph_parallel.errors import ModelError, UsageError
from langgraph_parallel.reducers.completion import Completion
from langgraph_parallel.runtime.chained import is_model
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.limit_sources import limits_from_environment, merge_limits
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike, check_model, read_fallbacks
from langgraph_parallel.runtime.named_graph import with_own_keys
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.runtime.settings import as_settings
from langgraph_parallel.scale.batching import asked_in_batches, check_batches, goes_in_batches
from langgraph_parallel.scale.fingerprint import fingerprint_of, program_parts
from langgraph_parallel.scale.mapping.fitting import fit
from langgraph_parallel.scale.mapping.given import read_mapping
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.runner import Runner, load, load_anew, not_compiled, remember, runner_of

GraphLike = str | Runnable[Any, Any] | Callable[..., Any]
"""What works on rows: a name, a graph or another Runnable, or a function of a row."""


def make_program(
    graph: GraphLike,
    *,
    settings: Mapping[str, Any] | Sequence[str] | None = None,
    inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    model: str | None = None,
    fallbacks: Sequence[str] | None = None,
    cache: bool | None = None,
    record: str | os.PathLike[str] | None = None,
    offline: bool = False,
    limits: Limits | Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
    spelling: Spelling = PYTHON,
) -> Program:
    """Make a program, and check it.

    Args:
        graph: name of a pattern; `module:attribute`: a graph, a function of a row, or a function without
            arguments (or with `settings`) that returns one of them; or a graph or a function itself.
        settings: arguments of the factory, as a mapping or as `NAME=VALUE`.
        inputs: for each key of the graph's input, the column it is read from.
        outputs: for each column of the output, the path in the graph's output.
        model: `provider:model`, for graphs of this package; None for their own, or the environment's.
        fallbacks: further models; None for the graph's own.
        cache: whether answers are kept; None for the graph's own.
        record: folder for the records of runs; None for none.
        offline: whether no model may be asked.
        limits: of the whole map; what they leave to the environment is read now, once for all workers.
        context: further keys of the runtime context.
        columns: of the source, by which the mappings are completed and checked; None if they are not known.
        spelling: how the caller writes these arguments.

    Returns:
        A program with its fingerprint.

    Raises:
        UsageError: an argument is not valid, there is no such graph, its runs wait for a person, or no model
            is named.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    named, local = (graph, None) if isinstance(graph, str) else _named(graph)
    if not isinstance(graph, str) and settings:
        raise UsageError(
            f"{spelling.settings} are for graphs by name; build the graph with them, or pass its name"
        )
    program = Program(
        graph=named,
        settings=_as_texts(settings or ()),
        inputs=read_mapping("inputs", inputs),
        outputs=read_mapping("outputs", outputs),
        context=_context(model, fallbacks, cache, context or {}),
        offline=offline,
        limits=_limits(limits),
        records="" if record is None else str(Path(record).absolute()),
        folder=str(Path.cwd()),
        local=local,
    )
    runner = load_anew(program, spelling)
    program = replace(program, limits=_with_environment(program.limits, runner.target))
    runner = replace(runner, program=program)
    _check(runner, model, spelling)
    signature = runner.signature
    schema, returns = (None, Any) if signature is None else (signature.schema, signature.returns)
    if signature is not None and (names := _input_names(program, columns, schema)) is not None:
        signature.check(names)
    if schema is not None and columns is None and not inputs:  # a row may have each of them
        program = replace(program, inputs={name: name for name in schema["properties"]})
    fitted = fit(program, runner.target, columns, schema, spelling, returns)
    runner = runner_of(fitted, runner.target)
    made = replace(fitted, fingerprint=fingerprint_of(program_parts(runner)))
    remember(replace(runner, program=made))
    return made


def _input_names(
    program: Program, columns: Sequence[str] | None, schema: Mapping[str, Any] | None
) -> list[str] | None:
    """Return the inputs that a function may get, by name; None if the columns are not known."""
    if program.inputs and schema is None:
        return [*program.inputs]
    return None if columns is None else list(dict.fromkeys([*program.inputs, *columns]))


def parts_of(program: Program) -> dict[str, Any]:
    """Return what the fingerprint of a program is made of, by name."""
    return program_parts(load(program))


def _check(runner: Runner, model: str | None, spelling: Spelling) -> None:
    program, target = runner.program, runner.target
    if not isinstance(target, ParallelGraph):
        if model is not None or program.context.get("fallbacks") is not None:
            raise UsageError(
                f"{spelling.model} and fallbacks are for graphs of langgraph_parallel, and {runner.name} has "
                "models of its own"
            )
        if is_model(target) and goes_in_batches(program.limits):
            check_batches([target], spelling, is_governed=False)
        return
    as_settings({**program.context, "limits": program.limits}, target.governing.context, "context")
    if program.graph and ":" not in program.graph and not program.offline:
        check_named(program.graph, model, spelling)
    if not program.offline:
        _check_models(runner, model, spelling)


def _check_models(runner: Runner, model: str | None, spelling: Spelling) -> None:
    """Check the models, and that each has a price if there is a budget in dollars."""
    governing = runner.target.governing
    asked: list[ModelLike | None] = [] if model is None else [model]
    for ask in governing.asks:
        asked += ask.models if model is None or ask.pinned else ()
    check_batches(asked_in_batches(runner.program, runner.target), spelling)
    fallbacks = runner.program.context.get("fallbacks")
    asked += [*(governing.fallbacks or ())] if fallbacks is None else fallbacks
    for one in asked:
        if one is not None:
            check_model(one)
    check_prices(merge_limits([runner.program.limits, governing.limits]), asked)


def _context(
    model: str | None, fallbacks: Sequence[str] | None, cache: bool | None, more: Mapping[str, Any]
) -> dict[str, Any]:
    if model is not None and not isinstance(model, str):
        raise ModelError(
            f"model is {type(model).__name__}, and workers are told of a model by its name; expected "
            "'provider:model', or build the graph with the model and name it as module:graph"
        )
    named = read_fallbacks(fallbacks)
    given = {**more, "model": model, "fallbacks": None if named is None else [*named], "cache": cache}
    for name, value in list(given.items()):
        if isinstance(value, Completion):
            given[name] = str(value)
    return {name: value for name, value in given.items() if value is not None}


def _with_environment(limits: Limits | None, target: Any) -> Limits:
    """Return the limits of a map with those of the environment, for workers that have another one.

    What a graph was built with, or an `Ask` in it, wins over the environment, so it is left out.
    """
    environment = limits_from_environment()
    built: set[str] = set()
    if isinstance(target, ParallelGraph):
        asked = (ask.limits for ask in target.governing.asks)
        built = {name for each in (target.governing.limits, *asked) if each for name in each.model_fields_set}
    fields = {name: getattr(environment, name) for name in environment.model_fields_set - built}
    return merge_limits([limits, Limits.model_construct(**fields)])  # validated when they were read


def _limits(limits: Limits | Mapping[str, Any] | None) -> Limits | None:
    return None if limits is None else as_settings(limits, Limits, "limits")


def _as_texts(settings: Mapping[str, Any] | Sequence[str]) -> Sequence[str]:
    """Return settings as `NAME=VALUE`, with values as JSON.

    Raises:
        UsageError: a value has no form as JSON, so that it cannot travel to a worker.
    """
    if not isinstance(settings, Mapping):
        if isinstance(settings, str) or not isinstance(settings, Sequence):
            raise UsageError(f"settings is {settings!r}; expected a mapping of names to values")
        if wrong := [one for one in settings if not isinstance(one, str)]:
            raise UsageError(
                f"settings has {wrong[0]!r}; expected NAME=VALUE, or a mapping of names to values"
            )
        return list(settings)
    texts = []
    for name, value in settings.items():
        try:
            plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
            texts.append(f"{name}={json.dumps(plain, ensure_ascii=False)}")
        except (TypeError, ValueError):
            raise UsageError(
                f"settings[{name!r}] is {type(value).__name__}, which has no form as JSON; expected text, "
                "numbers, lists or mappings, or a graph that is built with it, named as module:graph"
            ) from None
    return texts


def _named(target: Any) -> tuple[str, Any]:
    """Return an object by the name under which other processes find it, else the object itself.

    Raises:
        UsageError: it is nothing that works on rows.
    """
    if isinstance(target, StateGraph):
        raise not_compiled("graph")
    if not (isinstance(target, Runnable) or callable(target)) or isinstance(target, type):
        raise UsageError(
            f"graph is {target!r}; expected the name of a graph, module:graph, a graph or a function of a row"
        )
    if isinstance(target, ParallelGraph):
        target = with_own_keys(target)
    if inspect.isroutine(target):
        module, attribute = getattr(target, "__module__", None), getattr(target, "__qualname__", "")
        if module and _is_there(module, attribute, target):
            return f"{module}:{attribute}", None
        return "", target
    for name, value in _own_module(target).items():
        if value is target and name.isidentifier():
            return f"{_own_module(target)['__name__']}:{name}", None
    return "", target


def _own_module(target: Any) -> Mapping[str, Any]:
    """Return the names of the module that has a graph as one of its names; empty if it is not known."""
    frame = inspect.currentframe()
    while frame is not None:
        names = dict(frame.f_globals)  # other threads may add to it
        if not str(names.get("__name__", "")).startswith("langgraph_parallel.") and any(
            value is target for value in names.values()
        ):
            return names if _is_importable(names) else {}
        frame = frame.f_back
    return {}


def _is_importable(names: Mapping[str, Any]) -> bool:
    return names.get("__name__", "__main__") != "__main__" and bool(names.get("__spec__"))


def _is_there(module: str, attribute: str, target: Any) -> bool:
    """Return whether a module has an object under its name, in other processes too."""
    if module == "__main__" or "<" in attribute:
        return False
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return False
    return found is target
