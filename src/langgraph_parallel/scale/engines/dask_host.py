"""One job in one Dask worker: its rows, on an event loop in a thread of their own.

So code of the rows that blocks holds up neither the worker's heartbeats nor its connections.
"""

import asyncio
import contextlib
import logging
import pickle
import socket
import threading
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.scale.engine import Chunk, Job
from langgraph_parallel.scale.line.beats import state_of
from langgraph_parallel.scale.line.coordinator import DRAIN, GO, GONE
from langgraph_parallel.scale.line.dask_line import PACKAGE, DaskLine
from langgraph_parallel.scale.line.outbox import Outbox
from langgraph_parallel.scale.line.wire import unpack_job, unpack_rows
from langgraph_parallel.scale.rows import Row
from langgraph_parallel.scale.working import ChunkWorker

_BEAT_SECONDS = 0.5
_IDLE_SECONDS = 10.0
"""How often a host without rows asks whether its command has ended."""
_SLICE_SECONDS = 0.05
"""Work that is handed on together, unless fewer rows keep all lanes busy."""
_MOST = 512
"""Rows that are handed on together."""
_LOOK_SECONDS = 0.25
"""How often a part that waits for its turn looks, beside when rows begin."""
_log = logging.getLogger("langgraph_parallel")


@dataclass(slots=True)
class _Part:
    """Rows of a chunk that this worker has."""

    number: int
    rows: Sequence[Row]
    secede: Callable[[], None]
    handed: int = 0
    """Rows that were handed on, the first ones; the others can be given back."""
    why: str = ""
    """Why no more rows can be run."""
    running: "asyncio.Task[None] | None" = None
    problem: str = ""
    """Why it was stopped here, though nobody has asked for it."""

    @property
    def left(self) -> int:
        """Number of rows that were not handed on."""
        return len(self.rows) - self.handed

    def take_out(self, keys: Set[str]) -> Sequence[Row]:
        """Return rows that were handed on and have not begun, and have them no more."""
        given = [row for row in self.rows if row.key in keys]
        self.rows = [row for row in self.rows if row.key not in keys]
        self.handed -= len(given)
        return given


