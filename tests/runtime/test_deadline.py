"""The deadline of a run, and its graceful stop."""

import asyncio
import math
from typing import Any

import pytest

from langgraph_parallel import Context, Limits, create_sectioning, drain, plan, split, synthesize
from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.limiter_registry import get_limiter
from langgraph_parallel.runtime.run import Run
from tests.support.clock import Clock, until
from tests.support.fans import GIVEN, YES, flat, nested, numbered
from tests.support.server import Gate, ModelServer, Reply

DEADLINE = Limits(deadline=500)
"""Longer than any machine takes, and shorter than the SDK's own timeout of 600 s."""


@pytest.fixture
def limiter(model: str, server: ModelServer) -> Limiter:
    """Return the limiter of the test model."""
    return get_limiter(f"{server.url}/", "test-model")


async def test_at_the_deadline_the_run_returns_what_it_has(
    model: str, server: ModelServer, limiter: Limiter, clock: Clock
) -> None:
    """What hangs is timed_out, its connection is closed, and nothing else is lost."""
    server.on("Number 1:", Reply(hang=True))
    running = asyncio.ensure_future(flat(3, model, limits=DEADLINE).ainvoke(GIVEN))
    await until(lambda: len(server.requests) == 3 and limiter.in_flight == 1)
    clock.advance(400)
    await asyncio.sleep(0.01)
    assert not running.done()
    clock.advance(100)
    out = await running
    assert out["run_report"].branches == {"ok": 2, "timed_out": 1}
    assert out["branches"]["1"].error == "the run's deadline has passed"
    assert out["branches"]["1"].ended_by == "deadline"
    assert out["run_report"].completion_reason == "the run's deadline has passed"
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0)


async def test_the_deadline_reaches_the_leaves_of_every_level(
    model: str, server: ModelServer, limiter: Limiter, clock: Clock
) -> None:
    """Inner votes close on the ballots that they have, so that nothing that was paid for is lost."""
    server.always(Reply(json=YES))
    server.on("voter 3 ", Reply(hang=True))
    inner = nested(2, 3, model)
    outer = create_sectioning(planner=numbered(2), worker=inner, limits=DEADLINE)
    running = asyncio.ensure_future(outer.ainvoke(GIVEN))
    await until(lambda: len(server.requests) == 12 and limiter.in_flight == 4)
    clock.advance(500)
    out = await running
    assert out["run_report"].branches == {"ok": 8, "timed_out": 4}
    assert {branch.status for branch in out["branches"].values()} == {"ok"}
    votes = out["branches"]["0"].below.branches
    assert [vote.value["verdict"]["support"] for vote in votes.values()] == [{"k": 2, "n": 2}] * 2


async def test_the_deadline_ends_waiting_as_well(
    model: str, server: ModelServer, limiter: Limiter, clock: Clock
) -> None:
    """In line for a slot, resting before a retry, or through a Retry-After: all count."""
    server.on("Number 0:", Reply(hang=True))
    server.on("Number 1:", Reply(status=500))
    server.on("Number 2:", Reply(status=429, headers={"retry-after": "400"}))
    limits = Limits(deadline=250, concurrency=3, backoff=30, retry_after_ceiling=400)
    running = asyncio.ensure_future(flat(6, model, limits=limits).ainvoke(GIVEN))
    await until(lambda: limiter.in_flight == 1 and limiter._learned.pause.ends > -math.inf)
    clock.advance(250)
    out = await running
    assert out["run_report"].branches.get("timed_out", 0) >= 3
    assert set(out["run_report"].branches) <= {"ok", "timed_out"}


async def test_a_function_that_hangs_is_ended_too(model: str, clock: Clock) -> None:
    """Any worker, ours or yours; what it awaits is cancelled."""
    started: set[str] = set()

    async def work(section: Any) -> str:
        started.add(section.id)
        if section.id == "1":
            await asyncio.Event().wait()
        return "done"

    graph = create_sectioning(planner=numbered(2), worker=work, limits=DEADLINE)
    running = asyncio.ensure_future(graph.ainvoke(GIVEN))
    await until(lambda: len(started) == 2)
    clock.advance(500)
    out = await running
    assert out["run_report"].branches == {"ok": 1, "timed_out": 1}


