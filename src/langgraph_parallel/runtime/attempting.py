"""The attempts at one question: each waits for its turn, for budget and for a slot, and makes its request."""

import asyncio
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.hedging import hedged
from langgraph_parallel.runtime.led_call import turn_of
from langgraph_parallel.runtime.rendered import Rendered
from langgraph_parallel.runtime.request import Request
from langgraph_parallel.runtime.retry import Attempts, is_retried
from langgraph_parallel.runtime.tokens import count_tokens

if TYPE_CHECKING:
    from langgraph_parallel.runtime.calling import Calling

AnswerT = TypeVar("AnswerT")


async def send_attempts(calling: "Calling[AnswerT]", prompt: Rendered, purpose: str, bound: Bound) -> AnswerT:
    """Put a question to a model in one attempt after another.

    Args:
        calling: how the call goes.
        prompt: the question.
        purpose: of the call, for traces.
        bound: of the branch, entered.

    Raises:
        Exception: of the last attempt, as `Calling.send`.
    """
    tokens = count_tokens(prompt.messages)
    attempts: Attempts | None = None  # nearly all calls need one attempt, and nothing that counts more
    try:
        if calling.limits.lane == "batch":
            from langgraph_parallel.runtime.batch.stage import GoesLive, send_in_batch

            with suppress(GoesLive):
                return await send_in_batch(calling, prompt, tokens, purpose, bound)
        for number in count(1):
            try:
                with turn_of(calling, prompt, tokens) as turn:
                    request = Request(calling, prompt, tokens, number, purpose, turn)
                    call = request.new_call()
                    # The bound counts who waits and who is in flight: a drain ends the former at once,
                    # and grants the latter its grace.
                    with bound.waiting():
                        await turn.come(call)
                        await call.open()
                    is_single = calling.limits.hedge == "off"
                    return await (request.make(call) if is_single else hedged(calling, request, call))
            except Exception as error:
                if not is_retried(error, calling.limits, calling.is_retried):
                    raise
                attempts = attempts or Attempts(calling.limits, has_fallback=calling.has_fallback)
                if (seconds := attempts.rest_after(error)) is None:
                    raise
            await _rest(calling, seconds, bound)
    except Exception as error:
        calling.failed_for_good(error)
        raise
    raise AssertionError("the last error is raised")  # pragma: no cover


async def _rest(calling: "Calling[Any]", seconds: float, bound: Bound) -> None:
    """Wait before the next attempt."""
    with bound.waiting():
        if seconds:
            calling.tell("waiting", on="retry", seconds=seconds)
        await asyncio.sleep(seconds)
    if seconds:
        calling.tell("working")
