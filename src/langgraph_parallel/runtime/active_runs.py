"""The outermost runs of this process that are in progress."""

import contextlib
import threading
import weakref
from collections.abc import Iterator

from langgraph_parallel.runtime.run import Run

_active: "weakref.WeakSet[Run]" = weakref.WeakSet()
_lock = threading.Lock()


@contextlib.contextmanager
def active(run: Run) -> Iterator[None]:
    """Have a run be among those in progress while the context is entered, if it is the outermost one."""
    if run.outer is None:
        with _lock:
            _active.add(run)
    try:
        yield
    finally:
        with _lock:
            _active.discard(run)


def active_runs() -> list[Run]:
    """Return the runs in progress."""
    with _lock:
        return list(_active)
