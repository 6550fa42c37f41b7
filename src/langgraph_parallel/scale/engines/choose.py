"""Engines by what a caller writes."""

import re
from concurrent.futures import Executor
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.engine import Engine
from langgraph_parallel.scale.engines.cpus import usable_cpus

_FORMS = (
    "None for this process, a number of processes or 'processes:4', 'dask' or 'dask:4' for a cluster on this "
    "machine, 'tcp://host:port' of a Dask scheduler, a distributed.Client, or a concurrent.futures.Executor"
)
_NAMED = re.compile(r"(processes|dask)(?::([1-9][0-9]{0,3}))?")
_SCHEDULER = re.compile(r"(tcp|tls|ucx|ws|wss|inproc)://.+")


def as_engine(given: Any) -> Engine:
    """Return the engine that a caller means.

    Args:
        given: None, a number, a text, a client of Dask, an Executor or an engine.

    Raises:
        UsageError: it is something else.
    """
    if given is None:
        from langgraph_parallel.scale.engines.inline import InlineEngine

        return InlineEngine()
    if isinstance(given, str):
        return _from_text(given.strip())
    if isinstance(given, int):
        from langgraph_parallel.scale.engines.processes import ProcessesEngine

        return ProcessesEngine(given)
    if hasattr(given, "scheduler_info") and hasattr(given, "submit"):
        return _dask(given)
    if isinstance(given, Executor):
        from langgraph_parallel.scale.engines.executor import ExecutorEngine

        return ExecutorEngine(given)
    if all(hasattr(given, name) for name in ("open", "run", "drain", "capacity", "workers", "close")):
        engine: Engine = given
        return engine
    raise UsageError(f"engine is {given!r}; expected {_FORMS}")


def _from_text(text: str) -> Engine:
    if text.isdecimal():
        return as_engine(int(text))
    if _SCHEDULER.fullmatch(text):
        return _dask(text)
    if (named := _NAMED.fullmatch(text)) is None:
        raise UsageError(f"engine is {text!r}; expected {_FORMS}")
    count = None if named[2] is None else int(named[2])
    if named[1] == "dask":
        return _dask(count or usable_cpus())
    from langgraph_parallel.scale.engines.processes import ProcessesEngine

    return ProcessesEngine(count)


def _dask(given: Any) -> Engine:
    from langgraph_parallel.scale.engines.dask import DaskEngine

    return DaskEngine(given)
