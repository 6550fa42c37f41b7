"""One command, as Dask's scheduler knows it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langgraph_parallel.scale.line.coordinator import Coordinator


@dataclass(slots=True)
class Begun:
    """A part that a worker has begun."""

    worker: str
    rows: int
    """Rows that may have begun, the first ones."""


class Session:
    """One command: its coordinator, and which worker has begun which part."""

    def __init__(self, name: str, job: str, client: str, coordinator: Coordinator, local: bytes) -> None:
        self.name = name
        self.job = job
        self.client = client
        self.coordinator = coordinator
        self.local = local
        self.parts: dict[int, Begun] = {}
        """Each part that runs."""
        self.ended: set[int] = set()
        """Parts that have ended, or are not to begin: Dask may send a part again."""
        self.stopped: set[int] = set()
        """Parts whose rows are to be stopped."""
        self.free: dict[str, int] = {}
        """Rows that a worker could begin at once, by its last word; 0 if it has begun others since."""
        self.left_at = 0.0
        """When the driver went."""
        self.left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the driver has gone."""
        self._deaf: set[str] = set()
        """Workers with parts of it that have not heard that the driver has gone."""
        self.quiet = asyncio.Event()
        """Set once the driver has gone, and no worker begins a row any more."""

    def driver_gone(self) -> None:
        """Have its workers begin no more rows; what they run, they end and post."""
        if not self.left.done():
            self.coordinator.driver_gone()
            self.left_at = time.monotonic()
            self.left.set_result(None)
            self._deaf = {begun.worker for begun in self.parts.values()}
            self.heard("")

    def heard(self, worker: str) -> None:
        """Note that a worker is told what is to be done now, or is gone."""
        self._deaf.discard(worker)
        if self.left.done() and not self._deaf:
            self.quiet.set()

    def begin(self, worker: str, part: int, rows: int) -> bool:
        """Note that rows of a part may begin.

        Returns:
            Whether the worker may run the part: Dask sends parts of a dead worker to another one, and what
            becomes of these rows is for the driver to decide.
        """
        begun = self.parts.get(part)
        if begun is None:
            if part in self.ended or self.left.done():
                return False
            self.parts[part] = begun = Begun(worker, rows)
        elif begun.worker == worker:
            begun.rows = rows
        self.free[worker] = 0
        return begun.worker == worker

    def news(self, part: int, *told: Any) -> tuple[Any, ...]:
        """Return what is told of a part; whoever reads it may be the driver of a later command."""
        return (self.name, part, *told)

    def end(self, part: int) -> None:
        """Note that a part has ended."""
        self.parts.pop(part, None)
        self.ended.add(part)
        self.stopped.discard(part)

    def stop(self, parts: Sequence[int]) -> None:
        """Have workers stop the rows of some parts, and begin none of them that has not begun."""
        self.stopped.update(part for part in parts if part in self.parts)
        self.ended.update(part for part in parts if part not in self.parts)

    def give_back(self, worker: str, part: int, keys: Sequence[str], to: str) -> None:
        """Tell the driver of rows that a worker has not begun, and leaves to another one."""
        self.coordinator.mailbox.put(worker, 0, b"", [self.news(part, "", "", {"back": keys, "to": to})])

    def worker_gone(self, worker: str) -> None:
        """Tell the driver of the parts that have ended with their worker."""
        self.coordinator.worker_gone(worker)
        self.free.pop(worker, None)
        self.heard(worker)
        lost = {part: begun.rows for part, begun in self.parts.items() if begun.worker == worker}
        news = [self.news(part, "", "", {"lost": rows, "worker": worker}) for part, rows in lost.items()]
        if news:
            self.coordinator.mailbox.put(worker, 0, b"", news)
        for part in lost:
            self.end(part)

    @property
    def is_busy(self) -> bool:
        """Return whether a worker runs any part."""
        return bool(self.parts)
