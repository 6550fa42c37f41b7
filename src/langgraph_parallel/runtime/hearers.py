"""Who hears all events of a run without being its caller: what records it, and what shows it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from langgraph_parallel.records.run_record import Outcome


class Hearer(Protocol):
    """Hears the events of one run after another, of all levels of nesting, from any thread."""

    def add(self, event: Mapping[str, Any]) -> None:
        """Hear an event, as `stream_mode="custom"` gives it."""
        ...

    def close(self, status: Outcome) -> None:
        """Hear that the run has ended, in whatever way."""
        ...


class Hearers:
    """Several hearers as one."""

    def __init__(self, hearers: Sequence[Hearer]) -> None:
        self._hearers = hearers

    def add(self, event: Mapping[str, Any]) -> None:
        """Pass on an event."""
        for hearer in self._hearers:
            hearer.add(event)

    def close(self, status: Outcome) -> None:
        """Pass on the end of the run."""
        for hearer in self._hearers:
            hearer.close(status)


_hearers: ContextVar[Sequence[Hearer]] = ContextVar("hearers", default=())


@contextmanager
def hearing(hearer: Hearer) -> Iterator[None]:
    """Let a hearer hear the runs that begin inside, in addition to those that do already."""
    token = _hearers.set([*_hearers.get(), hearer])
    try:
        yield
    finally:
        _hearers.reset(token)


def current_hearers() -> Sequence[Hearer]:
    """Return who hears the runs that begin here."""
    return _hearers.get()
