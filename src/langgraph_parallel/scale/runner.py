"""Runner: a program, loaded in this process."""

import copy
import inspect
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_core.runnables import Runnable
from langgraph.graph.state import CompiledStateGraph, StateGraph

from langgraph_parallel.catalogue.folders import search_in
from langgraph_parallel.catalogue.graphs import build
from langgraph_parallel.catalogue.imported import call_factory, find
from langgraph_parallel.catalogue.spelling import PYTHON, Spelling
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.chained import is_model
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.named_graph import with_own_keys
from langgraph_parallel.runtime.settings import as_settings
from langgraph_parallel.scale.columns import Columns
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.running.calling import Signature, is_async, is_async_generator
from langgraph_parallel.scale.running.functions import CodeRows, calling_function, calling_runnable
from langgraph_parallel.scale.running.gathered import GatheredRows
from langgraph_parallel.scale.running.graphs import GraphRows
from langgraph_parallel.scale.running.shared import Shared

Kind = Literal["function", "blocking", "runnable", "graph", "gathered"]
"""What works on rows: an async function, another one, a Runnable of others, a graph with a run for each row,
a graph with a run for many rows."""
Rows = CodeRows | GraphRows | GatheredRows


@dataclass(frozen=True)
class Runner:
    """A program in this process."""

    program: Program
    target: Any
    """The function, or the graph."""
    name: str
    """As traces show it."""
    kind: Kind
    columns: Columns
    signature: Signature | None = field(default=None)
    """Of a function."""

    def rows(self, shared: Shared) -> Rows:
        """Return what runs rows.

        Args:
            shared: what all of them have in common.
        """
        context = self.context(shared)
        if self.kind == "graph":
            return GraphRows(self.target, self.columns, shared, context, self.program.records)
        if self.kind == "gathered":
            gathering = self.target.governing.gathers
            return GatheredRows(self.target, gathering, self.columns, shared, context, self.program.records)
        call = (
            calling_runnable(self.target)
            if self.signature is None
            else calling_function(self.target, self.signature)
        )
        return CodeRows(call, self.name, self.columns, shared, context)

    def context(self, shared: Shared) -> Context:
        """Return the runtime context of each run.

        Args:
            shared: what all rows have in common.
        """
        kind: type[Context] = self.target.governing.context if self._is_ours else Context
        given = {name: value for name, value in self.program.context.items() if value is not None}
        if self.kind == "gathered":  # items have nothing to do with each other, so none ends the others
            given["completion"] = "tolerated_failures(1.0)"
        return as_settings({**given, "limits": shared.limits}, kind, "context")

    @property
    def _is_ours(self) -> bool:
        return isinstance(self.target, ParallelGraph)


_loaded: dict[str, Runner] = {}
_lock = threading.Lock()


def load(program: Program) -> Runner:
    """Return a program in this process; the same one each time.

    Raises:
        UsageError: there is no such graph or function, or it cannot be built here.
    """
    if program.local is not None or not program.fingerprint:
        return load_anew(program)
    key = _key(program)
    with _lock:
        if key not in _loaded:
            _loaded[key] = load_anew(program)
        return _loaded[key]


def remember(runner: Runner) -> None:
    """Have `load` return a runner that was made and checked in this process."""
    if runner.program.local is None:
        with _lock:
            _loaded[_key(runner.program)] = runner


def _key(program: Program) -> str:
    # The fingerprint has nothing of secret settings, which a factory may put into what it builds.
    settings, context = list(program.settings), sorted(program.context.items(), key=str)
    return repr((program.fingerprint, program.folder, settings, context))


def load_anew(program: Program, spelling: Spelling = PYTHON) -> Runner:
    """Load a program.

    Args:
        program: by name, or with its graph or function.
        spelling: how the caller writes arguments.

    Raises:
        UsageError: there is no such graph or function, or it cannot be built here.
    """
    if program.folder:
        search_in(program.folder)
    return runner_of(program, _target(program, spelling))


