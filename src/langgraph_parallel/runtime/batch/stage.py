"""The path of a call in the batch lane: as many attempts as its limits allow, each in another batch."""

import asyncio
import json
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.batch.claims import claims_of
from langgraph_parallel.runtime.batch.client import INSTEAD, Client, Connection, NoBatchApi
from langgraph_parallel.runtime.batch.files import LineError, Spilled, counted
from langgraph_parallel.runtime.batch.identity import key_of, scope_of
from langgraph_parallel.runtime.batch.item import Item
from langgraph_parallel.runtime.batch.lane import Lane, get_lane
from langgraph_parallel.runtime.batch.spill import spill_time
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.open_call import OpenCall
from langgraph_parallel.runtime.redact import redact
from langgraph_parallel.runtime.rendered import Rendered
from langgraph_parallel.runtime.retry import AskAgain

if TYPE_CHECKING:
    from langgraph_parallel.runtime.calling import Calling

AnswerT = TypeVar("AnswerT")


class GoesLive(Exception):
    """A call leaves the lane, and is to be made live."""


async def send_in_batch(
    calling: "Calling[AnswerT]", prompt: Rendered, tokens: int, bound: Bound | None
) -> AnswerT:
    """Send a call in batches until there is an answer, or a limit is reached.

    An attempt that the endpoint has not answered for a reason that may pass goes into another batch: a line
    with 429 or 5xx, a line that is missing, a batch that has expired.

    Args:
        calling: how the call goes.
        prompt: what is asked.
        tokens: of the prompt, estimated.
        bound: of the branch.

    Raises:
        GoesLive: it is to be made live, for its deadline, or because the limits say so.
        ModelError: the endpoint, or the client of the model, has no Batch API.
        Exception: as `Calling.send`.
    """
    number = failures = 0
    while True:
        number += 1
        try:
            return await _attempt(calling, prompt, tokens, number, bound)
        except AskAgain:
            continue
        except (Spilled, NoBatchApi) as error:
            _leave(calling, error)
            raise GoesLive from error
        except Exception as error:
            failures += 1
            again = error.again if isinstance(error, LineError) else classify(error).is_transient
            if not again or failures >= calling.limits.attempts:
                raise


def _leave(calling: "Calling[Any]", error: Exception) -> None:
    """Say why a call goes live; raise the error if it must not."""
    if isinstance(error, Spilled):
        calling.run.note(
            f"{calling.target}: calls went live, at the full price, since their batch had not ended in time "
            "for the deadline"
        )
        return
    if calling.limits.without_batch != "live":
        raise error
    where = redact(calling.endpoint.rstrip("/"))
    calling.run.note(f"{calling.target} at {where} has no Batch API: its calls went live, at the full price")


async def _attempt(
    calling: "Calling[AnswerT]", prompt: Rendered, tokens: int, number: int, bound: Bound | None
) -> AnswerT:
    direct = getattr(calling.sender, "direct", None)
    body = None if direct is None else calling.sender.body(prompt.messages)
    if direct is None or body is None:
        raise NoBatchApi(
            f"{calling.target} cannot be asked in batches: only text prompts of ChatOpenAI can; {INSTEAD}"
        )
    lane, connection = await get_lane(), direct.connection
    call = calling.new_call(tokens, number)
    with nullcontext() if bound is None else bound.waiting():
        await call.open_in_lane()
        try:
            item = _new_item(calling, call, lane, connection, json.dumps(body, sort_keys=True).encode())
            answer = await _wait(calling, call, lane, Client(connection), item, prompt)
        except BaseException as error:
            await calling.failed(call, error, Usage())
            raise
    call.close(calling.sender.usage(answer), ok=True)
    _show(answer)
    return answer


async def _wait(
    calling: "Calling[AnswerT]", call: OpenCall, lane: Lane, client: Client, item: Item, prompt: Rendered
) -> AnswerT:
    """Wait for the answer to a request."""
    hurried = None if item.deadline is None else id(calling.run.root)
    spill = spill_time([item])
    if spill is not None and spill <= time.monotonic():
        raise Spilled
    lane.add(item, client, (item.place, hurried))
    try:
        completion = await item.future
    except Exception as error:
        if (learn := getattr(calling.sender, "learn_from", None)) is not None and classify(error).status:
            learn(error, prompt.messages)
        raise
    except asyncio.CancelledError:
        if item.number is not None and calling.run.root.drained:
            calling.run.note(
                "calls wait in a batch at the endpoint, which is kept: resume the run, or start the same "
                "command again, to collect its answers ('langgraph-parallel batches' lists it)"
            )
        raise
    finally:
        lane.end_single(item, calling.run)
    return calling.sender.read(completion)


def _new_item(
    calling: "Calling[Any]", call: OpenCall, lane: Lane, connection: Connection, body: bytes
) -> Item:
    scope = scope_of(connection, calling.target)
    run = calling.run

    def tell(batch: str, calls: int, since: float) -> None:
        if call.emitter is not None:
            call.emitter.emit("waiting", on="batch", call=str(call.id), batch=batch, calls=calls, since=since)

    def charge(body: Any) -> None:
        """Count what a batch has answered although the call had gone live already."""
        used = counted(body)
        usd = calling.priced.usd(used, "batch") or 0.0
        run.budget.settle(Amount(), Amount(1, used.input_tokens + used.output_tokens, usd))
        run.note("a batch answered calls that had gone live already; the budget counts both")

    return Item(
        key=key_of(scope, run, calling.config, body),
        owner=lane.owner_of(run),
        thread=claims_of(run).thread,
        body=body,
        place=(scope, redact(connection.base), calling.target),
        limits=calling.limits,
        deadline=run.deadline,
        asked=time.monotonic(),
        told=tell,
        late=charge,
        future=asyncio.get_running_loop().create_future(),
    )


def _show(answer: Any) -> None:
    """Give a whole answer to whoever listens to its parts."""
    from langgraph_parallel.answers.message import read_message
    from langgraph_parallel.runtime.structured import stream_listener

    listener = stream_listener.get()
    if listener is not None and hasattr(answer, "content"):
        listener(None)
        listener(read_message(answer).text)