async def test_planning_and_synthesis_keep_the_deadline(
    model: str, server: ModelServer, clock: Clock
) -> None:
    """Without a plan there is nothing to close on; without a synthesis the sections are kept."""
    server.always(Reply(hang=True))
    planned = create_sectioning(planner=plan.by_model(model), worker=len, limits=DEADLINE)
    running = asyncio.ensure_future(planned.ainvoke({"content": "write"}))
    await until(lambda: server.hanging == 1)
    clock.advance(500)
    out = await running
    assert (out["result"], out["run_report"].status) == (None, "failed")
    assert out["run_report"].failures["plan"].startswith("DeadlineExceeded")
    await until(lambda: server.hanging == 0)
    joined = create_sectioning(
        planner=split.by_heading(),
        worker=lambda section: "done",
        synthesizer=synthesize.by_model(model),
        limits=DEADLINE,
    )
    running = asyncio.ensure_future(joined.ainvoke({"content": "# a\nx"}))
    await until(lambda: server.hanging == 1)
    clock.advance(500)
    out = await running
    assert out["result"] is None
    assert out["branches"]["1"].value == "done"
    assert "DeadlineExceeded" in out["run_report"].failures["synthesize"]


async def test_a_deadline_can_be_set_for_one_run(
    model: str, server: ModelServer, limiter: Limiter, clock: Clock
) -> None:
    """The context sets it; the next run has none."""
    server.on("Number 0:", Reply(hang=True), times=1)
    graph = flat(2, model)
    running = asyncio.ensure_future(graph.ainvoke(GIVEN, context=Context(limits=DEADLINE)))
    await until(lambda: len(server.requests) == 2 and limiter.in_flight == 1)
    clock.advance(500)
    out = await running
    assert out["run_report"].branches == {"ok": 1, "timed_out": 1}
    assert (await graph.ainvoke(GIVEN))["run_report"].branches == {"ok": 2}


def test_of_several_deadlines_the_earliest_holds() -> None:
    """An inner graph cannot have more time than the run around it."""
    outer = Run(Limits(deadline=10))
    assert outer.deadline is not None
    assert Run(Limits(deadline=99), outer=outer).deadline == outer.deadline
    inner = Run(Limits(deadline=1), outer=outer)
    assert inner.deadline is not None
    assert inner.deadline < outer.deadline
    assert Run(outer=Run()).deadline is None


async def test_a_drain_lets_requests_in_flight_finish_and_starts_none(
    model: str, server: ModelServer
) -> None:
    """Calls in line are skipped, those in flight finish, and the graph closes on what it has."""
    gate = Gate()
    server.always(Reply(json=YES, gate=gate))
    running = asyncio.ensure_future(nested(2, 3, model, limits=Limits(concurrency=2)).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
    assert drain("the server is going down") == 1
    gate.open()
    out = await running
    assert len(server.requests) == 2
    assert out["run_report"].branches == {"ok": 2, "skipped": 4}
    assert "the server is going down" in out["run_report"].completion_reason
    assert all("going down" in cause for cause in out["run_report"].failures.values())
    assert drain() == 0


async def test_after_the_grace_running_branches_are_cancelled(model: str, server: ModelServer) -> None:
    """Its connection is closed, and its record says what ended it."""
    server.always(Reply(hang=True))
    running = asyncio.ensure_future(flat(2, model).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
    drain("stop", grace=0.1)
    out = await running
    assert out["run_report"].branches == {"cancelled": 2}
    assert {(b.ended_by, b.error) for b in out["branches"].values()} == {("drain", "stop")}
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0)


async def test_a_drain_reaches_calls_that_rest_before_a_retry(
    model: str, server: ModelServer, limiter: Limiter
) -> None:
    """No request is sent again."""
    server.always(Reply(status=500))
    running = asyncio.ensure_future(flat(3, model, limits=Limits(backoff=30)).ainvoke(GIVEN))
    await until(lambda: len(server.requests) == 3 and limiter.in_flight == 0)
    drain("stop", grace=30)
    out = await running
    assert len(server.requests) == 3
    assert out["run_report"].branches == {"cancelled": 3}


async def test_a_drain_ends_the_closing_calls_too(model: str, server: ModelServer) -> None:
    """A synthesizer in flight has the same grace as a branch."""
    server.always(Reply(hang=True))
    joined = create_sectioning(
        planner=split.by_heading(),
        worker=lambda section: "done",
        synthesizer=synthesize.by_model(model),
        limits=Limits(grace=0.1),
    )
    running = asyncio.ensure_future(joined.ainvoke({"content": "# a\nx"}))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 1)
    drain("stop")
    out = await running
    assert out["run_report"].failures == {"synthesize": "RunDrained: stop"}
    assert out["branches"]["1"].value == "done"
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0)


async def test_a_drain_from_another_thread_reaches_the_run(model: str, server: ModelServer) -> None:
    """A server's shutdown hook may call it there."""
    server.always(Reply(hang=True))
    running = asyncio.ensure_future(flat(2, model).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
    await asyncio.to_thread(drain, "stop", 0.0)
    assert (await running)["run_report"].branches == {"cancelled": 2}
