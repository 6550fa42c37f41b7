"""The order in which what bounds a call is asked: the one that the page of guarantees draws."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from langgraph_parallel import Ask, Limits, create_sectioning, split
from langgraph_parallel.runtime.budget import Budget
from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.resting import Rests
from langgraph_parallel.runtime.run import Run
from langgraph_parallel.runtime.stragglers import Stragglers
from langgraph_parallel.runtime.time_limit import time_limit
from tests.support.clock import Clock, until
from tests.support.server import ModelServer, Reply

STATIONS: dict[tuple[type, str], str] = {
    (Run, "check"): "may start",
    (Rests, "admit"): "rest",
    (Budget, "reserve"): "budget",
    (Limiter, "acquire"): "slot",
    (Budget, "recheck"): "may still start",
    (Stragglers, "watch"): "hedge",
    (time_limit, "__init__"): "time-out",
    (Limiter, "release"): "slot returned",
    (Budget, "settle"): "settled",
}


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List the stations that calls pass; a station that is asked twice in a row is listed once."""
    passed: list[str] = []

    def noted(station: str, inner: Callable[..., Any]) -> Callable[..., Any]:
        def note(*args: Any, **kwargs: Any) -> Any:
            if passed[-1:] != [station]:
                passed.append(station)
            return inner(*args, **kwargs)

        return note

    for (owner, name), station in STATIONS.items():
        monkeypatch.setattr(owner, name, noted(station, getattr(owner, name)))
    return passed


ATTEMPT = [
    "may start",
    "budget",
    "slot",
    "may start",
    "may still start",
    "hedge",
    "time-out",
    "slot returned",
    "settled",
]


async def test_what_bounds_a_call_is_asked_in_a_fixed_order(
    passed: list[str], model: str, server: ModelServer
) -> None:
    """A failed attempt gives back what it holds, and the next one begins anew."""
    server.on("hello", Reply(status=500), times=1)
    worker = Ask("{content}", model=model, limits=Limits(backoff=0, hedge=30.0))
    graph = create_sectioning(planner=split.by_heading(), worker=worker, limits=Limits(budget_calls=5))
    out = await graph.ainvoke({"content": "hello"})
    assert out["run_report"].branches == {"ok": 1}
    assert passed == ATTEMPT * 2


async def test_a_rest_comes_before_the_budget(passed: list[str], model: str, server: ModelServer) -> None:
    """A call that waits for an endpoint that fails holds neither budget nor slot."""
    limits = Limits(attempts=1, backoff=0, rest_after=5, hedge=30.0, budget_calls=9)
    graph = create_sectioning(planner=split.by_heading(), worker=Ask("{content}", model=model), limits=limits)
    server.on("fails", Reply(status=500))
    await graph.ainvoke({"content": "fails"})
    passed.clear()
    await graph.ainvoke({"content": "works"})
    assert passed[passed.index("rest") :] == ["rest", *ATTEMPT]
    assert passed[: passed.index("rest")] == ["may start"]


async def test_the_deadline_is_around_all_of_it(
    passed: list[str], model: str, server: ModelServer, clock: Clock
) -> None:
    """It ends a call that rests before its next attempt, which then asks for nothing."""
    server.always(Reply(status=500))
    limits = Limits(deadline=500, backoff=10_000)
    graph = create_sectioning(planner=split.by_heading(), worker=Ask("{content}", model=model), limits=limits)
    running = asyncio.ensure_future(graph.ainvoke({"content": "hello"}))
    await until(lambda: [request.status for request in server.requests] == [500])
    clock.advance(500)
    assert (await running)["branches"]["1"].ended_by == "deadline"
    assert passed.count("slot") == 1
