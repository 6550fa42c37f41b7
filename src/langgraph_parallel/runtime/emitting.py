"""What tells of a branch: it travels in the context, so that slots, budgets and retries tell what they do.

They need not know LangGraph, nor whether somebody listens to `stream_mode="custom"`. Without a listener, an
event costs one look at a context variable.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

from langgraph_parallel.records import Call

if TYPE_CHECKING:
    from langgraph_parallel.runtime.levels import Level


class Emitter:
    """Tells what happens in one branch, from any thread.

    Args:
        level: of the graph.
        branch: path of the branch; that of the branch around for a graph outside of its branches.
    """

    __slots__ = ("branch", "level")

    def __init__(self, level: "Level", branch: list[str]) -> None:
        self.level, self.branch = level, branch

    def below(self, id: str) -> "Emitter":
        """Return what tells of a branch of this graph."""
        return Emitter(self.level, [*self.branch, id])

    def emit(self, event: str, **fields: Any) -> None:
        """Emit an event."""
        self.level.emit(event, self.branch, fields)

    def called(self, call: Call, cause: str | None = None, *, counted: bool = True) -> None:
        """Tell that a call has ended.

        Args:
            call: its record.
            cause: kind of the failure.
            counted: whether it counts as a call.
        """
        self.emit(
            "called",
            call=call.id,
            kind=call.kind,
            target=call.target,
            step=call.step,
            started=call.started,
            ended=call.ended,
            attempt=call.attempt,
            ok=call.ok,
            throttled=call.throttled,
            hedge=call.hedge,
            instead_of=call.instead_of,
            kept=call.kept,
            counted=counted,
            input_tokens=call.usage.input_tokens,
            output_tokens=call.usage.output_tokens,
            cache_read_tokens=call.usage.cache_read_tokens,
            cache_write_tokens=call.usage.cache_write_tokens,
            cache_hour_tokens=call.usage.cache_hour_tokens,
            reasoning_tokens=call.usage.reasoning_tokens,
            samples=call.samples,
            lane=call.lane,
            usd=call.usd,
            saved_usd=None if call.saved is None else call.saved.total,
            savings={} if call.saved is None else call.saved.model_dump(exclude_defaults=True),
            cause=cause,
            cost=self.level.costs.add(call) if counted else self.level.costs.sums(),
        )


_emitter: ContextVar[Emitter | None] = ContextVar("emitter", default=None)


def current_emitter() -> Emitter | None:
    """Return what tells of the branch that this code is part of; None if nobody listens."""
    return _emitter.get()


def tell(event: str, **fields: Any) -> None:
    """Emit an event of the branch that this code is part of, if anybody listens."""
    if (emitter := _emitter.get()) is not None:
        emitter.emit(event, **fields)


Told = Token[Emitter | None] | None
"""What ends that a branch is told of; None if nobody listens."""


def start_emitting(emitter: Emitter) -> Told:
    """Let code be told of by an emitter from now on; return what `stop_emitting` takes."""
    return _emitter.set(emitter)


def stop_emitting(told: Told) -> None:
    """Let code be told of as before."""
    if told is not None:
        _emitter.reset(told)


@contextmanager
def emitting(emitter: Emitter | None) -> Iterator[None]:
    """Let code inside be told of by an emitter; None leaves what is told as it is."""
    told = None if emitter is None else start_emitting(emitter)
    try:
        yield
    finally:
        stop_emitting(told)
