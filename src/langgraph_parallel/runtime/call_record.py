"""What is told and recorded of a request to a model: that it leaves, and how it ended."""

import time
from typing import TYPE_CHECKING

from langgraph_parallel.records import Call, Usage
from langgraph_parallel.runtime.savings import saved_by

if TYPE_CHECKING:
    from langgraph_parallel.runtime.open_call import OpenCall


def tell_start(request: "OpenCall") -> None:
    """Tell that a request leaves, if anybody listens."""
    if request.emitter is not None:
        prompt = Usage(input_tokens=request.prompt_tokens)
        request.emitter.emit(
            "calling",
            call=str(request.id),
            target=request.target,
            step=request.step,
            attempt=request.number,
            hedge=request.hedge,
            instead_of=request.instead_of,
            prompt_tokens=request.prompt_tokens,
            prompt_usd=request.priced.usd(prompt, request.lane, request.unbilled_tokens),
        )


def record_end(
    request: "OpenCall",
    usage: Usage,
    usd: float | None,
    *,
    ok: bool,
    throttled: bool,
    told_only: bool = False,
) -> None:
    """Record how a request ended, in its branch, and tell those who listen.

    Args:
        request: that has ended.
        usage: tokens that it took.
        usd: what they cost; None if the price is unknown.
        ok: whether there was an answer.
        throttled: whether the answer was 429.
        told_only: whether it is told, and not recorded.
    """
    if request.recorded is None and request.emitter is None:
        return
    call = Call(
        id=str(request.id),
        kind="model",
        target=request.target,
        step=request.step,
        started=request.started,
        ended=time.time(),
        attempt=request.number,
        ok=ok,
        throttled=throttled,
        hedge=request.hedge,
        usage=usage,
        usd=usd,
        saved=saved_by(request.priced, usage, usd, request.lane, request.unbilled_tokens),
        samples=request.samples,
        lane=request.lane,
        instead_of=request.instead_of,
    )
    if request.recorded is not None and not told_only:
        request.recorded[call.id] = call
    if request.emitter is not None:
        request.emitter.called(call, request.cause, counted=not told_only)
