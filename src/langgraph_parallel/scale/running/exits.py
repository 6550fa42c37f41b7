"""`sys.exit` in code of a row: an error of the task that calls it, also of one that the code has begun.

A task of asyncio that raises SystemExit ends the event loop, and with it all rows of the process. LangGraph
runs each node in a task of its own, and functions gather tasks.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import Context, ContextVar
from typing import Any

from langgraph_parallel.runtime.redact import EXPLAINED, describe
from langgraph_parallel.scale.mapping.problem import RowProblem
from langgraph_parallel.scale.stopping import stops_more

_ENDING = (SystemExit, KeyboardInterrupt)
"""What ends a loop if a task raises it."""
_in_row: ContextVar[bool] = ContextVar("in_row", default=False)
"""Whether code of a row runs."""


def enter_rows() -> None:
    """Note that what runs in this context, and in copies of it, is code of rows."""
    _in_row.set(True)


def guard_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Have tasks of rows fail where they would end the loop; other tasks are as they were.

    Args:
        loop: that rows run in; one that makes its tasks in a way of its own is left as it is.
    """
    if loop.get_task_factory() is None:
        loop.set_task_factory(_make_task)


def _make_task(
    loop: asyncio.AbstractEventLoop, work: Any, *, context: Context | None = None, **options: Any
) -> asyncio.Task[Any]:
    in_row = _in_row.get() if context is None else context.get(_in_row, False)
    return asyncio.Task(_Guarded(work) if in_row else work, loop=loop, context=context, **options)


class _Guarded(Coroutine[Any, Any, Any]):
    """A coroutine that raises RowProblem instead of SystemExit.

    Args:
        work: a coroutine, whose attributes this one has, too.
    """

    def __init__(self, work: Any) -> None:
        self._work = work

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)

    def __await__(self) -> Any:
        return (yield from self._work.__await__())

    def send(self, value: Any) -> Any:
        """Go on with a value."""
        try:
            return self._work.send(value)
        except _ENDING as ending:
            raise _failure(ending) from None

    def throw(self, *error: Any) -> Any:
        """Go on with an error."""
        try:
            return self._work.throw(*error)
        except _ENDING as ending:
            raise _failure(ending) from None

    def close(self) -> None:
        """End it."""
        self._work.close()


def _failure(error: BaseException) -> BaseException:
    if stops_more(error):
        return error
    said = describe(error)
    problem = RowProblem(said)
    setattr(problem, EXPLAINED, said)  # a branch that fails of it says the same
    return problem
