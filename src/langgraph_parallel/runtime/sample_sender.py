"""The sender of a request for several voters: what they are answered, and what it teaches."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.lessons import learn_answer, learn_failure
from langgraph_parallel.runtime.request import call_config
from langgraph_parallel.runtime.sample_call import NotSampled, SampleCall
from langgraph_parallel.runtime.sample_post import first_sample, post_samples, split_completion
from langgraph_parallel.runtime.samples import Seat
from langgraph_parallel.runtime.savings import split_usage
from langgraph_parallel.runtime.sender import PLAIN, PrefixCaching, Sending
from langgraph_parallel.runtime.streamed import count_others, ensure_counted, learn_stream
from langgraph_parallel.runtime.structured import BoundModel


class Answers(NamedTuple):
    """What a request for several voters has brought."""

    by_seat: Mapping[Seat, Any]
    """A chat completion of one choice for each voter that gets one."""
    usage: Usage
    """Tokens of the request."""


class SampleSender:
    """Sends the request of several voters.

    Args:
        call: returns the attempt in progress, with its voters.
        single: sends the request of one.
    """

    direct = None
    """It is sent in no other way."""
    reports = False

    def __init__(self, call: Callable[[], SampleCall | None], single: Any) -> None:
        self._call, self._single = call, cast("BoundModel", single)

    async def ainvoke(
        self, messages: Sequence[BaseMessage], config: RunnableConfig, sending: Sending = PLAIN
    ) -> Answers:
        """Make one request.

        Raises:
            NotSampled: it failed, and may not fail for one sample.
            Exception: as that of one voter.
        """
        call, single, form = self._call(), self._single, self._single.form
        assert call is not None
        assert form.direct is not None
        support = single.dialect.samples
        configs = [call_config(seat.calling.config, ballot) for seat, ballot in call.ballots.items()]
        asked, sending = len(configs), single.taken(sending)
        try:
            body = await post_samples(form.direct, messages, sending, configs)
        except Exception as error:
            learn_stream(single.dialect, error, is_streamed=sending.on_first is not None)
            failure = classify(error)
            sent = single.sent(form, sending)
            names_other = single.dialect.names_one(failure, sent)
            if asked > 1 and support.may_mean(failure, names_other=names_other):
                support.note_refused(failure)
                raise NotSampled(failure, error, form.version) from error
            learn_failure(single.dialect, error, messages, sent, form.version)
            raise
        whole = first_sample(body)
        ensure_counted(whole, messages, sending, single.dialect)
        count_others(whole, body)
        learn_answer(single.dialect, messages, whole)
        parts = split_completion(body, asked)
        support.note_count(len(parts), asked, streamed=sending.on_first is not None)
        return self._divide(call, messages, body, single.usage(whole), parts)

    def _divide(
        self, call: SampleCall, messages: Sequence[BaseMessage], body: Any, usage: Usage, parts: Sequence[Any]
    ) -> Answers:
        """Give each voter an answer, as far as there are some that count."""
        single = self._single
        said = [part["choices"][0]["message"] for part in parts]
        counting = single.dialect.samples.select(
            said, single.schema, temperature_of(single.body(messages) or {})
        )
        seats = list(call.ballots)  # one may have left since it was sent
        counting = counting[: len(seats)]
        kept = split_completion(
            {**body, "choices": [parts[place]["choices"][0] for place in counting]}, len(seats)
        )
        call.answered(split_usage(usage, len(kept)))
        return Answers(dict(zip(seats, kept, strict=False)), usage)

    def body(self, messages: Sequence[BaseMessage]) -> None:
        """Return nothing: it is sent by itself."""

    def read(self, completion: Any) -> Answers:
        """Never called: `body` gives no request that could be sent in another way."""
        raise NotImplementedError

    def learn_from(self, error: Exception, messages: Sequence[BaseMessage]) -> None:
        """Learn nothing: it is sent in no other way."""

    def question(self, messages: Sequence[BaseMessage]) -> None:
        """Return nothing: each voter has looked for its own kept answer."""

    def recalled(self, answer: Answers) -> None:
        """Do nothing: no answer is kept."""

    def prefix_caching(self) -> PrefixCaching:
        """Return what its requests have to do with the provider's cache."""
        return self._single.prefix_caching()

    def usage(self, answer: Answers) -> Usage:
        """Return the tokens of the request."""
        return answer.usage

    def remarks(self) -> Sequence[str]:
        """Return nothing: each voter notes what there is to remark."""
        return ()


def temperature_of(body: Mapping[str, Any]) -> float | None:
    """Return the temperature that a request asks for; None if it leaves that to the endpoint."""
    temperature = body.get("temperature")
    return float(temperature) if isinstance(temperature, int | float) else None
