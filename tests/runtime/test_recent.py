"""What an event loop keeps of things of which there may be any number: those that were asked for last."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from langgraph_parallel.runtime import loops
from langgraph_parallel.runtime.loops import latest_of_loop


def maker(made: list[str], name: str) -> Callable[[], Awaitable[str]]:
    """Return what makes a thing, and notes that it did."""

    async def make() -> str:
        await asyncio.sleep(0)
        made.append(name)
        return name

    return make


async def test_what_was_asked_for_last_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not asked for the longest time is forgotten, and made again."""
    monkeypatch.setattr(loops, "_MOST_LATEST", 2)
    made: list[str] = []
    for name in ("a", "b", "a", "c", "a", "b"):
        await latest_of_loop("test", name, maker(made, name))  # type: ignore[arg-type]
    assert made == ["a", "b", "c", "b"]


async def test_those_that_wait_get_what_is_made_although_it_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is made again for the next one that asks."""
    monkeypatch.setattr(loops, "_MOST_LATEST", 1)
    made: list[str] = []

    def ask(name: str) -> Awaitable[str]:
        return latest_of_loop("test", name, maker(made, name))  # type: ignore[arg-type]

    assert list(await asyncio.gather(ask("a"), ask("a"), ask("b"))) == ["a", "a", "b"]
    assert await ask("a") == "a"
    assert made == ["a", "b", "a"]
