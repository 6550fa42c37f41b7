"""Requests that race for the same answer."""

import asyncio

import pytest

from langgraph_parallel.runtime.racing import first_answer


async def answer(number: int, *, fails: bool = False) -> int:
    """Answer at once."""
    if fails:
        raise ValueError(str(number))
    return number


async def test_of_those_answered_in_the_same_turn_the_first_in_order_wins() -> None:
    """Which answer is taken does not depend on chance."""
    for _ in range(4):
        assert await first_answer([asyncio.ensure_future(answer(number)) for number in range(20)]) == 0


async def test_one_that_fails_does_not_end_the_race() -> None:
    """The first of those that are answered wins; if there is none, the first error is raised."""
    racing = [asyncio.ensure_future(answer(number, fails=number < 3)) for number in range(20)]
    assert await first_answer(racing) == 3
    failing = [asyncio.ensure_future(answer(number, fails=True)) for number in range(20)]
    with pytest.raises(ValueError, match=r"^0$"):
        await first_answer(failing)
    await asyncio.wait(failing)
    assert all(task.exception() for task in failing)
