"""Tasks of Dask: what they are called, how they are submitted, and why Dask does not run one."""

import asyncio
import contextlib
import re
import warnings
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.engine import WorkerLost
from langgraph_parallel.scale.engines.dask_flights import died, place_of
from langgraph_parallel.scale.line.wire import pack_rows
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Row

if TYPE_CHECKING:
    from distributed import Client, Future

_LARGE = 1_000_000
"""Bytes of rows from which Dask may warn that data should not travel with tasks; these have to."""
_CANCELLED_SECONDS = 5.0
"""How long a worker that has begun a task may take to tell so after the task was cancelled."""


def submit(
    client: "Client", key: tuple[str, str, str], number: int, rows: Sequence[Row], to: str | None
) -> "Future[Any]":
    """Have Dask run rows as one task.

    Args:
        client: of the cluster.
        key: title, rows, and what no other task has: `session-number`.
        number: of the part.
        rows: of the part.
        to: address of the worker that is to run them, if it is there still; None for any.

    Raises:
        UsageError: a column of a row holds something that JSON does not have.
    """
    from langgraph_parallel.scale.engines.dask_worker import run_part

    packed = pack_rows(rows)
    with contextlib.ExitStack() as stack:
        if len(packed) > _LARGE:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore", UserWarning)
        session = key[2].partition("-")[0]
        where = {} if to is None else {"workers": [to], "allow_other_workers": True}
        return client.submit(run_part, session, number, [*key], packed, key=key, pure=False, **where)


async def failure_of(task: "Future[Any]", has_begun: Callable[[], Awaitable[bool]]) -> Exception | None:
    """Return why Dask does not run a task; None if it has run, or its part has begun and died.

    Args:
        task: of Dask.
        has_begun: asks the scheduler whether a worker has begun the part of the task. Then what has become of
            its rows is told with the results: Dask knows only how many workers have died that had the task.
    """
    from distributed import KilledWorker

    error = await task.exception()
    if isinstance(error, KilledWorker):
        return None if await has_begun() else died(place_of(error.last_worker.address), [])
    if error is not None:
        return UsageError(f"a worker of Dask cannot run rows: {type(error).__name__}: {error}")
    if task.status == "cancelled":
        await asyncio.sleep(_CANCELLED_SECONDS)
        return WorkerLost("its task was cancelled", begun=[])
    return None


def pickled(local: Any) -> bytes:
    """Return a function that has no name as bytes; nothing if there is none.

    Raises:
        UsageError: it cannot be pickled.
    """
    if local is None:
        return b""
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(local))
    except Exception as error:
        raise UsageError(
            f"{getattr(local, '__name__', type(local).__name__)} cannot travel to the workers of Dask "
            f"({type(error).__name__}: {error}); give it as `module:function`"
        ) from error


def title_of(program: Program) -> str:
    """Return what tasks are grouped by on the dashboard, such as `label-reviews`.

    Dask takes letters and dashes as one group, and what follows as a number in it.
    """
    name = program.graph.rpartition(":")[2] or getattr(program.local, "__name__", "")
    words = re.findall(r"[^\W\d_]+", name)
    return "-".join(words) or "rows"
