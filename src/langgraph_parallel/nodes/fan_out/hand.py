"""Hand: gives each piece of work to a worker, and reads what it returns."""

from collections.abc import Callable
from typing import Any, Protocol, cast, runtime_checkable

from langgraph_parallel.nodes.work.workers import Worker


@runtime_checkable
class Dispatcher(Protocol):
    """Hands each piece of work to one of several workers."""

    def select(self, work: Any) -> tuple[Worker, object]:
        """Return the worker, and its input."""
        ...


@runtime_checkable
class Reader(Protocol):
    """A dispatcher that reads what some of its workers return, so that what it cannot read is a failure."""

    def reader(self, work: Any) -> Callable[[Any], object] | None:
        """Return the function that reads the result of a piece of work; None to keep it as it is."""
        ...


class Hand:
    """Gives work to a worker, or to the one that a dispatcher selects.

    Args:
        worker: gets the work.
    """

    __slots__ = ("_read", "_select", "_worker")

    def __init__(self, worker: Worker | Dispatcher) -> None:
        # Asked here and not for each branch: protocols are compared by all of their members.
        self._worker = worker
        self._select = worker.select if isinstance(worker, Dispatcher) else None
        self._read = worker.reader if isinstance(worker, Reader) else None

    def select(self, work: Any) -> tuple[Worker, object]:
        """Return the worker of a piece of work, and its input."""
        return self._select(work) if self._select is not None else (cast("Worker", self._worker), work)

    def reader(self, work: Any) -> Callable[[Any], object] | None:
        """Return the function that reads the result of a piece of work; None to keep it as it is."""
        return self._read(work) if self._read is not None else None
