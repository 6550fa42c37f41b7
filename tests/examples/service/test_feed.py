"""What is told of runs: ids, what is forgotten, and those that follow."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from examples.service import feed as feeds
from examples.service.feed import Feed, InMemory, InRedis
from tests.support.databases import NEEDS_REDIS, REDIS

KINDS = ["memory", pytest.param("redis", marks=NEEDS_REDIS)]


@pytest.fixture
async def feed(request: pytest.FixtureRequest) -> AsyncIterator[Feed]:
    """A feed of the kind that a test asks for."""
    made: Feed = InMemory() if request.param == "memory" else InRedis(REDIS)
    yield made
    await made.close()


@pytest.mark.parametrize("feed", KINDS, indirect=True)
async def test_who_follows_gets_what_was_and_what_comes(feed: Feed) -> None:
    """In order, each line once, and after any of them."""
    run = f"run-{time.time_ns()}"
    for number in range(3):
        await feed.put(run, {"event": "x", "number": number})
    past = await feed.past(run, "")
    assert [line for _, line in past] == [f'{{"event": "x", "number": {number}}}' for number in range(3)]
    assert await feed.past(run, past[1][0]) == past[2:]
    seen = []
    async with aclosing(feed.follow(run, past[0][0])) as lines:  # type: ignore[type-var]
        async for line in lines:
            seen.append(line)
            if line == past[2]:
                await feed.put(run, {"event": "y"})
            elif line is not None and "y" in line[1]:
                feed.dismiss()
    assert seen[:2] == past[1:]
    assert seen[2] is not None
    assert seen[2][1] == '{"event": "y"}'


async def test_a_page_of_before_a_restart_misses_nothing() -> None:
    """The new process has other lines, whose ids are later than all of the old one."""
    old, new = InMemory(), InMemory()
    for _ in range(5):
        await old.put("run", {"event": "x"})
    last = (await old.past("run", ""))[-1][0]
    while time.time() * 1000 < int(last.split("-")[0]) + 1:
        pass
    await new.put("run", {"event": "y"})
    assert len(await new.past("run", last)) == 1


async def test_runs_that_ended_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the memory of a process would grow for ever; and so it would with those that went away."""
    monkeypatch.setattr(feeds, "MOST_RUNS", 2)
    feed = InMemory()
    await feed.put("goes on", {"event": "x"})
    for number in range(4):
        await feed.put(str(number), {"event": "over"})
    kept = [run for run in ("goes on", "0", "1", "2", "3") if await feed.past(run, "")]
    assert kept == ["goes on", "2", "3"]
    async with aclosing(feed.follow("goes on", "")) as lines:  # type: ignore[type-var]
        await anext(lines)
    assert feed._followers == {}
