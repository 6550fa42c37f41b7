"""What happens in a run, as numbered lines that any number of pages follow, in memory or over Redis."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

Line = tuple[str, str]
"""Its number, to go on after it, and its JSON."""
MOST_LINES = 20_000
"""Of a run, the oldest of which are forgotten."""
MOST_RUNS = 200
"""Runs that have ended whose lines are kept in memory."""
SECONDS = 3600
"""For which Redis keeps the lines of a run."""
OVER = "over"
"""Kind of the last line of a run, after which nothing comes until it goes on."""


class Feed(Protocol):
    """Where lines are put, and read."""

    async def put(self, run: str, line: Mapping[str, Any]) -> None:
        """Add a line to a run."""

    def follow(self, run: str, after: str) -> AsyncIterator[Line | None]:
        """Yield the lines of a run after one of them, then those to come; None where a while nothing came."""

    async def close(self) -> None:
        """End all that follow."""


class InMemory:
    """Lines of the runs of this process."""

    def __init__(self) -> None:
        self._lines: dict[str, list[Line]] = {}
        self._ended: dict[str, None] = {}
        self._dropped: dict[str, int] = {}
        self._changed: dict[str, asyncio.Event] = {}
        self._is_closed = False

    async def put(self, run: str, line: Mapping[str, Any]) -> None:
        """Add a line, and wake who waits for it."""
        lines = self._lines.setdefault(run, [])
        lines.append((str(len(lines) + 1 + self._dropped.get(run, 0)), json.dumps(line)))
        if len(lines) > MOST_LINES:
            self._dropped[run] = self._dropped.get(run, 0) + len(lines) // 2
            del lines[: len(lines) // 2]
        self._ended.pop(run, None)
        if line.get("event") == OVER:
            self._ended[run] = None
        while len(self._ended) > MOST_RUNS:
            oldest = next(iter(self._ended))
            for kept in (self._ended, self._lines, self._dropped):
                kept.pop(oldest, None)
        self._wake(run)

    async def follow(self, run: str, after: str) -> AsyncIterator[Line | None]:
        """Yield what there is, and then what comes."""
        seen = int(after or 0)
        while not self._is_closed:
            changed = self._changed.setdefault(run, asyncio.Event())
            for line in self._lines.get(run, [])[max(0, seen - self._dropped.get(run, 0)) :]:
                seen = int(line[0])
                yield line
            try:
                async with asyncio.timeout(15):
                    await changed.wait()
            except TimeoutError:
                yield None

    async def close(self) -> None:
        """Wake all that wait."""
        self._is_closed = True
        for run in list(self._changed):
            self._wake(run)

    def _wake(self, run: str) -> None:
        if (changed := self._changed.pop(run, None)) is not None:
            changed.set()


class InRedis:
    """Lines in Redis, for several processes.

    Args:
        address: of the Redis.
    """

    def __init__(self, address: str) -> None:
        from redis.asyncio import Redis

        self._redis = Redis.from_url(address, decode_responses=True)
        self._is_closed = False

    async def put(self, run: str, line: Mapping[str, Any]) -> None:
        """Add a line to the stream of its run."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.xadd(_key(run), {"line": json.dumps(line)}, maxlen=MOST_LINES)
            pipeline.expire(_key(run), SECONDS)
            await pipeline.execute()

    async def follow(self, run: str, after: str) -> AsyncIterator[Line | None]:
        """Read the stream, and wait for what comes."""
        seen, quiet = after or "0", 0
        while not self._is_closed:
            found = await self._redis.xread({_key(run): seen}, block=1000, count=500)
            for _, lines in found:
                for seen, fields in lines:
                    yield seen, fields["line"]
            quiet = 0 if found else quiet + 1
            if quiet and quiet % 15 == 0:
                yield None

    async def close(self) -> None:
        """Close all connections."""
        self._is_closed = True
        await self._redis.aclose()


def _key(run: str) -> str:
    return f"service:lines:{run}"


def feed_at(redis: str | None) -> Feed:
    """Return the feed over a Redis, or in memory without one."""
    return InMemory() if redis is None else InRedis(redis)