def runner_of(program: Program, target: Any) -> Runner:
    """Return a runner of what was built or found for a program.

    Raises:
        UsageError: it cannot work on rows.
    """
    name = _name_of(program, target)
    inputs: Mapping[str, str] = program.inputs
    if isinstance(target, ParallelGraph):
        graph = _rowwise(with_own_keys(target), name)
        columns = Columns.compile(inputs, program.outputs, graph.get_input_jsonschema())
        kind: Kind = "graph" if graph.governing.gathers is None else "gathered"
        return Runner(program, graph, name, kind, columns)
    if isinstance(target, Runnable):
        if isinstance(target, CompiledStateGraph) and target.checkpointer:
            target = copy.copy(target)
            target.checkpointer = None
        return Runner(program, target, name, "runnable", Columns.compile(inputs, program.outputs))
    if is_async_generator(target):
        raise UsageError(f"{name} is an async generator; return one mapping of columns instead of `yield`")
    signature = Signature(target)
    schema = signature.schema
    if schema is not None and not inputs:
        inputs = {key: key for key in schema["properties"]}
    columns = Columns.compile(inputs, program.outputs, schema)
    return Runner(program, target, name, "function" if is_async(target) else "blocking", columns, signature)


def _rowwise(graph: ParallelGraph, name: str) -> ParallelGraph:
    """Return a graph without a checkpointer: what is stored of a row is its result.

    Raises:
        UsageError: its runs may wait for a person.
    """
    if graph.governing.escalates:
        raise UsageError(
            f"{name} asks a person about undecided votes, and a row has nobody to ask; build it without "
            "on_undecided='escalate', and look at the undecided rows of the result"
        )
    if graph.checkpointer:
        graph = copy.copy(graph)
        graph.checkpointer = None
    return graph


def _target(program: Program, spelling: Spelling) -> Any:
    if program.local is not None:
        return program.local
    if ":" not in program.graph:
        return build(program.graph, program.settings, offline=program.offline, spelling=spelling)
    found = find(program.graph)
    if program.offline:
        raise UsageError(
            f"{spelling.offline} is for graphs of the catalogue; build {program.graph} without a model"
        )
    if isinstance(found, Runnable) or is_model(found):
        if program.settings:
            raise UsageError(
                f"{program.graph} is a graph, not a function that builds one; leave out {spelling.settings}"
            )
        return found
    if isinstance(found, StateGraph):
        raise not_compiled(program.graph)
    if not callable(found):
        raise _not_a_program(program.graph)
    if program.settings or is_factory(found):
        return _built(program, found, spelling)
    return found


def _built(program: Program, factory: Callable[..., Any], spelling: Spelling) -> Any:
    """Return what a factory builds: a graph, another Runnable, or a function of a row."""
    built = call_factory(program.graph, factory, program.settings, spelling)
    if inspect.iscoroutine(built):
        built.close()
        raise UsageError(
            f"{program.graph} is an async function; name one that returns the graph without await"
        )
    if isinstance(built, StateGraph):
        raise not_compiled(program.graph)
    if not (isinstance(built, Runnable) or callable(built)):
        raise _not_a_program(program.graph)
    return built


def is_factory(function: Callable[..., Any]) -> bool:
    """Return whether a function builds what works on rows, and is no function of a row itself.

    It takes nothing that has to be given: a function of a row takes at least the row.
    """
    if is_async(function):
        return False
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # written in C, without a signature
        return False
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return all(p.default is not p.empty for p in parameters if p.kind not in variable) and not any(
        p.kind in variable for p in parameters
    )


def _name_of(program: Program, target: Any) -> str:
    if isinstance(target, CompiledStateGraph):
        return str(target.name)
    named = program.graph.rpartition(":")[2]
    return named or str(getattr(target, "__name__", None) or getattr(target, "name", None) or "function")


def not_compiled(name: str) -> UsageError:
    """Return the error of a graph that cannot run yet."""
    return UsageError(f"{name} is a StateGraph that is not compiled; call its compile(), and pass the result")


def _not_a_program(name: str) -> UsageError:
    return UsageError(
        f"{name} is neither a graph nor a function of a row, nor a function that returns one of them"
    )
