"""Calls that leave at times that are granted ahead."""

import asyncio

import pytest

from langgraph_parallel.runtime.turnstile import MOST_ASKED, Turnstile
from tests.support.clock import until


class Gate:
    """A turnstile, the calls that went through, and how often it was in need."""

    def __init__(self) -> None:
        self.needs = 0
        self.turnstile = Turnstile(self._need)
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


@pytest.fixture
async def gate() -> Gate:
    """Return a turnstile to pass."""
    return Gate()


async def test_calls_leave_in_their_order_at_the_times_that_are_granted(gate: Gate) -> None:
    """Not before; and who has no time yet is asked for."""
    loop = asyncio.get_running_loop()
    await gate.calls(3)
    assert gate.needs
    assert gate.turnstile.wanted() == [1, 2, 3]
    began = loop.time()
    gate.turnstile.grant([0.0, 0.03])
    await asyncio.sleep(0)
    assert gate.left == [1]
    assert gate.turnstile.wanted() == [3]
    await until(lambda: len(gate.left) == 2)
    assert loop.time() - began >= 0.03
    assert gate.turnstile.is_in_need


async def test_a_time_that_is_long_over_is_not_used(gate: Gate) -> None:
    """A call that comes late does not leave together with the next one."""
    gate.turnstile.grant([-1.0, -0.5])
    await gate.calls(1)
    assert gate.left == []
    assert gate.turnstile.wanted() == [1]
    assert gate.turnstile.take_missed() == [pytest.approx(1.0, abs=0.5), pytest.approx(0.5, abs=0.4)]
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


async def test_times_that_no_call_waits_for_are_given_back(gate: Gate) -> None:
    """Those that are latest."""
    (call,) = await gate.calls(1)
    gate.turnstile.grant([5.0, 6.0, 7.0])
    assert gate.turnstile.take_back() == [pytest.approx(6.0, abs=0.5), pytest.approx(7.0, abs=0.5)]
    call.cancel()
    await asyncio.sleep(0)
    assert gate.turnstile.take_back() == [pytest.approx(5.0, abs=0.5)]
    assert not gate.turnstile.has_waiting


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
