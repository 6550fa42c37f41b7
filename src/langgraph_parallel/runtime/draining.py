"""Stop all runs of the process gracefully."""

import contextlib
import math
from collections.abc import Callable, Iterator

from langgraph_parallel.arguments import checked
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.active_runs import active_runs

_others: list[Callable[[str, float | None], None]] = []
"""What begins runs, and is drained before them."""


@checked
def drain(why: str = "the process is being stopped", grace: float | None = None) -> int:
    """Stop all runs of this process gracefully, for example when a server shuts down.

    No new call starts, and requests in flight may finish within the grace. Then every graph closes on what it
    has, and returns. Branches that did not finish are `skipped` or `cancelled`, and can be redriven.

    Args:
        why: recorded in the branches that are ended.
        grace: seconds; None for `grace` of each run's limits.

    Returns:
        The number of runs in progress, runs over many items included.
    """
    if grace is not None and not 0 <= grace < math.inf:
        raise UsageError(f"grace is {grace!r}; expected a finite number of at least 0")
    # What begins runs comes first: it must not begin one in place of one that is drained.
    others = list(_others)
    for stop in others:
        stop(why, grace)
    runs = active_runs()
    for run in runs:
        run.drain(why, grace)
    return len(others) + len(runs)


@contextlib.contextmanager
def reached_by_drain(stop: Callable[[str, float | None], None]) -> Iterator[None]:
    """Have `drain` stop something that begins runs, while the context is entered.

    Args:
        stop: called with why and the grace, in any thread.
    """
    _others.append(stop)
    try:
        yield
    finally:
        _others.remove(stop)
