"""Agents with tools, three levels deep: sections whose workers are agents whose tool is one of our graphs."""

import asyncio
import os
import random
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from langgraph_parallel import Ask, Limits, agents, create_sectioning, create_voting, governed
from langgraph_parallel.runtime.limiter_registry import get_limiter
from tests.support.clock import until
from tests.support.fans import GIVEN, numbered
from tests.support.server import ModelServer, Reply

AGENTS = 50
CEILING = 6
RACES = int(os.environ.get("RACES", "10"))
"""Runs whose budget is spent at some moment."""
WAYS = ["as it is", "governed", "middleware"]


def build(own: ChatOpenAI, way: str, number: int, limits: Limits) -> Any:
    """Return sections of agents; each asks its tool once, and the tool asks two voters: four calls."""
    voters = [Ask("First: {question}", model=own), Ask("Second: {question}", model=own)]
    vote = create_voting(voters=voters, stop="all_votes")

    @tool
    async def panel(text: str) -> str:
        """Ask a panel."""
        return str((await vote.ainvoke({"question": text}))["verdict"].choice)

    model = governed(own) if way == "governed" else own
    middleware = [agents.GovernedMiddleware()] if way == "middleware" else []
    agent = create_agent(model, [panel], middleware=middleware)
    return create_sectioning(planner=numbered(number), worker=agent, limits=limits)


def answers(server: ModelServer, delay: float = 0.0) -> None:
    """Let agents call their tool first, and voters answer."""
    server.always(Reply(text="yes", delay=delay))
    server.on(
        lambda r: bool(r.body.get("tools")) and r.body["messages"][-1]["role"] == "user",
        Reply(json={"text": "is it so?"}, delay=delay),
    )


def slots(server: ModelServer) -> int:
    """Return the slots that are taken."""
    return get_limiter(f"{server.url}/", "own").in_flight


@pytest.mark.parametrize("way", WAYS)
async def test_fifty_agents_obey_the_ceiling_and_every_call_is_recorded(
    way: str, server: ModelServer, own: ChatOpenAI
) -> None:
    """Four calls each, of the agents and of the graphs in their tools; no slot is lost."""
    answers(server, delay=0.005)
    out = await build(own, way, AGENTS, Limits(concurrency=CEILING)).ainvoke(GIVEN)
    report = out["run_report"]
    assert report.branches == {"ok": AGENTS}
    assert len(report.calls) == len(server.requests) == 4 * AGENTS
    assert server.most_in_flight <= CEILING
    assert slots(server) == 0


@pytest.mark.parametrize("way", WAYS)
async def test_a_budget_is_never_overspent(way: str, server: ModelServer, own: ChatOpenAI) -> None:
    """However the calls of a dozen agents race for it; what was sent is what is recorded."""
    answers(server)
    draw = random.Random(way)
    for _ in range(RACES):
        server.requests.clear()
        limits = Limits(concurrency=draw.randrange(1, 9), budget_calls=draw.randrange(1, 40))
        report = (await build(own, way, 12, limits).ainvoke(GIVEN))["run_report"]
        assert len(server.requests) == len(report.calls) <= (limits.budget_calls or 0)
        assert slots(server) == 0


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_is_open_after_a_cancellation(way: str, server: ModelServer, own: ChatOpenAI) -> None:
    """Cancelled while agents, tools and voters wait for answers: connections are closed, slots returned."""
    answers(server)
    server.on("First:", Reply(hang=True))
    server.on("Number 3", Reply(hang=True))
    running = asyncio.ensure_future(build(own, way, AGENTS, Limits(concurrency=CEILING)).ainvoke(GIVEN))
    await until(lambda: server.hanging == CEILING)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await until(lambda: server.in_flight == 0)
    sent = len(server.requests)
    assert slots(server) == 0
    await asyncio.sleep(0.1)
    assert len(server.requests) == sent
