"""What a worker process does: it pulls parts of chunks, runs their rows, posts results, gives rows back."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.scale.engine import Chunk, Job, Line
from langgraph_parallel.scale.line.beats import state_of
from langgraph_parallel.scale.line.coordinator import DRAIN, GONE
from langgraph_parallel.scale.line.marks import Marks
from langgraph_parallel.scale.line.outbox import Outbox
from langgraph_parallel.scale.line.wire import unpack_rows
from langgraph_parallel.scale.working import ChunkWorker


class Puller:
    """Pulls while it has few rows left to begin, so that it is never idle, and hoards none.

    Args:
        job: what is done with each row.
        line: to the coordinator, which has a keeper of rows.
        marks: where rows that run are marked.
        siblings: number of workers that share the limits, this one included.
    """

    def __init__(self, job: Job, line: Line, marks: Marks, siblings: int) -> None:
        self._line = line
        self._marks = marks
        self._rows = ChunkWorker(job, line, begun=self._begin, ended=self._end, workers=siblings)
        self._outbox = Outbox(line, self.state, self.follow)
        self._parts: dict[int, asyncio.Task[None]] = {}
        self._places: dict[str, tuple[int, int]] = {}
        self._few = 0
        self._hungry = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def state(self) -> dict[str, Any]:
        """Return what beats and posts tell; may be called on any thread."""
        return state_of(self._rows)

    def follow(self, answer: dict[str, Any]) -> None:
        """Do what the coordinator has said in an answer."""
        if answer["control"] == DRAIN:
            self._rows.drain()
        elif answer["control"] == GONE:
            self._stop([*self._parts])

    async def run(self) -> None:
        """Run rows until there are no more.

        Raises:
            OSError: the coordinator is gone.
        """
        async with contextlib.AsyncExitStack() as entered:
            try:
                await entered.enter_async_context(self._rows)
            except UsageError as error:
                return await self._refuse(str(error))
            tasks = [asyncio.create_task(self._pull()), asyncio.create_task(self._follow_news())]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in (task for task in tasks if task.done()):
                    task.result()  # without news, as without rows, this worker is of no use
            finally:
                for task in tasks:
                    task.cancel()
                self._stop([*self._parts])
                await asyncio.gather(*tasks, *self._parts.values(), return_exceptions=True)
        return None

    async def _pull(self) -> None:
        while (given := await self._line.ask("rows.take", {})).get("part"):
            number, rows = given["part"], unpack_rows(given["rows"])
            self._places |= {row.key: (number, place) for place, row in enumerate(rows)}
            self._few = len(rows) // 2
            self._parts[number] = asyncio.create_task(self._work(Chunk(number, rows)))
            await asyncio.sleep(0)  # its rows wait, or run, from here on
            while self._rows.waiting > self._few:
                self._hungry.clear()
                await self._hungry.wait()
        while self._parts:
            await asyncio.wait(self._parts.values())
        await self._outbox.flush()

    async def _work(self, chunk: Chunk) -> None:
        try:
            why = await self._rows.work(chunk, self._outbox.deliver)
            self._outbox.ended(chunk.number, why=why)
        except OSError:
            pass  # the coordinator is gone, and this process ends
        except Exception as error:
            self._outbox.ended(chunk.number, problem=describe(error))
        finally:
            del self._parts[chunk.number]
            for row in chunk.rows:
                if self._places.get(row.key, (0, 0))[0] == chunk.number:
                    del self._places[row.key]
            self._hungry.set()

    async def _refuse(self, problem: str) -> None:
        """End each part with the reason why no row can be run here."""
        while number := (await self._line.ask("rows.take", {})).get("part"):
            self._outbox.ended(number, problem=problem)
            await self._outbox.flush()

    async def _follow_news(self) -> None:
        while True:
            news = await self._line.ask("rows.news", {})
            if news.get("gone"):
                return  # this worker was taken for dead, and others have its rows
            self._stop(news.get("stop", ()))
            if news.get("back"):
                await self._give_back()

    async def _give_back(self) -> None:
        """Give back half of the rows that have not begun, since another worker has none."""
        places: dict[int, list[int]] = {}
        for row in self._rows.give_back(-(-self._rows.waiting // 2)):
            number, place = self._places[row.key]
            places.setdefault(number, []).append(place)
        for number, given in places.items():
            await self._line.ask("rows.back", {"part": number, "places": given})

    def _stop(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            if number in self._parts:
                self._parts[number].cancel()

    def _begin(self, key: str) -> None:
        """Mark a row; called on any thread."""
        self._marks.begin(*self._places[key])
        if self._rows.waiting <= self._few and not self._hungry.is_set():
            self._loop.call_soon_threadsafe(self._hungry.set)

    def _end(self, key: str) -> None:
        """Take the mark of a row away; called on any thread."""
        self._marks.end(*self._places[key])
