"""Sharing: one request for several voters, on the path of every call."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple, cast

from langchain_core.globals import get_llm_cache
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.errors import BudgetSpent
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.calling import Calling, count_tokens
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.lessons import learn_answer, learn_failure
from langgraph_parallel.runtime.open_call import OpenCall
from langgraph_parallel.runtime.rendered import Rendered
from langgraph_parallel.runtime.request import call_config
from langgraph_parallel.runtime.sample_post import (
    first_answer,
    is_told_exactly,
    post_samples,
    split_completion,
)
from langgraph_parallel.runtime.samples import Alone, Seat
from langgraph_parallel.runtime.savings import split_usage
from langgraph_parallel.runtime.sender import PLAIN, Caching, Sending
from langgraph_parallel.runtime.shared_call import NotSampled, SharedCall
from langgraph_parallel.runtime.streamed import counted
from langgraph_parallel.runtime.structured import BoundModel, stream_listener


def may_share(calling: Calling[Any], messages: Sequence[BaseMessage]) -> bool:
    """Return whether a call may share a request: its endpoint gives samples, and nothing streams."""
    bound = calling.sender
    if not isinstance(bound, BoundModel) or stream_listener.get() is not None or get_llm_cache() is not None:
        return False
    direct = bound.form.direct
    if direct is None or bound.dialect.samples.most(bound.schema) < 2:
        return False
    return _temperature(bound.body(messages) or {}) != 0 and is_told_exactly(direct, calling.config)


def ask(seats: Sequence[Seat]) -> None:
    """Ask voters that are asked the same: in as few requests as the endpoint and the budget allow."""
    for group in _groups(seats):
        if len(group) == 1:
            group[0].tell(Alone())
        else:
            Sharing(group)


def _groups(seats: Sequence[Seat]) -> Iterator[Sequence[Seat]]:
    left = list(seats)
    while left:
        calling = left[0].calling
        sender = cast("BoundModel", calling.sender)
        most = min(sender.dialect.samples.most(sender.schema), len(left))
        size = next((n for n in range(most, 1, -1) if _fits(calling, left[0].prompt, n)), 1)
        yield left[:size]
        del left[:size]


def _fits(calling: Calling[Any], prompt: Rendered, samples: int) -> bool:
    """Return whether the budget has room for so many samples; then the others ask as they would alone."""
    try:
        return SharedCall.fits(calling.new_call(count_tokens(prompt.alike or ())), samples)
    except Exception:  # why no call may start is each voter's to say
        return False


class Answers(NamedTuple):
    """What a request for several voters has brought."""

    by_seat: Mapping[Seat, Any]
    """A chat completion of one choice for each voter that gets one."""
    usage: Usage
    """Tokens of the request."""


class Sharing:
    """One request for several voters, which each wait for their answers.

    A voter that leaves gets none, and the others get theirs; with the last one the request is cut off. A
    failure of the request is that of all.

    Args:
        seats: of the voters.
    """

    def __init__(self, seats: Sequence[Seat]) -> None:
        self.waiting = list(seats)
        self.call: SharedCall | None = None
        """The attempt in progress."""
        self._is_noted = False
        lead = seats[0]
        self._calling = SharedCalling.by(self, lead.calling)
        self._prompt = Rendered(lead.prompt.alike or (), lead.prompt.prefixes)
        for seat in seats:
            seat.sharing = self
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


class SharedCalling(Calling[Answers]):
    """What the attempts of one request for several voters share."""

    sharing: Sharing
    single: BoundModel
    """Sends the request of one voter."""

    @classmethod
    def by(cls, sharing: Sharing, calling: Calling[Any]) -> "SharedCalling":
        """Return it for the voters of a request.

        Args:
            sharing: the request.
            calling: of the first voter.
        """
        shared = object.__new__(cls)
        sender = _SampleSender(sharing, calling.sender)
        vars(shared).update(vars(calling), sender=sender, sharing=sharing, single=calling.sender)
        return shared

    async def ask(self, prompt: Rendered, bound: "_Bounds") -> Answers:
        """Send until there is an answer, or a limit is reached."""
        return await self._send(prompt, "", cast("Bound", bound))

    def new_call(
        self, prompt_tokens: int, number: int = 1, *, hedge: bool = False, kind: type[OpenCall] = OpenCall
    ) -> OpenCall:
        """Return the call of all voters that wait."""
        call = super().new_call(prompt_tokens, number, hedge=hedge, kind=kind)
        self.sharing.call = shared = SharedCall.of(call, self.sharing.waiting)
        return shared

    @contextmanager
    def counting_failures(self) -> Iterator[None]:
        """Note that the request fails for good, unless its voters ask again one by one."""
        refused = None
        with super().counting_failures():
            try:
                yield
            except NotSampled as error:
                refused = error
        if refused is not None:
            raise refused

    def timed_out(self) -> TimeoutError:
        """Return the error of a request that was not answered in time."""
        error, dialect = super().timed_out(), self.single.dialect
        failure, call = classify(error), self.sharing.call
        is_one = call is None or call.samples == 1
        if not is_one and dialect.samples.may_mean(failure, names_other=False):
            raise NotSampled(failure, error, dialect.version) from error
        return error


class _SampleSender:
    """Sends the request of several voters.

    Args:
        sharing: the voters.
        single: sends the request of one.
    """

    def __init__(self, sharing: Sharing, single: Any) -> None:
        self._sharing, self._single = sharing, cast("BoundModel", single)

    async def ainvoke(
        self, messages: Sequence[BaseMessage], config: RunnableConfig, sending: Sending = PLAIN
    ) -> Answers:
        """Make one request.

        Raises:
            NotSampled: it failed, and may not fail for one sample.
            Exception: as that of one voter.
        """
        call, single, form = self._sharing.call, self._single, self._single.form
        assert call is not None
        assert form.direct is not None
        support = single.dialect.samples
        configs = [call_config(seat.calling.config, ballot) for seat, ballot in call.ballots.items()]
        asked, sending = len(configs), single.taken(sending)
        try:
            body = await post_samples(form.direct, messages, sending, configs)
        except Exception as error:
            failure = classify(error)
            sent = single.sent(form, sending)
            names_other = single.dialect.names_one(failure, sent)
            if asked > 1 and support.may_mean(failure, names_other=names_other):
                support.note_refused(failure)
                raise NotSampled(failure, error, form.version) from error
            learn_failure(single.dialect, error, messages, sent, form.version)
            raise
        whole = first_answer(body)
        counted(whole, messages, sending, single.dialect)
        learn_answer(single.dialect, messages, whole)
        return self._divide(call, messages, body, single.usage(whole), asked)

    def _divide(
        self, call: SharedCall, messages: Sequence[BaseMessage], body: Any, usage: Usage, asked: int
    ) -> Answers:
        """Give each voter an answer, as far as there are some that count."""
        single = self._single
        parts = split_completion(body, asked)
        support = single.dialect.samples
        support.note_count(len(parts), asked)
        said = [part["choices"][0]["message"] for part in parts]
        counting = support.select(said, single.schema, _temperature(single.body(messages) or {}))
        seats = list(call.ballots)  # one may have left since it was sent
        counting = counting[: len(seats)]
        kept = split_completion(
            {**body, "choices": [parts[place]["choices"][0] for place in counting]}, asked
        )
        call.answered(split_usage(usage, len(kept)))
        return Answers(dict(zip(seats, kept, strict=False)), usage)

    def body(self, messages: Sequence[BaseMessage]) -> None:
        """Return nothing: it is sent by itself."""

    def read(self, completion: Any) -> Answers:
        """Return nothing: each voter reads its own answer."""
        raise NotImplementedError

    def caching(self) -> Caching:
        """Return what its requests have to do with the provider's cache."""
        return self._single.caching()

    def usage(self, answer: Answers) -> Usage:
        """Return the tokens of the request."""
        return answer.usage

    def remarks(self) -> Sequence[str]:
        """Return nothing: each voter notes what there is to remark."""
        return ()


class _Bounds:
    """The bounds of the branches of all voters of a request, as one."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the request as in line, for each voter."""
        with ExitStack() as stack:
            for seat in self._sharing.waiting:
                stack.enter_context(seat.bound.waiting())
            yield


def _temperature(body: Mapping[str, Any]) -> float | None:
    temperature = body.get("temperature")
    return float(temperature) if isinstance(temperature, int | float) else None
