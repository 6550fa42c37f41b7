"""Engine runs over a set of files, shared by all aspects of a review.

Several aspects read the same files, and some of them use the same engine. The first that asks starts each
engine that any of them needs, once, with the rules of all; each aspect then takes what is its own.
"""

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
import time
import uuid
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

from langgraph_parallel.offline.engines import Engine, Hit, Unread
from langgraph_parallel.offline.families import Family, Seat
from langgraph_parallel.records import Call, Part
from langgraph_parallel.runtime.loops import loop_local
from langgraph_parallel.runtime.recording import record
from langgraph_parallel.runtime.run import Run, current_run

_KEPT = 16
"""File sets of a run whose results are kept for aspects that have not asked yet. Votes start in the order of
the files, so that the aspects of a file set ask at about the same time; one that comes later runs its engines
again."""

EngineResult = tuple[list[Hit], list[Unread]]
"""The hits of an engine and the files that it could not read, with the paths of the parts."""


class EngineTask(NamedTuple):
    """An engine, and the rules to apply."""

    engine: Engine
    select: tuple[str, ...]
    """Prefixes of the engine's own codes, sorted; empty for all."""


class _Ended(NamedTuple):
    """One run of an engine."""

    result: EngineResult | Exception
    call: Call


def _ended(engine: str, started: float, result: EngineResult | Exception) -> _Ended:
    """Note that a run of an engine has ended now."""
    return _Ended(
        result,
        Call(
            id=str(uuid.uuid4()),
            kind="engine",
            target=engine,
            started=started,
            ended=time.time(),
            ok=not isinstance(result, Exception),
        ),
    )


def tasks_for(families: Iterable[Family]) -> list[EngineTask]:
    """Return each engine of these families once, with the rules of all its seats."""
    seats: dict[str, list[Seat]] = {}
    for family in families:
        for seat in family.seats:
            seats.setdefault(seat.engine.name, []).append(seat)
    return [
        EngineTask(of_engine[0].engine, tuple(sorted({code for seat in of_engine for code in seat.select})))
        for of_engine in seats.values()
    ]


class FileSet:
    """Runs of engines over files, each awaited by any number of aspects.

    Args:
        parts: whole Python files.
        tasks: the engines to run.
    """

    def __init__(self, parts: Sequence[Part], tasks: Sequence[EngineTask]) -> None:
        self._ended: dict[str, asyncio.Future[_Ended]] = {
            task.engine.name: asyncio.get_running_loop().create_future() for task in tasks
        }
        self._waiting = 0
        self._stopped = False
        self._running = asyncio.ensure_future(self._run(list(parts), tasks))
        running = loop_local("running file sets", set[asyncio.Future[None]])  # the loop holds tasks weakly
        running.add(self._running)
        self._running.add_done_callback(running.discard)

    def serves(self, engines: Collection[str]) -> bool:
        """Return whether these engines run or have run here without an error."""
        ended = [self._ended[name] for name in engines if name in self._ended]
        return (
            len(ended) == len(engines)
            and not any(map(_failed, ended))
            and (not self._stopped or all(future.done() for future in ended))
        )

    async def take(self, engine: str) -> EngineResult:
        """Wait for an engine, and return its result.

        All who take it record the same call, which counts once in the report of the run. If everyone who
        waits for this set is cancelled, its engines are stopped.

        Raises:
            EngineError, TimeoutError: the engine failed.
            OSError: the files could not be written.
        """
        self._waiting += 1
        try:
            ended = await asyncio.shield(self._ended[engine])
        except asyncio.CancelledError:
            if self._waiting == 1:
                self._stopped = True
                self._running.cancel()
            raise
        finally:
            self._waiting -= 1
        record(ended.call)
        if isinstance(ended.result, Exception):
            raise ended.result
        return ended.result

    async def _run(self, parts: list[Part], tasks: Sequence[EngineTask]) -> None:
        started = time.time()
        folder = Path(await asyncio.to_thread(tempfile.gettempdir)) / f"review-{uuid.uuid4().hex}"
        writing = asyncio.ensure_future(asyncio.to_thread(_write_files, folder, parts))
        try:
            paths = await asyncio.shield(writing)
            parts.clear()  # the engines read the files; the texts are no longer needed here
            await asyncio.gather(*(self._run_engine(task, paths, folder) for task in tasks))
        except Exception as error:
            for name, future in self._ended.items():
                if not future.done():
                    future.set_result(_ended(name, started, error))
        finally:
            for future in self._ended.values():
                future.cancel()
            # Shielded: a second cancellation ends this wait, but not the removal.
            await asyncio.shield(_remove_after(writing, folder))

    async def _run_engine(self, task: EngineTask, paths: Mapping[str, str], folder: Path) -> None:
        """Run one engine, at most one per processor at a time."""
        async with loop_local("engines", lambda: asyncio.Semaphore(os.cpu_count() or 2)):
            started = time.time()
            result: EngineResult | Exception
            try:
                hits, unread = await task.engine.run(sorted(paths), folder, select=task.select)
                result = (
                    [hit._replace(path=paths[hit.path]) for hit in hits],
                    [file._replace(path=paths[file.path]) for file in unread],
                )
            except Exception as error:
                result = error
            self._ended[task.engine.name].set_result(_ended(task.engine.name, started, result))


def file_set(parts: Sequence[Part], tasks: Sequence[EngineTask], engines: Collection[str]) -> FileSet:
    """Return the set of these files in this run; start its engines if they have not run.

    Args:
        parts: whole Python files.
        tasks: the engines that the aspects of the run need, `engines` among them.
        engines: names of the engines that the caller will take.
    """
    by_run: WeakKeyDictionary[Run, OrderedDict[bytes, FileSet]]
    by_run = loop_local("file sets", WeakKeyDictionary)
    sets = by_run.setdefault(current_run().root, OrderedDict())
    key = _digest(parts, tasks)
    if key not in sets or not sets[key].serves(engines):
        sets[key] = FileSet(parts, tasks)
    sets.move_to_end(key)
    while len(sets) > _KEPT:
        sets.popitem(last=False)
    return sets[key]


def _digest(parts: Iterable[Part], tasks: Iterable[EngineTask]) -> bytes:
    digest = hashlib.blake2b(repr([(task.engine.name, task.select) for task in tasks]).encode())
    for part in parts:
        for text in (part.path, part.text):
            data = text.encode(errors="surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()


def _failed(ended: "asyncio.Future[_Ended]") -> bool:
    return ended.done() and (ended.cancelled() or isinstance(ended.result().result, Exception))


async def _remove_after(writing: "asyncio.Future[dict[str, str]]", folder: Path) -> None:
    """Remove a folder once the thread that writes to it has ended; a thread cannot be cancelled."""
    await asyncio.wait([writing])
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _write_files(folder: Path, parts: Iterable[Part]) -> dict[str, str]:
    """Make a folder, and write parts to files with generated names in it; return their paths by name.

    The paths under review are not used: they could be absolute, or lead out of the folder.
    """
    folder.mkdir(mode=0o700)
    paths = {}
    for number, part in enumerate(parts):
        base = re.sub(r"[^\w.-]", "_", Path(part.path).name, flags=re.ASCII)
        base += "" if base.endswith((".py", ".pyi")) else ".py"  # engines know no other names
        name = f"{number:05d}/{base}"
        (folder / name).parent.mkdir()
        (folder / name).write_text(part.text, encoding="utf-8", errors="replace", newline="")
        paths[name] = part.path
    return paths
