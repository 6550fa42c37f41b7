"""What a run stores beside its work: line by line, a few lines at once, all of it by the end of the run."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from langgraph_parallel.runtime import storing
from langgraph_parallel.runtime.storing import Storing


def writing(stored: list[Any], what: Any, when: asyncio.Event | None = None) -> Callable[[], Awaitable[None]]:
    """Return what stores something, once an event is set."""

    async def write() -> None:
        stored.append(f"begins {what}")
        if when is not None:
            await when.wait()
        stored.append(what)

    return write


async def test_lines_wait_for_their_turn_with_what_is_added_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No more lines than at once are written to; the end waits for all, in the order of each line."""
    monkeypatch.setattr(storing, "_AT_ONCE", 2)
    stored: list[Any] = []
    gate = asyncio.Event()
    async with Storing() as run:
        lines = [run.line() for _ in range(3)]
        for i, line in enumerate(lines):
            line.add(writing(stored, (i, "first"), gate))
        await asyncio.sleep(0)
        assert stored == ["begins (0, 'first')", "begins (1, 'first')"]
        lines[2].add(writing(stored, (2, "second")))
        gate.set()
    written = [one for one in stored if isinstance(one, tuple)]
    assert [one for one in written if one[0] == 2] == [(2, "first"), (2, "second")]
    assert len(written) == 4


async def test_who_waits_for_a_line_goes_on_when_its_writes_are_made() -> None:
    """One that waits is told also if a write fails, whose error is that of the run."""
    stored: list[Any] = []

    async def fail() -> None:
        raise OSError("the disk is full")

    async def run() -> None:
        async with Storing() as storing:
            line = storing.line()
            await line.made()
            line.add(fail)
            line.add(writing(stored, "after"))
            await asyncio.gather(line.made(), line.made())
            assert stored == ["begins after", "after"]
            await line.made()

    with pytest.raises(OSError, match="disk is full"):
        await run()
