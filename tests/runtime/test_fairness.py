"""Runs in one process share the slots of an endpoint."""

import asyncio
import threading
from typing import Any

import pytest

from langgraph_parallel import Ask, Limits, create_voting
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.limiter_registry import get_limiter
from tests.support.clock import until
from tests.support.fans import GIVEN, flat
from tests.support.server import Gate, ModelServer, Reply

CHAT = "Chat: is snow white?"


def chat(model: str, limits: Limits, voters: int = 1) -> Any:
    """Ask a panel, in a run of its own."""
    graph = create_voting(
        model=model,
        prompt="{question}",
        choices=["yes", "no"],
        voters=voters,
        stop="all_votes",
        limits=limits,
    )
    return graph.ainvoke({"question": CHAT})


async def before_the_chat(server: ModelServer, model: str, batch: Limits, own: Limits) -> int:
    """Return how many calls of a run of 1,000 branches leave after a chat has asked, and before its call."""
    gate = Gate()
    server.always(Reply(gate=gate))
    server.on(CHAT, Reply(json={"rationale": "", "choice": "yes", "confidence": None}))
    limiter = get_limiter(f"{server.url}/", "test-model")
    graph = flat(1000, model, limits=batch)
    running = asyncio.ensure_future(graph.ainvoke(GIVEN))
    await until(lambda: len(limiter._lines) == 1000 - batch.concurrency)
    await until(lambda: server.in_flight == batch.concurrency)
    chatting = asyncio.ensure_future(chat(model, own))
    await until(lambda: len(limiter._lines) == 1001 - batch.concurrency)
    gate.open()
    assert (await chatting)["verdict"].choice == "yes"
    order = [CHAT in request.prompt for request in server.requests]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return order.index(True) - batch.concurrency


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_a_chat_waits_for_at_most_two_calls_of_a_large_run(
    concurrency: int, model: str, server: ModelServer
) -> None:
    """Its call goes out among the next, though a thousand are in line before it."""
    limits = Limits(concurrency=concurrency)
    assert await before_the_chat(server, model, limits, limits) <= 2 * concurrency


async def test_a_chat_with_a_lower_concurrency_is_not_starved(model: str, server: ModelServer) -> None:
    """A large run that keeps eight calls in flight does not keep out one that may have two."""
    assert await before_the_chat(server, model, Limits(concurrency=8), Limits(concurrency=2)) <= 16


async def test_a_run_in_another_thread_takes_turns_too(model: str, server: ModelServer) -> None:
    """The line is that of the endpoint, over all event loops of the process."""
    gate = Gate()
    server.always(Reply(gate=gate))
    limiter = get_limiter(f"{server.url}/", "test-model")
    one = Limits(concurrency=1)
    running = asyncio.ensure_future(flat(30, model, limits=one).ainvoke(GIVEN))
    await until(lambda: len(limiter._lines) == 29)
    server.on(CHAT, Reply(json={"rationale": "", "choice": "yes", "confidence": None}))
    thread = threading.Thread(target=lambda: asyncio.run(chat(model, one)))
    thread.start()
    await until(lambda: len(limiter._lines) == 30)
    gate.open()
    await running
    await asyncio.to_thread(thread.join)
    assert [CHAT in request.prompt for request in server.requests].index(True) <= 2


async def test_a_run_with_a_priority_is_ahead(model: str, server: ModelServer) -> None:
    """With ten times the turns, ten calls of the later run go out for each of the earlier one."""
    gate = Gate()
    server.always(Reply(gate=gate))
    server.on(CHAT, Reply(json={"rationale": "", "choice": "yes", "confidence": None}))
    limiter = get_limiter(f"{server.url}/", "test-model")
    first = flat(40, model, limits=Limits(concurrency=1))
    tasks = [asyncio.ensure_future(first.ainvoke(GIVEN))]
    await until(lambda: len(limiter._lines) == 39)
    tasks.append(asyncio.ensure_future(chat(model, Limits(concurrency=1, priority=10), voters=20)))
    await until(lambda: len(limiter._lines) == 59)
    gate.open()
    await asyncio.gather(*tasks)
    order = [CHAT in request.prompt for request in server.requests]
    assert order[:23].count(True) == 20


async def test_runs_with_one_key_have_their_turns_together(model: str, server: ModelServer) -> None:
    """Of a tenant with many runs and one with a single run, each gets every other slot."""
    gate = Gate()
    server.always(Reply(gate=gate))
    server.on(CHAT, Reply(json={"rationale": "", "choice": "yes", "confidence": None}))
    limiter = get_limiter(f"{server.url}/", "test-model")
    busy = flat(1, model, limits=Limits(concurrency=1, fairness_key="busy"))
    tasks = [asyncio.ensure_future(busy.ainvoke(GIVEN)) for _ in range(21)]
    await until(lambda: len(limiter._lines) == 20)
    own = Limits(concurrency=1, fairness_key="quiet")
    tasks.append(asyncio.ensure_future(chat(model, own, voters=10)))
    await until(lambda: len(limiter._lines) == 30)
    gate.open()
    await asyncio.gather(*tasks)
    order = [CHAT in request.prompt for request in server.requests]
    assert order[:22].count(True) == 10


def test_a_priority_belongs_to_a_run(model: str) -> None:
    """It is above 0, and no worker has one of its own."""
    with pytest.raises(UsageError, match="limits of a worker cannot set priority; pass it to the graph"):
        Ask("{content}", model=model, limits={"priority": 2})
    with pytest.raises(UsageError, match="priority"):
        flat(1, model, limits={"priority": 0})
