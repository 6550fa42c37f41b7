"""Rows that a function works on, or a graph or another Runnable of others."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langsmith.utils import tracing_is_enabled

from langgraph_parallel.counted import count
from langgraph_parallel.nodes.work.function import Function
from langgraph_parallel.runtime.chained import is_model
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.scale.columns import Columns
from langgraph_parallel.scale.mapping.problem import RowProblem
from langgraph_parallel.scale.rows import Result, Row
from langgraph_parallel.scale.running.calling import Signature, as_output, is_async
from langgraph_parallel.scale.running.inside import Inside
from langgraph_parallel.scale.running.results import in_one_line, is_from_outside, spent_on
from langgraph_parallel.scale.running.shared import Shared, worker_name
from langgraph_parallel.scale.stopping import stops_more

Call = Callable[[Mapping[str, Any], RunnableConfig], Any]
"""Works on the inputs of a row; its result is awaited where the rows are async."""


class CodeRows:
    """Runs code of the caller's, a row at a time.

    Args:
        call: works on the inputs of a row.
        name: of the code.
        columns: both mappings.
        shared: what all rows have in common.
        context: of their runs.
    """

    def __init__(self, call: Call, name: str, columns: Columns, shared: Shared, context: Context) -> None:
        self._call, self._columns, self._shared = call, columns, shared
        self._inside = Inside(name, shared, context)

    async def run(self, row: Row) -> Result | None:
        """Run a row; return None if it was stopped from outside.

        Raises:
            asyncio.CancelledError: this task is being cancelled.
            KeyboardInterrupt: by a person.
        """
        started, key = time.perf_counter(), row.key
        config = self._inside.config(key)
        with self._inside.entered(config, key) as inside:
            try:
                output = self._call(self._columns.to_input(row), config)
                if isinstance(output, Awaitable):
                    output = await output
                columns = self._columns.to_columns(output)
                await inside.answers.keep()
            except BaseException as error:
                if stops_more(error):
                    raise
                return self._failed(key, error, inside.calls, started)  # if cancelled, it was by itself
        seconds = time.perf_counter() - started
        return Result(key, "ok", columns, "", spent_on(inside.calls.values()), seconds, worker_name())

    def run_blocking(self, row: Row, loop: asyncio.AbstractEventLoop) -> Result | None:
        """Run a row in this thread; return None if it was stopped from outside.

        Args:
            row: to run.
            loop: of the worker, which awaits what the code returns, if it has to be awaited.
        """
        started, key = time.perf_counter(), row.key
        config = self._inside.config(key)
        with self._inside.entered(config, key) as inside:
            try:
                output = self._call(self._columns.to_input(row), config)
                if inspect.isawaitable(output):
                    output = _outcome_of(output, loop)
                columns = self._columns.to_columns(as_output(output))
                if inside.answers.waits:
                    asyncio.run_coroutine_threadsafe(inside.answers.keep(), loop).result()
            except BaseException as error:
                return self._failed(key, error, inside.calls, started)
        seconds = time.perf_counter() - started
        return Result(key, "ok", columns, "", spent_on(inside.calls.values()), seconds, worker_name())

    def close(self, *, whole: bool) -> None:
        """End the work on all rows; `whole` says that each that has begun has a result, which is stored."""
        self._inside.close(whole=whole)

    def _failed(
        self, key: str, error: BaseException, calls: Mapping[str, Any], started: float
    ) -> Result | None:
        if is_from_outside(error, budgets=self._shared.has_budget):
            return None
        seconds, spent = time.perf_counter() - started, spent_on(calls.values())
        return Result(key, "failed", {}, in_one_line(error), spent, seconds, worker_name())


def calling_function(function: Callable[..., Any], signature: Signature) -> Call:
    """Return what calls a function with the inputs of a row."""
    if tracing_is_enabled():
        return _calling_traced(function, signature)
    if not is_async(function):

        def call_blocking(given: Mapping[str, Any], config: RunnableConfig) -> Any:
            first, named = signature.bind(given)
            return function(*first, **named)

        return call_blocking

    async def call(given: Mapping[str, Any], config: RunnableConfig) -> Any:
        first, named = signature.bind(given)
        return as_output(await function(*first, **named))

    return call


def calling_runnable(runnable: "Runnable[Any, Any]") -> Call:
    """Return what invokes a graph or another Runnable of others with the inputs of a row."""
    takes_text = is_model(runnable)

    async def call(given: Mapping[str, Any], config: RunnableConfig) -> Any:
        if takes_text and len(given) != 1:
            raise RowProblem(f"a chat model takes one text, and the row has {count(len(given), 'input')}")
        output = await runnable.ainvoke(next(iter(given.values())) if takes_text else given, config)
        if isinstance(output, Mapping) and "__interrupt__" in output:
            raise RowProblem("it asks a person, and a row has nobody to ask")
        return _text_of(output) if takes_text else output

    return call


def _calling_traced(function: Callable[..., Any], signature: Signature) -> Call:
    """Return what calls a function as a run of its own in traces."""
    if not is_async(function):

        def call_blocking(given: Mapping[str, Any]) -> Any:
            first, named = signature.bind(given)
            return function(*first, **named)

        return RunnableLambda(call_blocking).invoke

    async def call(given: Mapping[str, Any]) -> Any:
        first, named = signature.bind(given)
        return as_output(await function(*first, **named))

    return Function(call).ainvoke


def _text_of(message: Any) -> Any:
    return message.text if hasattr(message, "text") else message


def _outcome_of(awaitable: Awaitable[Any], loop: asyncio.AbstractEventLoop) -> Any:
    """Await something in a loop that runs in another thread."""
    output, error = asyncio.run_coroutine_threadsafe(_awaited(awaitable), loop).result()
    if error is not None:
        raise error
    return output


async def _awaited(awaitable: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    try:
        return await awaitable, None
    except (SystemExit, KeyboardInterrupt) as error:  # which would end the loop, if a task raised it
        if stops_more(error):
            raise
        return None, error
