"""The path of a call in the batch lane: as many attempts as its limits allow, each in another batch."""

import asyncio
import json
import time
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.batch.claims import claims_of
from langgraph_parallel.runtime.batch.client import INSTEAD, Client, NoBatchApi
from langgraph_parallel.runtime.batch.files import LineError, NoRoom, Spilled
from langgraph_parallel.runtime.batch.identity import key_of, scope_of
from langgraph_parallel.runtime.batch.item import Item
from langgraph_parallel.runtime.batch.lane import Lane, get_lane
from langgraph_parallel.runtime.batch.lane_call import LaneCall
from langgraph_parallel.runtime.batch.late import Awaited, late_answers
from langgraph_parallel.runtime.batch.spill import spill_time
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.call_record import record_end
from langgraph_parallel.runtime.counted import as_usage, completion_metadata
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.open_call import OpenCall
from langgraph_parallel.runtime.redact import redact
from langgraph_parallel.runtime.rendered import Rendered
from langgraph_parallel.runtime.request import call_config
from langgraph_parallel.runtime.retry import AskAgain
from langgraph_parallel.runtime.transport import Connection

if TYPE_CHECKING:
    from langgraph_parallel.runtime.calling import Calling

AnswerT = TypeVar("AnswerT")


class GoesLive(Exception):
    """A call leaves the lane, and is to be made live."""


async def send_in_batch(
    calling: "Calling[AnswerT]", prompt: Rendered, tokens: int, purpose: str, bound: Bound | None
) -> AnswerT:
    """Send a call in batches until there is an answer, or a limit is reached.

    An attempt that the endpoint has not answered for a reason that may pass goes into another batch: a line
    with 429 or 5xx, a line that is missing, a batch that has expired.

    Args:
        calling: how the call goes.
        prompt: what is asked.
        tokens: of the prompt, estimated.
        purpose: of the call, for traces.
        bound: of the branch.

    Raises:
        GoesLive: it is to be made live, for its deadline, or because the limits say so.
        ModelError: the endpoint, or the client of the model, has no Batch API.
        Exception: as `Calling.send`.
    """
    number = failures = 0
    earlier: list[Item] = []
    while True:
        number += 1
        try:
            return await _attempt(calling, prompt, tokens, number, purpose, bound, earlier)
        except (AskAgain, NoRoom):
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
    calling: "Calling[AnswerT]",
    prompt: Rendered,
    tokens: int,
    number: int,
    purpose: str,
    bound: Bound | None,
    earlier: list[Item],
) -> AnswerT:
    direct = getattr(calling.sender, "direct", None)
    body = None if direct is None else calling.sender.body(prompt.messages)
    if direct is None or body is None:
        raise NoBatchApi(
            f"{calling.target} cannot be asked in batches: only text prompts of ChatOpenAI can, with an "
            f"API key that is a text and no function; {INSTEAD}"
        )
    lane, connection = await get_lane(), direct.connection
    call = calling.new_call(tokens, number, kind=LaneCall)
    with nullcontext() if bound is None else bound.waiting():
        await call.open()
        item: Item | None = None
        try:
            item = _new_item(calling, call, lane, connection, json.dumps(body).encode())
            _take_number(item, earlier)
            answer = await _wait(calling, call, lane, Client(connection), item, prompt, purpose, bound)
        except BaseException as error:
            # Cut off at the very moment that its batch had ended: the answer is billed all the same.
            await calling.failed(call, error, Usage() if item is None else _used(item))
            if item is not None and item.may_be_answered:
                most = calling.priced.most_usd(tokens, calling.limits.answer_tokens, "batch")
                late_answers(calling.run).awaited[str(call.id)] = Awaited(item.remote, most)
            raise
    call.close(calling.sender.usage(answer), ok=True)
    calling.sender.recalled(answer)
    return answer


def _take_number(item: Item, earlier: list[Item]) -> None:
    """Let an attempt be the same request as an earlier one whose batch may still be there."""
    for one in earlier:
        if one.key == item.key and not one.has_answer:
            item.number = one.number
    earlier[:] = [item]


async def _wait(
    calling: "Calling[AnswerT]",
    call: OpenCall,
    lane: Lane,
    client: Client,
    item: Item,
    prompt: Rendered,
    purpose: str,
    bound: Bound | None,
) -> AnswerT:
    """Wait for the answer to a request."""
    hurried = None if item.deadline is None else id(calling.run.root)
    spill = spill_time([item])
    if spill is not None and spill <= time.monotonic():
        raise Spilled
    lane.add(item, client, (item.place, hurried))
    try:
        if getattr(calling.sender, "reports", False):
            completion = await _reported(calling, call, purpose, prompt, item)
        else:
            completion = await item.future
    except Exception as error:
        if (learn := getattr(calling.sender, "learn_from", None)) is not None and item.is_own:
            learn(error, prompt.messages)
        raise
    except asyncio.CancelledError:
        ended_by = None if bound is None else bound.ended_by
        if item.number is not None and (calling.run.root.drained or ended_by == "deadline"):
            calling.run.note(
                "calls wait in a batch at the endpoint, which is kept: resume the run, or start the same "
                "command again, to collect its answers ('langgraph-parallel batches' lists it)"
            )
        raise
    finally:
        lane.end_single(item, calling.run)
    return calling.sender.read(completion)


async def _reported(
    calling: "Calling[Any]", call: OpenCall, purpose: str, prompt: Rendered, item: Item
) -> Any:
    """Wait for the body of an answer, and tell tracers and callbacks of the call."""
    config = call_config(calling.config, call, purpose)

    async def wait() -> Any:
        return await item.future

    direct: Any = getattr(calling.sender, "direct", None)
    return await direct.reporter.tell(prompt.messages, config, wait)


def _new_item(
    calling: "Calling[Any]", call: OpenCall, lane: Lane, connection: Connection, body: bytes
) -> Item:
    scope = scope_of(connection, calling.target)
    run = calling.run

    def tell(batch: str, calls: int, since: float) -> None:
        if call.emitter is not None:
            call.emitter.emit("waiting", on="batch", call=str(call.id), batch=batch, calls=calls, since=since)

    def charge(body: Any) -> None:
        """Count what a batch has answered although the call had ended: by a vote, or live."""
        late = late_answers(run)
        late.awaited.pop(str(call.id), None)
        if body is None:
            return
        used = _counted(body)
        usd = calling.priced.usd(used, "batch")
        run.budget.settle(Amount(), Amount(0, used.input_tokens + used.output_tokens, usd or 0.0))
        # The record of the call was closed without tokens; this one takes its place, in the branch if that is
        # still open, else in the report.
        again = replace(call, recorded=late.calls, emitter=None)
        record_end(again, used, usd, ok=False, throttled=False)
        if call.recorded is not None:
            call.recorded[str(call.id)] = late.calls[str(call.id)]
        run.note("a batch answered calls that had ended already, or gone live; report and budget count them")

    return Item(
        key=key_of(scope, run, body),
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


def _used(item: Item) -> Usage:
    """Return the tokens of the answer to a request; zero if it has none."""
    return _counted(item.future.result()) if item.has_answer else Usage()


def _counted(body: Any) -> Usage:
    return as_usage(completion_metadata(body.get("usage")))
