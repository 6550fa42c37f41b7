"""Graphs of the user's own modules, whose code may do anything when it is imported or called."""

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from langgraph_parallel.catalogue.folders import check_is_of, in_place_of_others, search_in
from langgraph_parallel.catalogue.settings import parse_settings
from langgraph_parallel.catalogue.spelling import COMMAND, Spelling
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.named_graph import with_own_keys
from langgraph_parallel.runtime.redact import redact


def import_graph(
    name: str, settings: Sequence[str], *, offline: bool, spelling: Spelling = COMMAND
) -> ParallelGraph:
    """Import a graph, or the function that builds it.

    Args:
        name: `module:attribute`: a compiled graph, or a function that returns one. The current folder is
            searched too.
        settings: `NAME=VALUE` for each argument of the function.
        offline: whether the graph may ask no model.
        spelling: how the caller writes these arguments.

    Raises:
        UsageError: there is no such graph, a setting is not valid, or the code of the module fails.
    """
    found = find(name)
    if offline:
        raise UsageError(
            f"{spelling.offline} is for graphs of the catalogue; build {name} without a model instead"
        )
    if not isinstance(found, ParallelGraph) and callable(found):
        found = call_factory(name, found, settings, spelling)
    elif settings:
        raise UsageError(f"{name} is a graph, not a function that builds one; leave out {spelling.settings}")
    if inspect.iscoroutine(found):
        found.close()
        raise UsageError(f"{name} is an async function; name one that returns the graph without await")
    if not isinstance(found, ParallelGraph):
        raise _not_a_graph(name)
    return with_own_keys(found)  # which the reports know


def call_factory(
    name: str, build: Callable[..., Any], settings: Sequence[str], spelling: Spelling = COMMAND
) -> Any:
    """Call the function that builds a graph.

    Args:
        name: `module:attribute`, for errors.
        build: the function.
        settings: `NAME=VALUE` for each of its arguments.
        spelling: how the caller writes them.

    Raises:
        UsageError: a setting is not valid, or the function fails.
    """
    try:
        signature = inspect.signature(build)
    except (TypeError, ValueError):  # written in C, without a signature
        raise UsageError(
            f"{name} is not a langgraph_parallel graph, nor a function that returns one"
        ) from None
    arguments = parse_settings(settings, [*signature.parameters], spelling)
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise UsageError(
            f"{name} cannot be called: {error}; set its arguments with {spelling.settings}"
        ) from None
    with _in_words(name, "called"):
        return build(**arguments)


def find(name: str) -> Any:
    """Import what `module:attribute` names.

    Raises:
        UsageError: there is no such module or attribute, or the code of the module fails.
    """
    module_name, _, path = name.partition(":")
    if not all(part.isidentifier() for part in [*module_name.split("."), *path.split(".")]):
        raise UsageError(f"{name!r} is not a graph; write module:graph, as in 'import module'")
    here = str(Path.cwd())
    search_in(here)
    with _in_words(module_name, "imported"):
        try:
            found: Any = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
                raise UsageError(
                    f"there is no module {module_name!r} here or among the installed packages"
                ) from None
            if error.name:
                raise UsageError(f"{module_name} needs {error.name}, which is not installed") from None
            raise
    check_is_of(here, module_name)
    missing = object()
    for attribute in path.split("."):
        with _in_words(name, "looked up"):
            found = getattr(found, attribute, missing)
        if found is missing:
            raise UsageError(f"module {module_name} has no {path!r}; write module:graph")
    return found


def _not_a_graph(name: str) -> UsageError:
    return UsageError(f"{name} is not a langgraph_parallel graph, nor a function that returns one")


@contextmanager
def _in_words(name: str, done: str) -> Iterator[None]:
    """Turn any error of the user's code into one line that says where; what it prints is not the result."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except UsageError:
        raise
    except SystemExit:
        raise UsageError(f"{name} ends the program when it is {done}; it has to go on") from None
    except Exception as error:
        text = error.msg if isinstance(error, SyntaxError | ImportError) else str(error)
        said = redact(" ".join(text.split())) or "an error without a text"
        shadow = in_place_of_others(str(Path.cwd()))
        raise UsageError(f"{name} fails when it is {done}{_place(error)}: {said}{shadow}") from None


def _place(error: Exception) -> str:
    """Return the innermost line of a file that is not the import system's own."""
    if isinstance(error, SyntaxError) and error.filename:
        return "" if error.lineno is None else f", at {Path(error.filename).name} line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    files = [Path(frame.filename) for frame in frames]
    for file, frame in zip(reversed(files), reversed(frames), strict=True):
        if file.is_file() and file.parent.name != "importlib" and str(file) != __file__:
            return f", at {file.name} line {frame.lineno}"
    return ""
