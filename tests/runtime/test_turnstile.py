"""Calls that leave at times that are granted ahead."""

import asyncio
import time

import pytest

from langgraph_parallel.runtime.turnstile import MOST_ASKED, Places, Turnstile
from tests.support.clock import Clock, until


class Gate:
    """A turnstile, the calls that went through, and how often it was in need."""

    def __init__(self, places: Places | None = None) -> None:
        self.needs = 0
        self.turnstile = Turnstile(self._need, places)
        self.left: list[int] = []

    def _need(self) -> None:
        self.needs += 1

    def call(self, number: int) -> "asyncio.Task[None]":
        """Let a call come, which takes as many tokens as its number says."""

        async def leave() -> None:
            await self.turnstile.leave(number)
            self.left.append(number)

        return asyncio.ensure_future(leave())

    async def calls(self, count: int) -> "list[asyncio.Task[None]]":
        """Let calls come, and wait in line."""
        tasks = [self.call(number) for number in range(1, count + 1)]
        await asyncio.sleep(0)
        return tasks


class Free:
    """Places that are free."""

    def __init__(self, free: int) -> None:
        self.free = free

    def take_place(self) -> bool:
        """Take one."""
        if self.free:
            self.free -= 1
            return True
        return False

    def return_place(self) -> None:
        """Give one back."""
        self.free += 1


@pytest.fixture
async def gate() -> Gate:
    """Return a turnstile to pass."""
    return Gate()


async def test_calls_leave_in_their_order_at_the_times_that_are_granted(gate: Gate, clock: Clock) -> None:
    """Not before; and who has no time yet is asked for."""
    clock.stop()
    await gate.calls(3)
    assert gate.needs
    assert gate.turnstile.wanted() == [1, 2, 3]
    gate.turnstile.grant([0.0, 0.03])
    await asyncio.sleep(0)
    assert gate.left == [1]
    assert gate.turnstile.wanted() == [3]
    clock.advance(0.02)
    await asyncio.to_thread(time.sleep, 0.03)  # it would leave now if it were let
    assert gate.left == [1]
    clock.advance(0.02)
    await until(lambda: gate.left == [1, 2])
    assert gate.turnstile.is_in_need


async def test_a_time_that_is_long_over_is_not_used(gate: Gate, clock: Clock) -> None:
    """A call that comes late does not leave together with the next one."""
    clock.stop()
    gate.turnstile.grant([-1.0, -0.5])
    await gate.calls(1)
    assert gate.left == []
    assert gate.turnstile.wanted() == [1]
    assert gate.turnstile.take_missed() == [pytest.approx(1.0), pytest.approx(0.5)]
    assert gate.turnstile.take_missed() == []


async def test_a_call_that_is_cancelled_leaves_its_time_to_the_next(gate: Gate) -> None:
    """And it is not asked for any more."""
    first, *_ = await gate.calls(2)
    first.cancel()
    await asyncio.sleep(0)
    assert gate.turnstile.wanted() == [2]
    gate.turnstile.grant([0.0])
    await asyncio.sleep(0)
    assert gate.left == [2]


async def test_times_that_no_call_waits_for_are_given_back(gate: Gate, clock: Clock) -> None:
    """Those that are latest."""
    clock.stop()
    (call,) = await gate.calls(1)
    gate.turnstile.grant([5.0, 6.0, 7.0])
    assert gate.turnstile.take_back() == [pytest.approx(6.0), pytest.approx(7.0)]
    call.cancel()
    await asyncio.sleep(0)
    assert gate.turnstile.take_back() == [pytest.approx(5.0)]
    assert not gate.turnstile.waiting


async def test_all_leave_where_nobody_grants_times(gate: Gate) -> None:
    """Nothing hangs."""
    calls = await gate.calls(2)
    gate.turnstile.release()
    await asyncio.gather(*calls)
    assert gate.left == [1, 2]


async def test_not_more_is_asked_for_at_once_than_can_leave_soon(gate: Gate) -> None:
    """However many wait."""
    calls = await gate.calls(2 * MOST_ASKED)
    assert len(gate.turnstile.wanted()) == MOST_ASKED
    gate.turnstile.release()
    await asyncio.gather(*calls)


async def test_a_call_leaves_once_there_is_a_place(clock: Clock) -> None:
    """Its time has come, and is good for a while."""
    clock.stop()
    places = Free(1)
    gate = Gate(places)
    await gate.calls(2)
    gate.turnstile.grant([0.0, 0.0])
    await asyncio.sleep(0)
    assert (gate.left, places.free) == ([1], 0)
    assert gate.turnstile.granted == 1
    places.return_place()
    gate.turnstile.let_leave()
    await asyncio.sleep(0)
    assert (gate.left, places.free) == ([1, 2], 0)


async def test_a_time_that_is_over_before_there_is_a_place_is_lost(clock: Clock) -> None:
    """Another one is asked for, and the place stays free until then."""
    clock.stop()
    places = Free(0)
    gate = Gate(places)
    await gate.calls(1)
    gate.turnstile.grant([0.0])
    clock.advance(1)
    places.return_place()
    needs = gate.needs
    gate.turnstile.let_leave()
    await asyncio.sleep(0)
    assert (gate.left, places.free, gate.needs) == ([], 1, needs + 1)
    assert len(gate.turnstile.take_missed()) == 1
    gate.turnstile.grant([0.0])
    await asyncio.sleep(0)
    assert (gate.left, places.free) == ([1], 0)


async def test_a_call_that_is_cancelled_as_it_leaves_gives_its_place_back(clock: Clock) -> None:
    """It was let through, and has not gone on yet."""
    clock.stop()
    places = Free(1)
    gate = Gate(places)
    (call,) = await gate.calls(1)
    gate.turnstile.grant([0.0])
    assert places.free == 0
    call.cancel()
    await asyncio.wait([call])
    assert places.free == 1


async def test_where_nobody_grants_times_calls_leave_without_places() -> None:
    """What is held beyond them is counted all the same."""
    gate = Gate(Free(0))
    calls = await gate.calls(2)
    gate.turnstile.release()
    await asyncio.gather(*calls)
    assert gate.left == [1, 2]
