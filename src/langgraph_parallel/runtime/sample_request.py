"""Requests for several voters, on the path of every call."""

import asyncio
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, cast

from langchain_core.globals import get_llm_cache
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.errors import BudgetSpent
from langgraph_parallel.runtime.attempting import send_attempts
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.calling import Calling
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.open_call import OpenCall
from langgraph_parallel.runtime.rendered import Rendered
from langgraph_parallel.runtime.sample_call import NotSampled, SampleCall
from langgraph_parallel.runtime.sample_sender import Answers, SampleSender, temperature_of
from langgraph_parallel.runtime.samples import Alone, Seat, Together
from langgraph_parallel.runtime.sender import Sender
from langgraph_parallel.runtime.structured import BoundModel, stream_listener
from langgraph_parallel.runtime.tokens import count_tokens


def may_share(bound: Sender[Any], messages: Sequence[BaseMessage], config: RunnableConfig) -> bool:
    """Return whether a call may share a request: its endpoint gives samples, and nothing streams."""
    if not isinstance(bound, BoundModel) or stream_listener.get() is not None or get_llm_cache() is not None:
        return False
    direct = bound.form.direct
    if direct is None or bound.dialect.samples.most(bound.schema) < 2:
        return False
    return temperature_of(bound.body(messages) or {}) != 0 and direct.reporter.tells_exactly(config)


def ask(seats: Sequence[Seat]) -> None:
    """Ask voters that are asked the same: in as few requests as the endpoint and the budget allow."""
    for group in _groups(seats):
        if len(group) == 1:
            group[0].tell(Alone())
        else:
            SampleRequest(group)


def _groups(seats: Sequence[Seat]) -> Iterator[Sequence[Seat]]:
    if not seats:
        return
    calling, prompt = seats[0].calling, seats[0].prompt
    sender = cast("BoundModel", calling.sender)
    most = min(sender.dialect.samples.most(sender.schema), len(seats))
    call = calling.new_call(count_tokens(prompt.alike or ()))
    # Once for all groups: none of them takes anything of the budget before all are made.
    size = 1 + bisect_left(range(2, most + 1), True, key=lambda samples: not _fits(call, samples))
    for begin in range(0, len(seats), size):
        yield seats[begin : begin + size]


def _fits(call: OpenCall, samples: int) -> bool:
    """Return whether the budget has room for so many samples; then the others ask as they would alone."""
    try:
        return SampleCall.fits(call, samples)
    except Exception:  # why no call may start is each voter's to say
        return False


class SampleRequest:
    """One request for several voters, which each wait for their answers.

    A voter that leaves gets none, and the others get theirs; with the last one the request is cut off. A
    failure of the request is that of all.

    Args:
        seats: of the voters.
    """

    def __init__(self, seats: Sequence[Seat]) -> None:
        self.waiting = list(seats)
        self.call: SampleCall | None = None
        """The attempt in progress."""
        self._is_noted = False
        lead = seats[0]
        self._calling = SampleCalling.by(self, lead.calling)
        self._prompt = Rendered(lead.prompt.alike or (), lead.prompt.prefixes)
        for seat in seats:
            seat.request = self
        self._task = asyncio.get_running_loop().create_task(self._run(), context=lead.context)

    def leave(self, seat: Seat) -> None:
        """Note that a voter does not wait any more."""
        if seat not in self.waiting:
            return
        self.waiting.remove(seat)
        if self.call is not None:
            self.call.cut(seat)
        if not self.waiting:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            answers = await self._calling.ask(self._prompt, _Bounds(self))
            self._tell(answers.by_seat)
        except NotSampled as refused:
            self._tell({}, Alone(partial(self._went_away, refused)))
        except BudgetSpent:  # there may be room for single calls
            self._tell({})
        except Exception as error:
            self._tell({}, error)
        except BaseException:
            for seat in self._leaving():
                seat.told.cancel()
            raise

    def _tell(self, answers: Mapping[Seat, Any], rest: Exception | Alone | None = None) -> None:
        for seat in self._leaving():
            seat.tell(answers.get(seat, rest or Alone()))

    def _leaving(self) -> Iterable[Seat]:
        waiting, self.waiting = self.waiting, []
        return waiting

    def _went_away(self, refused: NotSampled) -> None:
        dialect = self._calling.single.dialect
        if dialect.version == refused.version and not self._is_noted:  # nothing else has changed
            self._is_noted = True
            dialect.samples.went_away(refused.failure)


class SampleCalling(Calling[Answers]):
    """What the attempts of one request for several voters share."""

    request: SampleRequest
    single: BoundModel
    """Sends the request of one voter."""

    @classmethod
    def by(cls, request: SampleRequest, calling: Calling[Any]) -> "SampleCalling":
        """Return it for the voters of a request.

        Args:
            request: the request.
            calling: of the first voter.
        """
        sender = SampleSender(lambda: request.call, calling.sender)
        return calling.changed(cls, sender=sender, request=request, single=calling.sender)

    async def ask(self, prompt: Rendered, bound: "_Bounds") -> Answers:
        """Send until there is an answer, or a limit is reached."""
        return await send_attempts(self, prompt, "", cast("Bound", bound))

    def new_call(
        self, prompt_tokens: int, number: int = 1, *, hedge: bool = False, kind: type[OpenCall] = OpenCall
    ) -> OpenCall:
        """Return the call of all voters that wait."""
        call = super().new_call(prompt_tokens, number, hedge=hedge, kind=kind)
        self.request.call = shared = SampleCall.of(call, self.request.waiting)
        return shared

    def failed_for_good(self, error: Exception) -> None:
        """Note that the request fails for good, unless its voters ask again one by one."""
        if not isinstance(error, NotSampled):
            super().failed_for_good(error)

    def tell(self, event: str, **fields: Any) -> None:
        """Emit an event of each voter that waits, if anybody listens."""
        for seat in self.request.waiting:
            if seat.emitter is not None:
                seat.emitter.emit(event, **fields)

    def timed_out(self) -> TimeoutError:
        """Return the error of a request that was not answered in time."""
        error, dialect = super().timed_out(), self.single.dialect
        failure, call = classify(error), self.request.call
        is_one = call is None or call.samples == 1
        if not is_one and dialect.samples.may_mean(failure, names_other=False):
            raise NotSampled(failure, error, dialect.version) from error
        return error


class _Bounds:
    """The bounds of the branches of all voters of a request, as one."""

    def __init__(self, request: SampleRequest) -> None:
        self._request = request

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the request as in line, for each voter."""
        with ExitStack() as stack:
            for seat in self._request.waiting:
                stack.enter_context(seat.bound.waiting())
            yield


TOGETHER = Together(may_share, ask)
"""How voters share requests."""
