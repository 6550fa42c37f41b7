"""Time limits that share a timer cut off each task in its own time, and for no other reason."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from langgraph_parallel.runtime.cutoff import Cutoff, Timed
from tests.support.clock import Clock, until


def timers() -> int:
    """Number of timers of the running loop that will ring."""
    loop: Any = asyncio.get_running_loop()
    return sum(not timer.cancelled() for timer in loop._scheduled)


async def within(
    limit: Timed, work: "asyncio.Future[Any]", entered: Callable[[], object] = lambda: None
) -> str:
    """Wait for some work within a limit, and return how that ended."""
    limit.enter()
    entered()
    kind: type[BaseException] | None = None
    try:
        await work
    except asyncio.CancelledError as error:
        kind = type(error)
    return "cut off" if limit.leave(kind) else "cancelled" if kind else "done"


def begin(limit: Timed) -> "tuple[asyncio.Task[str], asyncio.Future[Any]]":
    """Begin work that ends when a test says so."""
    work = asyncio.get_running_loop().create_future()
    return asyncio.ensure_future(within(limit, work)), work


async def test_limits_of_one_length_share_a_timer_and_end_one_after_another(clock: Clock) -> None:
    """Each task is cut off when its own time is over; one that is done before is not."""
    clock.stop()
    first, _ = begin(Timed(10))
    await asyncio.sleep(0)
    clock.advance(4)
    second, work = begin(Timed(10))
    third, _ = begin(Timed(10))
    await asyncio.sleep(0)
    assert timers() == 1
    clock.advance(6)
    await until(first.done)
    assert (first.result(), second.done(), third.done()) == ("cut off", False, False)
    work.set_result(None)
    await until(second.done)
    clock.advance(4)
    await until(third.done)
    assert (second.result(), third.result()) == ("done", "cut off")
    assert timers() == 0


async def test_no_timer_is_left_when_all_are_done(clock: Clock) -> None:
    """The last of one length that is done takes the timer with it."""
    clock.stop()
    (one, work), (other, more) = begin(Timed(10)), begin(Timed(20))
    await asyncio.sleep(0)
    assert timers() == 2
    work.set_result(None)
    assert await one == "done"
    assert timers() == 1
    more.set_result(None)
    assert await other == "done"
    assert timers() == 0


async def test_a_limit_that_grants_more_time_rings_again(clock: Clock) -> None:
    """What is granted when the time is over is waited for, and then the task is cut off."""

    class Granting(Timed):
        granted = [5.0]

        def seconds_left(self) -> float:
            return self.granted.pop() if self.granted else 0.0

    clock.stop()
    running, _ = begin(Granting(10))
    await asyncio.sleep(0)
    clock.advance(10)
    await until(lambda: not Granting.granted)
    assert not running.done()
    clock.advance(5)
    assert await running == "cut off"


async def test_a_cancellation_by_others_stays_one() -> None:
    """A task that others cancel is not cut off by its limit, not even if both happen at once."""
    running, _ = begin(Timed(10))
    await asyncio.sleep(0)
    running.cancel()
    assert await running == "cancelled"
    cutoff = Cutoff()

    async def both() -> bool:
        cutoff.enter()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            return cutoff.leave(type(error))
        return False  # pragma: no cover

    task = asyncio.ensure_future(both())
    await asyncio.sleep(0)
    task.cancel()
    cutoff.cut()
    assert await task is False


@pytest.mark.parametrize("entered", [False, True], ids=["not entered", "left"])
async def test_who_is_not_inside_is_not_cut_off(entered: bool) -> None:
    """A task is cut off only between entering and leaving."""
    cutoff = Cutoff()
    if entered:
        cutoff.enter()
        assert cutoff.leave(None) is False
    cutoff.cut()
    assert not cutoff.may_cut
    await asyncio.sleep(0)  # a cancellation would be raised here
    assert cutoff.leave(None) is False
