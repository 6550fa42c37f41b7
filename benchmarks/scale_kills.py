"""Kill a run over many items again and again: what is lost, repeated, computed again, and spent.

    uv run --all-extras python -m benchmarks.scale_kills [--items N] [--kills N] [--on dask sqlite] [--seed N]

Every item is one call to a server of the benchmark's own, which keeps the times of each call and answers by
the number of the item. A run is started by the command line and killed with SIGKILL at random moments: its
workers, and every third time the command itself, which is then started again in the same words. `dask` is
Dask with two workers, whose scheduler is a process of its own, and PostgreSQL; `sqlite` is two processes and
an SQLite file.

What must hold does not depend on how fast the machine is, up to a second of delay:

- At the end the rows must be those of a run that nobody disturbed.
- A row that is stored when the victim of a kill is dead must not be asked for again.
- Each repeated call must have a kill as its reason: the call before it was exposed to it, which means that
  its row was not stored then, and that it was in flight, or had been answered in the second before. Calls of
  workers are exposed for a second after their command was killed, too: they have to notice it.
- A second run has a budget for half of the items: what the server was asked for must not cost more than the
  budget, and the calls that were exposed to kills of the command. Kills of workers cost nothing beside it.

Printed, but no law, is how many calls were in flight at the kills or had been answered in the 100 ms before,
and how old the oldest answer was that a kill has lost. Where the machine is not busy with other things, no
more calls are repeated.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from benchmarks.kill_law import Call, Kill, calls_at, exposed_calls, repeated_calls
from benchmarks.savers import postgres

ITEM = re.compile(rb"item-(\d+)\b")
TOKENS = (100, 20)
"""Of a prompt and of an answer, as the server bills them."""
PRICE = 10.0
"""US dollars per million tokens, of both."""
COST = sum(TOKENS) * PRICE / 1e6
"""US dollars of a call."""
_TURNS = 50
"""Turns of the server's event loop in which it reads all that has been sent to it."""


def choice(item: int) -> str:
    """Return the server's answer to an item."""
    return ("yes", "no")[item * 2654435761 % 7 % 2]