class Host:
    """Runs the rows of a job in a worker.

    Rows are handed on to be run in slices, and the coordinator is told of each slice before: if the worker
    dies, it knows which rows may have begun. All others can be given back until then.

    Args:
        line: to the coordinator.
        answer: to this worker's hello.
        on_close: called on the loop of Dask once there is nothing more to do.
    """

    def __init__(self, line: DaskLine, answer: dict[str, Any], on_close: Callable[[], object]) -> None:
        self._line, self._on_close = line, on_close
        self._parts: dict[int, _Part] = {}
        self._worker: ChunkWorker | None = None
        self._few = self._done = self._running = 0
        self._handed_at = 0.0
        self._dask_loop = asyncio.get_running_loop()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="rows", daemon=True).start()
        self._busy = asyncio.Event()
        self._beating = asyncio.create_task(self._beat(), name="beat")
        self._hungry, self._feeding, self._giving = asyncio.Event(), asyncio.Lock(), asyncio.Lock()
        self._outbox = Outbox(line, self._state, self._follow)
        self._opened = asyncio.run_coroutine_threadsafe(self._open(answer), self._loop)

    async def run(self, number: int, rows: bytes, secede: Callable[[], None]) -> None:
        """Run rows; called on the loop of Dask.

        Args:
            number: of the part.
            rows: as `pack_rows` made them.
            secede: called on the loop of Dask once there is no row left to begin.
        """
        running = self._run(_Part(number, unpack_rows(rows), secede))
        self._running += 1
        self._busy.set()
        try:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(running, self._loop))
        finally:
            self._running -= 1

    async def _open(self, answer: dict[str, Any]) -> ChunkWorker:
        """Load the program, on the loop of the rows."""
        worker = ChunkWorker(_job(answer), self._line, begun=self._begun, workers=answer["workers"])
        self._worker = await worker.__aenter__()
        return self._worker

    async def _run(self, part: _Part) -> None:
        with contextlib.suppress(OSError):  # the scheduler has gone, and the worker goes with it
            await self._run_and_tell(part)

    async def _run_and_tell(self, part: _Part) -> None:
        # Until the program is loaded, the first row stands for what a worker may die of.
        if not await self._may_begin(part, 1):
            return
        self._parts[part.number] = part
        part.running = asyncio.create_task(self._work(part))
        problem = ""
        try:
            await part.running
        except asyncio.CancelledError:
            problem = part.problem  # without one, the driver has stopped it
        except OSError:
            raise
        except Exception as error:
            problem = str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"
        finally:
            async with self._giving:  # what it gives back is told before its end
                del self._parts[part.number]
        if self._worker is not None and not self._parts:
            await self._worker.rest()  # so that at the end of the last part all is known of the budget
        self._outbox.ended(part.number, why=part.why, problem=problem)
        await self._outbox.flush()

    async def _work(self, part: _Part) -> None:
        # Shielded: the program is loaded for all parts, also if this one is stopped meanwhile.
        worker = await asyncio.shield(asyncio.wrap_future(self._opened))
        slices: list[asyncio.Task[None]] = []
        try:
            async with self._feeding:
                while part.left and await self._has_turn(worker):
                    first = part.handed
                    part.handed += min(part.left, self._slice(worker))
                    rows = part.rows[first : part.handed]  # before others of the part are given back
                    if not await self._may_begin(part, part.handed):
                        return  # this worker was taken for dead, and others have the rows of the part
                    slices.append(asyncio.create_task(self._work_on(worker, part, rows)))
            self._dask_loop.call_soon_threadsafe(part.secede)
            await asyncio.gather(*slices)
        finally:
            for one in slices:
                one.cancel()

    async def _work_on(self, worker: ChunkWorker, part: _Part, rows: Sequence[Row]) -> None:
        why = await worker.work(Chunk(part.number, rows), self._outbox.deliver)
        part.why = part.why or why

    async def _may_begin(self, part: _Part, rows: int) -> bool:
        """Tell that rows of a part may begin; return whether this worker may run the part at all."""
        return bool((await self._line.ask("begin", {"part": part.number, "rows": rows}))["go"])

    async def _has_turn(self, worker: ChunkWorker) -> bool:
        """Wait until the rows that were handed on become few; return whether more may begin."""
        while worker.waiting > self._few and not worker.is_draining:
            self._hungry.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._hungry.wait()
        return not worker.is_draining

    def _begun(self, key: str) -> None:
        """Wake who waits for a turn; called in any thread."""
        if self._worker is not None and not self._hungry.is_set() and self._worker.waiting <= self._few:
            self._loop.call_soon_threadsafe(self._hungry.set)

    def _slice(self, worker: ChunkWorker) -> int:
        """Return how many rows are handed on next: as many as can run at once, more if they are short."""
        now, done = time.monotonic(), worker.state().done
        ended = (done - self._done) * _SLICE_SECONDS / max(now - self._handed_at, 1e-6)
        self._handed_at, self._done = now, done
        size = max(worker.at_once, min(_MOST, int(ended)))
        self._few = size // 2
        return size

    def _state(self) -> dict[str, Any]:
        """Return what posts and beats tell; called in any thread."""
        if (worker := self._worker) is None:
            return {}
        left = worker.waiting + sum(part.left for part in tuple(self._parts.values()))
        free = max(0, worker.at_once - worker.state().running - left)
        return state_of(worker) | {"left": left, "free": free}

    def _follow(self, answer: dict[str, Any]) -> None:
        """Do what the coordinator has said in an answer; on the loop of the rows."""
        if answer["control"] == DRAIN and self._worker is not None:
            self._worker.drain()
        for number in [*self._parts] if answer["control"] == GONE else answer.get("stop", ()):
            if (part := self._parts.get(number)) is not None and part.running is not None:
                part.running.cancel()
        if to := answer.get("back"):
            self._giving_back = asyncio.create_task(self._give_back(to))

    async def _give_back(self, to: str) -> None:
        """Give back half of the rows that have not begun, for another worker that has none."""
        async with self._giving:
            part = max(self._parts.values(), key=lambda part: part.left, default=None)
            if part is None or self._worker is None or self._worker.is_draining:
                return
            if part.left:
                kept = len(part.rows) - -(-part.left // 2)
                given, part.rows = part.rows[kept:], part.rows[:kept]
                await self._tell_back(part, given, to)
                return
            given = self._worker.give_back(-(-self._worker.waiting // 2))
            keys = {row.key for row in given}
            for part in [*self._parts.values()]:
                await self._tell_back(part, part.take_out(keys), to)

    async def _tell_back(self, part: _Part, rows: Sequence[Row], to: str) -> None:
        """Tell of rows that this worker has no more; if that fails, nobody has them, and the part fails."""
        if not rows:
            return
        try:
            keys = [row.key for row in rows]
            await self._line.ask("back", {"part": part.number, "keys": keys, "to": to})
        except OSError:
            pass  # the scheduler has gone, and the worker goes with it
        except Exception as error:
            part.problem = f"rows cannot be given back: {describe(error)}"
            if part.running is not None:
                part.running.cancel()

    async def _beat(self) -> None:
        """Tell the state twice a second while rows run; else ask at times whether the command has ended.

        It does so on the loop of Dask, whatever the rows do to theirs.
        """
        control, has_warned = GO, False
        while self._running or control != GONE:
            self._busy.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_IDLE_SECONDS):
                    await (asyncio.sleep(_BEAT_SECONDS) if self._running else self._busy.wait())
            try:
                answer = await self._line.ask("beat", {"state": self._state()})
            except OSError:
                break  # the scheduler has gone, and the worker goes with it
            except Exception:  # its rows go on, and the next beat may arrive
                if not has_warned:
                    _log.exception("a worker of Dask cannot tell how it is, and goes on trying")
                has_warned = True
                continue
            control = answer["control"]
            self._loop.call_soon_threadsafe(self._follow, answer)
        self._on_close()
        asyncio.run_coroutine_threadsafe(self._close(), self._loop)

    async def _close(self) -> None:
        try:
            if self._worker is not None:
                await self._worker.__aexit__(None, None, None)
        except Exception:
            _log.exception("what a worker of Dask has run could not be closed")
        finally:
            self._loop.call_soon(self._loop.stop)


def _job(answer: dict[str, Any]) -> Job:
    """Return the job that the scheduler has told."""
    if (ours := version(PACKAGE)) != answer["version"]:  # of a worker that has joined since the check
        raise UsageError(
            f"a worker of Dask on {socket.gethostname()} has {PACKAGE} {ours}, and the scheduler "
            f"{answer['version']}; install the same on all"
        )
    job = unpack_job(answer["job"])
    if not answer["local"]:
        return job
    try:
        local = pickle.loads(answer["local"])  # noqa: S301 - as Dask does with each task
    except Exception as error:
        raise UsageError(
            f"the function cannot be loaded by a worker of Dask ({type(error).__name__}: {error}); give it "
            "as `module:function`, of a module that is installed there"
        ) from error
    return replace(job, program=replace(job.program, local=local))
