"""How many rows a process runs at the same time."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from langgraph_parallel.scale.running.shared import Shared

if TYPE_CHECKING:
    from langgraph_parallel.scale.runner import Kind, Runner

_BATCH = 10_000
"""Rows in flight in the batch lane: it gathers calls, and answers none before all of them have come."""
_ROWS_TO_A_SLOT = 2
"""Rows for each request that may be in flight, where a row makes one after another: while one row is between
two requests, another one fills its place."""
_TOGETHER = 16
"""Rows of one run. More make a row cheaper by nothing that can be measured, and leave places empty while the
last rows of a run end."""
_TOGETHER_IN_BATCH = 1000
_BYTES: "dict[Kind, int]" = {
    "function": 20_000,
    "blocking": 100_000,
    "runnable": 500_000,
    "graph": 250_000,
    "gathered": 250_000,
}
"""Memory that a row takes while it runs, roughly; a thread's stack included."""
_MOST_THREADS = 1000
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Capacity:
    """How many rows a process runs at the same time."""

    rows: int
    together: int = 1
    """Rows of one run."""

    @property
    def lanes(self) -> int:
        """Number of runs at the same time."""
        return max(1, self.rows // self.together)

    @classmethod
    def of(cls, runner: "Runner", shared: Shared, workers: int = 1) -> "Capacity":
        """Return how many rows of a program a process runs.

        Args:
            runner: of the program.
            shared: what the rows have in common.
            workers: number of processes that share the limits.
        """
        slots = -(-shared.limits.concurrency // workers)
        asks = runner.target.governing.asks if runner.kind in ("graph", "gathered") else ()
        wanted = slots if len(asks) > 1 else _ROWS_TO_A_SLOT * slots
        if shared.is_batch:
            wanted = _BATCH
        if runner.kind == "blocking":
            wanted = min(wanted, _MOST_THREADS)
        fitting = max(1, (memory_left() or _BYTES[runner.kind] * _BATCH * 2) // 2 // _BYTES[runner.kind])
        rows = max(1, min(wanted, fitting))
        if runner.kind != "gathered":
            return cls(rows)
        return cls(
            rows, max(1, min(rows, _TOGETHER_IN_BATCH if shared.is_batch else min(_TOGETHER, rows // 2)))
        )


def memory_left() -> int | None:
    """Return the bytes of memory that this process may still take; None where the system does not say."""
    left = [size for size in (_of_machine(), _of_container()) if size is not None]
    return min(left, default=None)


def _of_machine() -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(ValueError, OSError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return None


def _of_container() -> int | None:
    with contextlib.suppress(OSError, ValueError):  # no limit is the word `max`
        most = int((_CGROUP / "memory.max").read_text())
        return max(0, most - int((_CGROUP / "memory.current").read_text()))
    return None
