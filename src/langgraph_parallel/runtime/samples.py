"""Samples: voters who are asked the same are asked in one request, which gives each an answer of its own.

Providers bill the prompt of such a request once. Who comes first waits for the others of its superstep, for
as long as they keep coming: some turns of the event loop, and no longer than until all have come that run.
So nobody waits for a voter that does not come, and one that is alone sends its own request.

A request with several samples cannot be cut off for one of them. So none is made where a stop may cut off
voters that run (a race), nor for calls that are hedged or streamed, nor at temperature 0, at which all
samples are one.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records import Call
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.emitting import Emitter, current_emitter
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.prefix_cost import LEAST_KEPT
from langgraph_parallel.runtime.recording import current_recording
from langgraph_parallel.runtime.rendered import Rendered
from langgraph_parallel.runtime.retry import AskAgain
from langgraph_parallel.runtime.sender import Sender
from langgraph_parallel.runtime.tokens import estimate_tokens

if TYPE_CHECKING:
    from langgraph_parallel.runtime.calling import Calling
    from langgraph_parallel.runtime.sample_request import SampleRequest

AnswerT = TypeVar("AnswerT")
_QUIET = 16
"""Turns of the event loop without a further voter after which no more are expected."""


class Alone(NamedTuple):
    """What a voter is told that has to ask by itself."""

    went_away: Callable[[], None] = lambda: None
    """Called when it has an answer: why the request for several failed went away without the others."""


@dataclass(eq=False)
class Seat:
    """A voter that waits for its answer."""

    calling: "Calling[Any]"
    prompt: Rendered
    bound: Bound
    told: "asyncio.Future[Any]"
    """A chat completion of one choice; or `Alone`."""
    recorded: dict[str, Call] | None = field(default_factory=current_recording)
    emitter: Emitter | None = field(default_factory=current_emitter)
    context: Context = field(default_factory=copy_context)
    request: "SampleRequest | None" = None

    def tell(self, answer: Any) -> None:
        """Give the voter its answer, an error, or `Alone`; nothing if it has left."""
        if self.told.done():
            return
        if isinstance(answer, BaseException):
            self.told.set_exception(answer)
        else:
            self.told.set_result(answer)


MayShare = Callable[[Sender[Any], Sequence[BaseMessage], RunnableConfig], bool]


class Together(NamedTuple):
    """How requests for several samples are made (`runtime.sample_request`)."""

    may_share: MayShare
    """Returns whether a call may share a request, by its sender, its messages and its config."""
    ask: Callable[[Sequence[Seat]], None]
    """Asks voters that are asked the same."""


def send_together(
    calling: "Calling[AnswerT]",
    prompt: Rendered,
    bound: Bound,
    together: Together,
    alone: Callable[[], Coroutine[Any, Any, AnswerT]],
) -> Coroutine[Any, Any, AnswerT]:
    """Send a prompt with those of others that are asked the same, or alone.

    This is the one place where an answer to several voters becomes that of one of them.

    Args:
        calling: of the voter.
        prompt: with what it has in common with those of others.
        bound: of the voter's branch.
        together: how requests for several are made.
        alone: sends the prompt by itself.

    Raises:
        Exception: as `Calling.send`.
    """
    if (key := _key(calling, prompt, together)) is None:
        return alone()
    return _send_seated(key, calling, prompt, bound, together, alone)


async def _send_seated(
    key: Hashable,
    calling: "Calling[AnswerT]",
    prompt: Rendered,
    bound: Bound,
    together: Together,
    alone: Callable[[], Coroutine[Any, Any, AnswerT]],
) -> AnswerT:
    """Send as `send_together` with those that have the same key."""
    seat = Seat(calling, prompt, bound, asyncio.get_running_loop().create_future())
    gatherings = calling.run.kept.setdefault(_Gatherings, _Gatherings())
    gatherings.join(key, seat, together)
    try:
        told = await seat.told
    finally:
        if not seat.told.cancel() and not seat.told.cancelled():
            seat.told.exception()  # seen, also by one that is cut off in the same moment
        if seat.request is not None:
            seat.request.leave(seat)
    if not isinstance(told, Alone):
        try:
            return calling.sender.read(told)
        except AskAgain:
            told = Alone()
    answer = await alone()
    told.went_away()
    return answer


def _key(calling: "Calling[Any]", prompt: Rendered, together: Together) -> Hashable:
    """Return what is equal for those who may share a request; None for one that may not."""
    limits, fan_out = calling.limits, calling.run.fan_out
    if fan_out.running == 1:
        return None
    texts = shared_texts(
        together.may_share, calling.sender, prompt, limits, calling.config, cuts_off=fan_out.cuts_off
    )
    if texts is None:
        return None
    return id(asyncio.get_running_loop()), id(calling.sender), id(limits), texts


def shared_texts(
    may_share: MayShare,
    sender: Sender[Any],
    prompt: Rendered,
    limits: Limits,
    config: RunnableConfig,
    *,
    cuts_off: bool,
    more: int = 0,
) -> tuple[str, ...] | None:
    """Return the texts that calls have in common which share a request; None for one that may share none.

    Runs and estimates go by this rule.

    Args:
        may_share: returns whether the endpoint gives samples (`Together.may_share`).
        sender: of the call.
        prompt: of the call.
        limits: of the call.
        config: of the call, which names those who listen to it.
        cuts_off: whether a stop may cut off voters that run.
        more: tokens of the prompt that are not known yet.
    """
    if limits.samples == "off" or limits.hedge != "off" or limits.lane != "live":
        return None
    if cuts_off or (alike := prompt.alike) is None:
        return None
    if not all(isinstance(message.content, str) for message in alike):
        return None
    texts = tuple(message.text for message in alike)
    # Providers bill shorter prompts in full anyway.
    if limits.samples == "auto" and sum(map(estimate_tokens, texts)) + more < LEAST_KEPT:
        return None
    return texts if may_share(sender, alike, config) else None


class _Gatherings(dict[Hashable, "_Gathering"]):
    """The voters of a run that are about to be asked, by what they are asked."""

    def join(self, key: Hashable, seat: Seat, together: Together) -> None:
        """Take a seat."""
        if key not in self:
            self[key] = _Gathering(together.ask, lambda: self.pop(key))
        self[key].join(seat)


class _Gathering:
    """Voters that come to be asked the same.

    Args:
        ask: asks them.
        on_end: called when no more may come.
    """

    def __init__(self, ask: Callable[[Sequence[Seat]], None], on_end: Callable[[], object]) -> None:
        self._ask, self._on_end, self._seats, self._quiet = ask, on_end, list[Seat](), 0
        self._loop = asyncio.get_running_loop()
        self._is_over = False
        self._loop.call_soon(self._turn)

    def join(self, seat: Seat) -> None:
        """Take a seat; if it is the last one that may come, all are asked."""
        self._seats.append(seat)
        self._quiet = 0
        running = seat.calling.run.fan_out.running
        if running is not None and len(self._seats) >= running:
            self._end()

    def _turn(self) -> None:
        if self._is_over:
            return
        self._quiet += 1
        if self._quiet > _QUIET:
            self._end()
        else:
            self._loop.call_soon(self._turn)

    def _end(self) -> None:
        self._is_over = True
        self._on_end()
        self._ask([seat for seat in self._seats if not seat.told.done()])
