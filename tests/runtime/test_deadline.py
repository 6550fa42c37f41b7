"""The deadline of a run, and its graceful stop."""

import asyncio
import time
from typing import Any

import pytest

from langgraph_parallel import Ask, Context, Limits, create_sectioning, drain, plan, split, synthesize
from langgraph_parallel.errors import DeadlineExceeded
from langgraph_parallel.runtime.run import Run
from tests.support.fans import GIVEN, YES, flat, nested, numbered
from tests.support.server import Gate, ModelServer, Reply


@pytest.fixture(autouse=True)
async def warm(model: str, server: ModelServer) -> None:
    """The first call of a process loads the SDK; here time counts."""
    await Ask("{text}", model=model).ainvoke("warm")
    server.requests.clear()


async def test_at_the_deadline_the_run_returns_with_what_is_there(model: str, server: ModelServer) -> None:
    """What hangs is timed_out, its connection is closed, and nothing else is lost."""
    server.on("Number 1:", Reply(hang=True))
    began = time.monotonic()
    out = await flat(3, model, limits=Limits(deadline=0.5)).ainvoke(GIVEN)
    assert 0.5 <= time.monotonic() - began < 5
    assert out["report"].branches == {"ok": 2, "timed_out": 1}
    assert out["branches"]["1"].error == "the run's deadline has passed"
    assert out["branches"]["1"].ended_by == "deadline"
    assert out["report"].completion_reason == "the run's deadline has passed"
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0, 1.0)


async def test_the_deadline_reaches_the_leaves_of_every_level(model: str, server: ModelServer) -> None:
    """Inner votes close on the ballots that they have, so that nothing that was paid for is lost."""
    server.always(Reply(json=YES))
    server.on("voter 3 ", Reply(hang=True))
    inner = nested(2, 3, model)
    outer = create_sectioning(planner=numbered(2), worker=inner, limits=Limits(deadline=0.6))
    out = await outer.ainvoke(GIVEN)
    assert out["report"].branches == {"ok": 8, "timed_out": 4}
    assert {branch.status for branch in out["branches"].values()} == {"ok"}
    votes = out["branches"]["0"].below.branches
    assert [vote.value["verdict"]["support"] for vote in votes.values()] == [{"k": 2, "n": 2}] * 2


async def test_the_deadline_ends_waiting_as_well(model: str, server: ModelServer) -> None:
    """In line for a slot, resting before a retry, or through a Retry-After: it counts all the same."""
    server.on("Number 0:", Reply(hang=True))
    server.on("Number 1:", Reply(status=500))
    server.on("Number 2:", Reply(status=429, headers={"retry-after": "30"}))
    out = await flat(6, model, limits=Limits(deadline=0.5, concurrency=3, backoff=20)).ainvoke(GIVEN)
    assert out["report"].branches.get("timed_out", 0) >= 3
    assert set(out["report"].branches) <= {"ok", "timed_out"}


async def test_a_function_that_hangs_is_ended_too(model: str, server: ModelServer) -> None:
    """Any worker of ours or yours; what it awaits is cancelled."""

    async def work(section: Any) -> str:
        if section.id == "1":
            await asyncio.Event().wait()
        return "done"

    graph = create_sectioning(planner=numbered(2), worker=work, limits=Limits(deadline=0.2))
    out = await graph.ainvoke(GIVEN)
    assert out["report"].branches == {"ok": 1, "timed_out": 1}


async def test_planning_and_synthesis_keep_the_deadline(model: str, server: ModelServer) -> None:
    """A planner that hangs is an error, for there is nothing yet; a synthesizer that hangs loses nothing."""
    server.on("sections", Reply(hang=True))
    limits = Limits(deadline=0.3)
    planned = create_sectioning(planner=plan.by_model(model), worker=len, limits=limits)
    with pytest.raises(DeadlineExceeded):
        await planned.ainvoke({"content": "write"})
    server.always(Reply(hang=True))
    joined = create_sectioning(
        planner=split.by_heading(),
        worker=lambda section: "done",
        synthesizer=synthesize.by_model(model),
        limits=limits,
    )
    out = await joined.ainvoke({"content": "# a\nx"})
    assert out["result"] is None
    assert out["branches"]["1"].value == "done"
    assert "DeadlineExceeded" in out["report"].failures["synthesize"]


async def test_a_deadline_can_be_set_for_one_run(model: str, server: ModelServer) -> None:
    """By the context; the next run has none."""
    server.on("Number 0:", Reply(hang=True), times=1)
    graph = flat(2, model)
    out = await graph.ainvoke(GIVEN, context=Context(limits=Limits(deadline=0.2)))
    assert out["report"].branches == {"ok": 1, "timed_out": 1}
    assert (await graph.ainvoke(GIVEN))["report"].branches == {"ok": 2}


def test_of_several_deadlines_the_earliest_holds() -> None:
    """An inner graph cannot have more time than the run around it."""
    outer = Run(Limits(deadline=10))
    assert outer.deadline is not None
    assert Run(Limits(deadline=99), around=outer).deadline == outer.deadline
    inner = Run(Limits(deadline=1), around=outer)
    assert inner.deadline is not None
    assert inner.deadline < outer.deadline
    assert Run(around=Run()).deadline is None


async def test_a_drain_lets_finish_what_runs_and_starts_nothing(model: str, server: ModelServer) -> None:
    """What waits in line is skipped; what is on its way has its time; the graph closes on what is there."""
    gate = Gate()
    server.always(Reply(json=YES, gate=gate))
    running = asyncio.ensure_future(nested(2, 3, model, limits=Limits(concurrency=2)).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
    assert drain("the server is going down") == 1
    gate.open()
    out = await running
    assert len(server.requests) == 2
    assert out["report"].branches == {"ok": 2, "skipped": 4}
    assert "the server is going down" in out["report"].completion_reason
    assert all("going down" in cause for cause in out["report"].failures.values())
    assert drain() == 0


async def test_after_the_grace_what_still_runs_is_cancelled(model: str, server: ModelServer) -> None:
    """Its connection is closed, and it says who ended it."""
    server.always(Reply(hang=True))
    running = asyncio.ensure_future(flat(2, model).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
    drain("stop", grace=0.1)
    out = await running
    assert out["report"].branches == {"cancelled": 2}
    assert {(b.ended_by, b.error) for b in out["branches"].values()} == {("drain", "stop")}
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0, 1.0)


async def test_a_drain_reaches_calls_that_rest_before_a_retry(model: str, server: ModelServer) -> None:
    """Nothing is sent again after it."""
    server.always(Reply(status=500))
    running = asyncio.ensure_future(flat(3, model, limits=Limits(backoff=30)).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: len(s.requests) == 3 and s.in_flight == 0)
    await asyncio.sleep(0.05)
    drain("stop", grace=30)
    out = await running
    assert len(server.requests) == 3
    assert out["report"].branches == {"cancelled": 3}


async def test_a_drain_ends_the_closing_calls_too(model: str, server: ModelServer) -> None:
    """A synthesizer that is on its way has its grace, like everybody else."""
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
    assert out["report"].failures == {"synthesize": "RunDrained: stop"}
    assert out["branches"]["1"].value == "done"
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0, 1.0)


async def test_a_drain_from_another_thread_reaches_the_run(model: str, server: ModelServer) -> None:
    """As a server's shutdown hook would call it."""
    server.always(Reply(hang=True))
    running = asyncio.ensure_future(flat(2, model).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
    await asyncio.to_thread(drain, "stop", 0.0)
    assert (await running)["report"].branches == {"cancelled": 2}
