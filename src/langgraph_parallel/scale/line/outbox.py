"""Where a worker puts results: they are posted together, soon, and it waits while the driver is behind."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from langgraph_parallel.scale.engine import Line
from langgraph_parallel.scale.line.wire import MOST_OF_A_ROW, pack_results
from langgraph_parallel.scale.rows import Result

DELAY = 0.02
"""Most seconds between the end of a row and its post."""
_ROOM = 1_000
"""Results that wait to be posted, beyond which rows wait to end."""
_MOST_BYTES = 16_000_000
"""Of the results of one post; a single result may have more."""


class Outbox:
    """Posts results in batches, one post after the other, so that they arrive in order.

    Args:
        line: to the coordinator.
        state: returns what is told with each post.
        on_answer: called with the answer to each post, on the loop of the rows.
    """

    def __init__(
        self, line: Line, state: Callable[[], dict[str, Any]], on_answer: Callable[[dict[str, Any]], None]
    ) -> None:
        self._line = line
        self._state = state
        self._on_answer = on_answer
        self._results: list[Result] = []
        self._ended: list[tuple[int, str, str]] = []
        self._posting: asyncio.Task[None] | None = None
        self._space = asyncio.Event()
        self._urgent = asyncio.Event()
        self._lost: Exception | None = None
        self._delivered = self._posted = 0
        self._progress = asyncio.Event()
        self._number = 0

    async def deliver(self, results: Sequence[Result]) -> None:
        """Take results of rows that have ended.

        Raises:
            OSError: the coordinator is gone.
        """
        self._results.extend(results)
        self._delivered += len(results)
        self._post_soon()
        while len(self._results) >= _ROOM and self._lost is None:
            self._urgent.set()
            self._space.clear()
            await self._space.wait()
        self._check()

    def ended(self, part: int, *, why: str = "", problem: str = "") -> None:
        """Tell, after the results so far, that a part of a chunk has ended.

        Args:
            part: its number.
            why: why no more rows can be run; empty if they can.
            problem: why none could be run here: the program cannot be loaded; empty if it can.
        """
        self._ended.append((part, why, problem))
        self._delivered += 1
        self._post_soon()
        self._urgent.set()

    async def flush(self) -> int:
        """Return once all that has been delivered or has ended is posted; return the number of the last post.

        Raises:
            OSError: the coordinator is gone.
        """
        upto = self._delivered
        while self._posted < upto and self._lost is None:
            self._urgent.set()
            await self._progress.wait()
        self._check()
        return self._number

    def _check(self) -> None:
        if self._lost is not None:
            raise self._lost

    def _post_soon(self) -> None:
        if self._posting is None and self._lost is None:
            self._urgent.clear()
            self._posting = asyncio.create_task(self._post())

    async def _post(self) -> None:
        try:
            while self._results or self._ended:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(DELAY):
                        await self._urgent.wait()
                self._urgent.clear()
                await self._post_all()
        except Exception as error:  # of any kind: whoever waits for the post is to hear of it
            self._lost = error
        finally:
            self._posting = None
            self._space.set()
            self._note_progress()

    async def _post_all(self) -> None:
        results, self._results = self._results, []
        ended, self._ended = self._ended, []
        self._space.set()
        posts = [*_batches(results)] or [(0, pack_results(()))]
        for index, (size, packed) in enumerate(posts, 1):
            last = index == len(posts)
            data: dict[str, Any] = {
                "results": packed,
                "size": size,
                "ended": ended if last else [],
                "state": self._state(),
            }
            answer = await self._line.ask("post", data)
            self._number = answer["number"]
            self._on_answer(answer)
        self._posted += len(results) + len(ended)
        self._note_progress()

    def _note_progress(self) -> None:
        self._progress.set()
        self._progress = asyncio.Event()


def _batches(results: Sequence[Result]) -> Iterator[tuple[int, bytes]]:
    """Iterate over results in batches that are not too large, as their number and their bytes."""
    if not results:
        return
    packed = pack_results(results)
    if len(results) == 1 and len(packed) > MOST_OF_A_ROW:
        problem = f"its output has {len(packed):,} bytes; at most {MOST_OF_A_ROW:,} can be taken"
        packed = pack_results([replace(results[0], status="failed", output={}, error=problem)])
    if len(packed) <= _MOST_BYTES or len(results) == 1:
        yield len(results), packed
        return
    half = len(results) // 2
    yield from _batches(results[:half])
    yield from _batches(results[half:])
