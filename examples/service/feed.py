"""What happens in a run, as numbered lines that any number of pages follow, in memory or over Redis."""

import asyncio
import json
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

Line = tuple[str, str]
"""Its id, `MILLISECONDS-NUMBER`, to go on after it, and its JSON."""
MOST_LINES = 20_000
"""Of a run, the oldest of which are forgotten."""
MOST_RUNS = 200
"""Runs that have ended whose lines are kept in memory."""
SECONDS = 3600
"""For which Redis keeps the lines of a run."""
QUIET = 15.0
"""Seconds without a line after which a page is told that the connection is alive."""
BEGUN = "begun"
"""Kind of the line that tells that a process works on a run from now on."""
OVER = "over"
"""Kind of the last line of a run until somebody lets it go on."""


class Feed(Protocol):
    """Where lines are put, and read."""

    async def put(self, run: str, line: Mapping[str, Any]) -> None:
        """Add a line to a run."""

    async def past(self, run: str, after: str) -> Sequence[Line]:
        """Return the lines of a run after one of them, as far as they are not forgotten."""

    def follow(self, run: str, after: str) -> AsyncIterator[Line | None]:
        """Yield the same, then those to come; None where a while nothing came."""

    def dismiss(self) -> None:
        """End all that follow; lines can still be put."""

    async def close(self) -> None:
        """Close all connections."""


class InMemory:
    """Lines of the runs of this process. Their ids go on after a restart, since they are times."""

    def __init__(self) -> None:
        self._lines: dict[str, list[Line]] = {}
        self._ended: dict[str, None] = {}
        self._followers: dict[str, set[asyncio.Event]] = {}
        self._number = 0
        self._is_dismissed = False

    async def put(self, run: str, line: Mapping[str, Any]) -> None:
        """Add a line, and wake who waits for it."""
        lines = self._lines.setdefault(run, [])
        latest = _order(lines[-1])[0] if lines else 0  # the clock may be set back
        self._number += 1
        lines.append((f"{max(latest, int(time.time() * 1000))}-{self._number}", json.dumps(line)))
        if len(lines) > MOST_LINES:
            del lines[: MOST_LINES // 2]
        self._ended.pop(run, None)
        if line.get("event") == OVER:
            self._ended[run] = None
        while len(self._ended) > MOST_RUNS:
            oldest = next(iter(self._ended))
            del self._ended[oldest], self._lines[oldest]
        for follower in self._followers.get(run, ()):
            follower.set()

    async def past(self, run: str, after: str) -> Sequence[Line]:
        """Return what there is."""
        lines = self._lines.get(run, [])
        return lines[bisect_right(lines, _order((after or "0-0", "")), key=_order) :]

    async def follow(self, run: str, after: str) -> AsyncIterator[Line | None]:
        """Yield what there is, and then what comes."""
        changed = asyncio.Event()
        self._followers.setdefault(run, set()).add(changed)
        try:
            while not self._is_dismissed:
                changed.clear()
                for line in await self.past(run, after):
                    yield line
                    after = line[0]
                with suppress(TimeoutError):
                    async with asyncio.timeout(QUIET):
                        await changed.wait()
                if not changed.is_set():
                    yield None
        finally:
            self._followers[run].discard(changed)
            if not self._followers[run]:
                del self._followers[run]

    def dismiss(self) -> None:
        """Wake all that wait."""
        self._is_dismissed = True
        for follower in (one for some in self._followers.values() for one in some):
            follower.set()

    async def close(self) -> None:
        """Close nothing: there are no connections."""


class InRedis:
    """Lines in Redis, for several processes.

    Args:
        address: of the Redis.
    """

    def __init__(self, address: str) -> None:
        from redis.asyncio import Redis

        self._redis = Redis.from_url(address, decode_responses=True)
        self._is_dismissed = False

    async def put(self, run: str, line: Mapping[str, Any]) -> None:
        """Add a line to the stream of its run."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.xadd(_key(run), {"line": json.dumps(line)}, maxlen=MOST_LINES)
            pipeline.expire(_key(run), SECONDS)
            await pipeline.execute()

    async def past(self, run: str, after: str) -> Sequence[Line]:
        """Read the stream."""
        found = await self._redis.xrange(_key(run), min=f"({after}" if after else "-")
        return [(id, fields["line"]) for id, fields in found]

    async def follow(self, run: str, after: str) -> AsyncIterator[Line | None]:
        """Read the stream, and wait for what comes."""
        seen, told = after or "0", time.monotonic()
        while not self._is_dismissed:
            for _, lines in await self._redis.xread({_key(run): seen}, block=1000, count=500):
                for seen, fields in lines:
                    yield seen, fields["line"]
                told = time.monotonic()
            if time.monotonic() - told > QUIET:
                told = time.monotonic()
                yield None

    def dismiss(self) -> None:
        """Let those that wait end within a second."""
        self._is_dismissed = True

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()


def _order(line: Line) -> tuple[int, ...]:
    return tuple(int(part) for part in line[0].split("-"))


def _key(run: str) -> str:
    return f"service:lines:{run}"


def feed_at(redis: str | None) -> Feed:
    """Return the feed over a Redis, or in memory without one."""
    return InMemory() if redis is None else InRedis(redis)