class Served:
    """A server that keeps the calls of each item; in a thread of its own."""

    def __init__(self, seconds: float) -> None:
        self.calls: defaultdict[int, list[Call]] = defaultdict(list)
        self._seconds = seconds
        self._loop = asyncio.new_event_loop()
        self.port = 0
        self._loop.run_until_complete(self._open())
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def catch_up(self) -> None:
        """Return once all requests have come that were sent before, by processes that are dead by now."""
        asyncio.run_coroutine_threadsafe(self._turn(), self._loop).result()

    async def _turn(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def forget(self) -> None:
        """Begin anew, for another run."""
        self.calls = defaultdict(list)

    async def _open(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
        self.port = runner.addresses[0][1]

    async def _answer(self, request: web.Request) -> web.Response:
        found = ITEM.search(await request.read())
        assert found is not None
        item, call = int(found[1]), Call(time.monotonic())
        self.calls[item].append(call)
        try:
            await asyncio.sleep(self._seconds)
            call.is_answered = True
        finally:
            call.ended = time.monotonic()
        text = json.dumps({"choice": choice(item), "rationale": "So.", "confidence": 0.9})
        message = {"role": "assistant", "content": text, "refusal": None}
        usage = {"prompt_tokens": TOKENS[0], "completion_tokens": TOKENS[1], "total_tokens": sum(TOKENS)}
        body = {"id": "1", "object": "chat.completion", "created": 0, "model": "test", "usage": usage}
        return web.json_response(
            {**body, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        )


class Place(NamedTuple):
    """Where a run is done, and where its rows go."""

    engine: str
    sink: str
    workers: Any
    """Returns the ids of the processes that run items, given that of the command."""
    read: Any
    """Returns the rows: (key, choice)."""


def _children(process: int) -> Iterator[int]:
    """Yield the ids of all processes below one."""
    try:
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (thread / "children").read_text().split()):
                yield child
                yield from _children(child)
    except OSError:  # it has ended
        return


def _runs(process: int, part: bytes) -> bool:
    try:
        return part in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


@contextmanager
def on_sqlite(folder: Path, run: str) -> Iterator[Place]:
    """Two processes of this machine, and SQLite."""
    path = folder / f"{run}.sqlite"

    def workers(command: int) -> list[int]:
        return [child for child in _children(command) if _runs(child, b"scale.worker")]

    def read() -> list[tuple[str, str]]:
        with contextlib.closing(sqlite3.connect(path)) as base, contextlib.suppress(sqlite3.OperationalError):
            return base.execute("SELECT key, choice FROM rows").fetchall()
        return []  # there is no table yet

    yield Place("processes:2", str(path), workers, read)


@contextmanager
def on_dask(folder: Path, run: str) -> Iterator[Place]:
    """Dask's scheduler and two workers, each a process of its own, and PostgreSQL."""
    with ExitStack() as stack:
        address, why = stack.enter_context(postgres())
        if address is None:
            raise SystemExit(why)
        dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
        file = folder / f"{run}.json"
        scheduler = stack.enter_context(_started([*dask, "--no-dashboard", "--scheduler-file", str(file)]))
        while not file.exists() or not file.read_text().strip():
            time.sleep(0.05)
            if scheduler.poll() is not None:
                raise SystemExit("Dask's scheduler has not started")
        where = json.loads(file.read_text())["address"]
        one = [
            sys.executable,
            "-m",
            "distributed.cli.dask_worker",
            where,
            "--nthreads",
            "1",
            "--no-dashboard",
        ]
        nannies = [stack.enter_context(_started([*one, "--host", "127.0.0.1"])) for _ in range(2)]

        def workers(_: int) -> list[int]:
            found = [child for nanny in nannies for child in _children(nanny.pid)]
            return [child for child in found if _runs(child, b"spawn_main")]

        table = f"{run}_{os.getpid()}"

        def read() -> list[tuple[str, str]]:
            import psycopg

            with psycopg.connect(address) as base, contextlib.suppress(psycopg.errors.UndefinedTable):
                rows = base.execute(f"SELECT key, choice FROM {table}").fetchall()
                return [(str(key), str(choice)) for key, choice in rows]
            return []

        yield Place(where, f"{address}?table={table}", workers, read)


PLACES = {"dask": on_dask, "sqlite": on_sqlite}


@contextmanager
def _started(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    null = subprocess.DEVNULL
    with subprocess.Popen(command, start_new_session=True, stdout=null, stderr=null) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def command(place: Place, file: Path, cap: float) -> list[str]:
    """Return the words that begin the run, and go on with it."""
    return [
        *(sys.executable, "-m", "langgraph_parallel", "map", "voting", str(file)),
        *("--key", "id", "--input", "question=text", "--output", "choice=verdict.choice"),
        *("--set", 'choices=["yes","no"]', "--set", "voters=1", "--model", "openai:test"),
        *("--sink", place.sink, "--engine", place.engine, "--budget-usd", str(cap), "--progress", "none"),
    ]


def kill(victim: int, place: Place, served: Served, *, is_command: bool) -> Kill:
    """Kill a process, and look what is stored once it is dead."""
    sent = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    while not _is_dead(victim):
        time.sleep(0.0005)
    served.catch_up()
    gone = time.monotonic()
    stored = frozenset(key for key, _ in place.read())
    return Kill(is_command, sent, gone, stored, time.monotonic())


def _is_dead(process: int) -> bool:
    """Return whether a process has ended; who has started it may not have heard of it yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Outcome(NamedTuple):
    """What a run through kills has come to."""

    kills: list[Kill]
    seconds: float
    code: int
    log: str


def disturbed(
    place: Place, words: list[str], served: Served, moments: list[int], draw: random.Random
) -> Outcome:
    """Run a command to its end through kills, every third one of the command itself.

    Args:
        place: where it runs.
        words: the command.
        served: the server that it asks.
        moments: numbers of items asked for, at which a kill is due.
        draw: chooses whom.
    """
    kills: list[Kill] = []
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(words, stdout=output, stderr=output)
        while process.poll() is None:
            if len(kills) < len(moments) and len(served.calls) >= moments[len(kills)]:
                is_command = len(kills) % 3 == 2
                victims = [process.pid] if is_command else place.workers(process.pid)
                if victims:
                    kills.append(kill(draw.choice(victims), place, served, is_command=is_command))
                if is_command:
                    process.wait()
                    process = subprocess.Popen(words, stdout=output, stderr=output)
            time.sleep(0.005)
        seconds = time.monotonic() - started
        output.seek(0)
        return Outcome(kills, seconds, process.returncode, output.read().decode(errors="replace")[-2000:])


def run(name: str, items: int, number: int, seed: int) -> bool:
    """Measure one place, print two lines, and return whether all that must hold holds."""
    served, draw = Served(0.02), random.Random(seed)
    os.environ |= {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{served.port}/v1",
        "OPENAI_API_KEY": "sk-none",
        "LANGSMITH_TRACING": "false",
        "LANGGRAPH_PARALLEL_PRICE_INPUT": str(PRICE),
        "LANGGRAPH_PARALLEL_PRICE_OUTPUT": str(PRICE),
        "LANGGRAPH_PARALLEL_ANSWER_TOKENS": str(TOKENS[1]),
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "items.jsonl"
        with file.open("w") as lines:
            for item in range(items):
                lines.write(json.dumps({"id": f"i{item}", "text": f"Is item-{item} fine?"}) + "\n")
        with PLACES[name](Path(folder), "whole") as place:
            moments = sorted(draw.sample(range(items // 50, items * 95 // 100), number))
            whole = disturbed(place, command(place, file, 10 * items * COST), served, moments, draw)
            rows = place.read()
        wanted = {f"i{item}": choice(item) for item in range(items)}
        exact = len(rows) == items and {key: said.strip('"') for key, said in rows} == wanted
        again, most = repeated_calls(served.calls, whole.kills), calls_at(served.calls, whole.kills)
        print(
            f"{name:8} {items:,} items, {len(whole.kills)} kills, {whole.seconds:.0f} s: "
            f"one row each and equal: {'yes' if exact else 'NO'}; {again.number} calls repeated, "
            f"where {most} were in flight at the kills or answered in the 100 ms before; "
            f"{again.without_reason} of them without a reason (oldest answer lost: {again.oldest * 1000:.0f} "
            f"ms), {again.stored} stored rows asked for again"
        )
        served.forget()
        cap = items * COST / 2
        with PLACES[name](Path(folder), "capped") as place:
            moments = sorted(draw.sample(range(items // 50, items * 40 // 100), number))
            capped = disturbed(place, command(place, file, cap), served, moments, draw)
        spent = COST * sum(map(len, served.calls.values()))
        of_commands = [kill for kill in capped.kills if kill.is_command]
        allowed = cap + COST * exposed_calls(served.calls, of_commands)
        print(
            f"{'':8} budget ${cap:.2f}, {len(capped.kills)} kills: ${spent:.2f} asked for, "
            f"${allowed:.2f} with what was exposed to kills of the command"
        )
    holds = (
        exact
        and not again.without_reason
        and not again.stored
        and spent <= allowed + COST / 2
        and whole.code == 0
    )
    if not holds:
        print(whole.log, capped.log, sep="\n")
    return holds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=20_000, help="of a run")
    parser.add_argument("--kills", type=int, default=20, help="in a run")
    parser.add_argument("--on", nargs="*", choices=PLACES, default=[*PLACES], help="where")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    arguments = parser.parse_args()
    held = [run(on, arguments.items, arguments.kills, arguments.seed) for on in arguments.on]
    sys.exit(not all(held))
