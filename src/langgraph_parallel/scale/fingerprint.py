"""What results of a program depend on, and its digest: rows of two programs do not mix."""

import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from langchain_core.runnables import Runnable

from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.runtime.chained import all_of, is_model
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.models import default_model, fallbacks_from_environment, model_name
from langgraph_parallel.runtime.redact import redact
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.runner import Runner

_OF_CONTEXT = ("voters", "stop", "wave", "aspects", "completion")
"""Keys of a runtime context that decide on results; models have parts of their own."""
_DIGITS = 12
"""Of a digest that people may compare."""
_LONGEST = 80
"""Characters of a setting that is shown as it is."""


def program_parts(runner: Runner) -> dict[str, Any]:
    """Return what results depend on, by name: digests of texts and code, names of everything else.

    Limits, budgets, caches, traces and engines are not among it, nor are keys of accounts.

    Args:
        runner: of the program.
    """
    program, target = runner.program, runner.target
    parts: dict[str, Any] = {"graph": program.graph or f"{_module_of(target)}:{runner.name}"}
    parts["settings"] = dict(map(_setting, program.settings))
    parts["inputs"], parts["outputs"] = dict(program.inputs), dict(program.outputs)
    if program.offline:
        parts["offline"] = True
    parts |= {name: value for name, value in program.context.items() if name in _OF_CONTEXT and value}
    if isinstance(target, ParallelGraph):
        parts |= _of_graph(target, program)
    if ":" in program.graph or program.local is not None:
        parts["code"] = _code_of(program, target)
    return {name: value for name, value in parts.items() if value not in ("", None, {}, [])}


def fingerprint_of(parts: Mapping[str, Any]) -> str:
    """Return the digest of the parts of a program."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _of_graph(graph: ParallelGraph, program: Program) -> dict[str, Any]:
    asks = [ask for ask in graph.governing.asks if isinstance(ask, Ask)]
    context = program.context
    named = context.get("model")
    models = [ask.model if ask.pinned or not named else named for ask in asks] or [named]
    fallbacks = context.get("fallbacks")
    if fallbacks is None:
        own = graph.governing.fallbacks
        fallbacks = fallbacks_from_environment() if own is None else own
    return {
        "built": json.loads(json.dumps(graph.governing.built, default=_named)),
        "models": list(dict.fromkeys(_model(default_model() if one is None else one) for one in models)),
        "fallbacks": [_model(one) for one in fallbacks],
        "prompts": dict(sorted(_prompts(asks).items())),
        "asked": _digest([_form(ask) for ask in asks]),
    }


def _prompts(asks: Sequence[Ask]) -> dict[str, str]:
    named = ((ask.prompt.name or f"prompt {number}", ask) for number, ask in enumerate(asks, 1))
    return {name: _digest(ask.prompt.text) for name, ask in named}


def _form(ask: Ask) -> list[Any]:
    """Return how an `Ask` asks, besides its model and the text of its prompt."""
    schema = None if ask.schema is None else ask.schema.model_json_schema()
    return [
        _digest(ask.prompt.text),
        ask.given,
        sorted(ask.instructing),
        ask.temperature,
        ask.role,
        ask.number_line,
        ask.continuations,
        schema,
    ]


def _model(model: Any) -> str:
    """Return a model by its name; one that is an object also by its temperature."""
    if model is None or isinstance(model, str):
        return str(model or "")
    names = []
    for one in all_of(model):
        heat = getattr(one, "temperature", None)
        names.append(model_name(one) + ("" if heat is None else f" at temperature {heat}"))
    return ", ".join(names)


def _setting(setting: str) -> tuple[str, str]:
    """Return the name and the value of a setting; of a long one a digest, of a secret one nothing."""
    name, _, text = setting.partition("=")
    name = name.strip().replace("-", "_")
    shown = redact(f"{name}={_plain(text)}").partition("=")[2]
    return name, shown if len(shown) <= _LONGEST else f"digest {_digest(shown)}"


def _plain(text: str) -> str:
    """Return a value as it is always written, whoever wrote it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _code_of(program: Program, target: Any) -> str:
    """Return a digest of the code of a function, or of the module that makes a graph; empty if unknown.

    Only the file itself is looked at: what it imports is not.
    """
    found = _unwrapped(target)
    if isinstance(found, Runnable) or is_model(found):
        path = _file_of(program.graph.partition(":")[0])
        return _digest(path.read_text(errors="replace")) if path is not None else ""
    try:
        return _digest(inspect.getsource(found))
    except (OSError, TypeError):
        return ""


def _file_of(module: str) -> Path | None:
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file) if file and file.endswith(".py") and Path(file).is_file() else None


def _unwrapped(function: Any) -> Any:
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function) if callable(function) else function
    return function if inspect.isroutine(function) or isinstance(function, Runnable) else type(function)


def _module_of(target: Any) -> str:
    return str(getattr(_unwrapped(target), "__module__", ""))


def _named(value: Any) -> str:
    """Return what stands for a value that JSON does not take: without its address, which always differs."""
    if isinstance(value, Callable):  # type: ignore[arg-type]
        return f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', type(value).__name__)}"
    return str(type(value).__name__)


def _digest(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=_named)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
