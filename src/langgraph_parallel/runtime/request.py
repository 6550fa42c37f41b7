"""One attempt at a question: a request, and with a hedge a second one."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Generic, TypeVar

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.dialect import get_dialect
from langgraph_parallel.runtime.led_call import NO_TURN, Turn
from langgraph_parallel.runtime.limiter_registry import current_limiter
from langgraph_parallel.runtime.open_call import OpenCall
from langgraph_parallel.runtime.rendered import Rendered
from langgraph_parallel.runtime.retry import AskAgain
from langgraph_parallel.runtime.time_limit import time_limit

if TYPE_CHECKING:
    from langgraph_parallel.runtime.calling import Calling

AnswerT = TypeVar("AnswerT")


class Request(Generic[AnswerT]):
    """One attempt at a question. With a hedge, it is made twice.

    Args:
        calling: what it shares with the other requests of its worker.
        prompt: what is asked.
        prompt_tokens: estimated tokens of the prompt.
        number: 1 for the first attempt.
        purpose: of the call, for traces.
        turn: of the attempt, among calls whose prompts begin alike.
    """

    __slots__ = (
        "_calling",
        "_number",
        "_prompt",
        "_prompt_tokens",
        "_purpose",
        "_turn",
        "cut_off",
        "is_led",
    )

    def __init__(
        self,
        calling: "Calling[AnswerT]",
        prompt: Rendered,
        prompt_tokens: int,
        number: int,
        purpose: str,
        turn: Turn = NO_TURN,
    ) -> None:
        self._calling, self._prompt, self._purpose, self._turn = calling, prompt, purpose, turn
        self._prompt_tokens, self._number = prompt_tokens, number
        self.cut_off: Usage | None = None
        """Tokens that count as used if the request is cut off; None for the prompt, charged at least."""
        self.is_led = False
        """Whether others wait for the first token of its answer, which is streamed where it can be."""

    def new_call(self, *, hedge: bool = False) -> OpenCall:
        """Return a call that is yet to be opened."""
        return self._calling.new_call(self._prompt_tokens, self._number, hedge=hedge)

    def start(self, call: OpenCall) -> "asyncio.Task[AnswerT]":
        """Make the request in a task.

        Args:
            call: open.
        """
        task = asyncio.ensure_future(self.make(call))
        # A task that is cancelled before its first step never enters `make`, and so never settles.
        task.add_done_callback(lambda _: None if call.is_made else call.give_back())
        return task

    async def make(self, call: OpenCall) -> AnswerT:
        """Make the request; settle its ledgers, however it ends.

        Args:
            call: open.

        Raises:
            TimeoutError: no answer within `call_timeout`.
            Exception: the provider's error.
        """
        call.is_made = True
        calling, shared = self._calling, self._calling.shared
        before = current_limiter.get()
        current_limiter.set(calling.limiter)
        try:
            if shared is None:
                with self._time_limit(call):
                    answer = await self._ask(call)
            else:
                # Waiting for a lease of the limits shared with other processes is not part of the call.
                async with shared.lease(calling.rates, call.tokens, calling.limits.call_timeout):
                    call.started = time.time()
                    with self._time_limit(call):
                        answer = await self._ask(call)
        except BaseException as error:
            cut_off = self.cut_off or Usage(input_tokens=self._prompt_tokens)
            await calling.failed(call, error, cut_off)
            if isinstance(error, TimeoutError):
                streams = get_dialect(calling.endpoint, calling.target).streams
                if (self.is_led or streams.is_off) and streams.note_broken():
                    raise AskAgain("streamed answers do not end") from error
                raise calling.timed_out() from error
            raise
        finally:
            current_limiter.set(before)
        used = calling.sender.usage(answer)
        self._turn.answered(used)
        call.close(used, ok=True)
        return answer

    def _time_limit(self, call: OpenCall) -> time_limit:
        # The timeout covers opening the connection, so a call may time out before the endpoint has seen it.
        # It counts all the same, in the report and in the budget: the client cannot tell whether it arrived.
        return time_limit(self._calling.limits.call_timeout, self._calling.limiter, call.slot)

    def _ask(self, call: OpenCall) -> Awaitable[AnswerT]:
        sending = self._turn.sending(call)
        self.is_led = sending.on_first is not None
        config = call_config(self._calling.config, call, self._purpose)
        return self._calling.sender.ainvoke(self._prompt.messages, config, sending)


def call_config(config: RunnableConfig, call: OpenCall, purpose: str = "") -> RunnableConfig:
    """Return the config of one request.

    Args:
        config: of the branch.
        call: the request.
        purpose: of the request, for traces.
    """
    name = config.get("run_name") or call.target
    # So that those who stream messages know whose token a part is.
    told = {**(config.get("metadata") or {}), "call": str(call.id)}
    return {**config, "run_id": call.id, "run_name": f"{name} {purpose}".strip(), "metadata": told}
