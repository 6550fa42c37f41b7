"""Hedging: a second request for a straggler; the first answer wins, and the other request is cut off."""

import asyncio
from typing import TYPE_CHECKING, TypeVar

from langgraph_parallel.runtime.call_record import tell_start
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.open_call import OpenCall
from langgraph_parallel.runtime.racing import cut_off, first_answer
from langgraph_parallel.runtime.request import Request
from langgraph_parallel.runtime.stragglers import Running

if TYPE_CHECKING:
    from langgraph_parallel.runtime.calling import Calling

AnswerT = TypeVar("AnswerT")


async def hedged(calling: "Calling[AnswerT]", request: Request[AnswerT], call: OpenCall) -> AnswerT:
    """Make a request, and a second one when it is late.

    Args:
        calling: what the requests share.
        request: to be made.
        call: its first one, open.

    Raises:
        Exception: of the requests, if both fail.
    """
    stragglers = calling.limiter.stragglers
    watched = stragglers.watch()
    alarm = asyncio.ensure_future(_wait_until_late(calling.limits, watched))
    racing = [request.start(call)]
    answered = False
    try:
        await asyncio.wait([*racing, alarm], return_when=asyncio.FIRST_COMPLETED)
        # Both may be done in the same turn of the loop: then there is an answer already, and no need to
        # hedge.
        if not racing[0].done() and (hedge := _start_hedge(calling, request, call)) is not None:
            racing.append(hedge)
        answer = await first_answer(racing)
        # The loser was asked the same, so the provider charges about as much for it. Set before it is cut off
        # below, since it is settled then.
        request.cut_off, answered = calling.sender.usage(answer), True
        return answer
    finally:
        stragglers.finished(watched, answered=answered)
        await cut_off([*racing, alarm])


async def _wait_until_late(limits: Limits, watched: Running) -> None:
    """Return once a call is late."""
    if isinstance(limits.hedge, float):
        await asyncio.sleep(limits.hedge)
    else:
        await watched.waiter.wait()


def _start_hedge(
    calling: "Calling[AnswerT]", request: Request[AnswerT], first: OpenCall
) -> "asyncio.Task[AnswerT] | None":
    """Start a second request if budget, slot and share allow it at once; None if they do not.

    A hedge never waits: it is worth something only now, and first requests of others come before it. An
    endpoint that answers one after another gets none.
    """
    call = request.new_call(hedge=True)
    if calling.run.starts_no_more() or not calling.limiter.may_help(first.slot) or not call.try_open():
        return None
    # The share is asked last, because it counts the hedge as sent.
    if not calling.limiter.stragglers.may_hedge(calling.limits.hedge_share):
        call.give_back()
        return None
    tell_start(call)
    return request.start(call)
