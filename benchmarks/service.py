"""Clients at once against the example of a service, and the service against a model server on loopback.

    uv run python -m benchmarks.service [--clients 200] [--minutes 20] [--pause 30]

Each client starts a run, follows its events to the end, and starts the next one until the time is over:
without a pause the service never has less to do than it can, and all that comes waits for its processor. The
service has its database in SQLite, and ten tenants; model server, service and clients are a process each.
"""

import argparse
import asyncio
import hashlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from langgraph_parallel.testing import ModelServer, Reply

TENANTS, AT_ONCE = 10, 20
"""Of each tenant: all clients together may have a run in progress, so that no run waits before its graph."""
CALLS = 16
"""In flight: what one process can work on, where an answer takes 0.2 s. More would make all runs wait for its
processor, and so new ones for their first event; as it is they wait for a slot, and say so."""
OF_THE_SERVICE = ('"event": "queued"', '"event": "begun"')
"""In lines that are not of the graph."""
FIRST_SECONDS = 1.0
"""Target for the 95th percentile of the time to the first event."""
GROWTH = 0.1
"""Target for the growth of the memory, from the second quarter of the time to the last one."""


@dataclass
class Figures:
    """What was measured."""

    told: list[float] = field(default_factory=list)
    """Seconds from the request to the first event, which says that the run waits for its turn."""
    burst: list[float] = field(default_factory=list)
    """Seconds from the request to the first event of the graph, of the runs that all start at once."""
    first: list[float] = field(default_factory=list)
    """The same, of all later runs."""
    failures: list[str] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)


async def visit(client: httpx2.AsyncClient, until: float, pause: float, figures: Figures) -> None:
    """Start runs, one after the other, and follow each; rest before each for up to twice a pause."""
    seconds = figures.first if pause else figures.burst
    while True:
        await asyncio.sleep(min(random.uniform(0, 2 * pause), max(0.0, until - time.monotonic())))
        if pause and time.monotonic() > until:
            return
        try:
            told, first = await follow(client)
            figures.told.append(told)
            seconds.append(first)
        except Exception as error:
            figures.failures.append(f"{type(error).__name__}: {error}")
        if time.monotonic() > until:
            return
        seconds = figures.first


async def follow(client: httpx2.AsyncClient) -> tuple[float, float]:
    """Follow a run from start to end; return the seconds to its first event, and to that of its graph."""
    begun, told, first = time.monotonic(), 0.0, 0.0
    started = await client.post("/runs", json={"files": {"a.py": "import os\nos.system(input())\n"}})
    started.raise_for_status()
    path = f"/runs/{started.json()['id']}/events"
    status = "cut off"
    async with client.stream("GET", path) as response:
        async for line in response.aiter_lines():
            if not line.startswith("data: "):
                continue
            told = told or time.monotonic() - begun
            if not first and not any(kind in line for kind in OF_THE_SERVICE):
                first = time.monotonic() - begun
            if '"event": "over"' in line:
                status = json.loads(line.removeprefix("data: "))["status"]
    if status != "done":
        raise RuntimeError(f"the run is {status}")
    return told, first


async def watch_memory(process: int, figures: Figures) -> None:
    """Note the memory of a process every second."""
    while True:
        figures.megabytes.append(memory_of(process))
        await asyncio.sleep(1)


def memory_of(process: int) -> float:
    """Return the megabytes that a process has."""
    rows = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(row.split()[1]) / 1024 for row in rows if row.startswith("VmRSS"))


async def measure(url: str, process: int, clients: int, seconds: float, pause: float) -> Figures:
    """Let clients work for a time."""
    figures, until = Figures(), time.monotonic() + seconds
    watching = asyncio.create_task(watch_memory(process, figures))
    opened = [
        httpx2.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer key-{number % TENANTS}"},
            timeout=120,
            trust_env=False,
        )
        for number in range(clients)
    ]
    await asyncio.gather(*(visit(client, until, pause, figures) for client in opened))
    watching.cancel()
    for client in opened:
        await client.aclose()
    return figures


@contextmanager
def served(folder: Path, model: str) -> Iterator[tuple[str, int]]:
    """Run the service; gives its address and the id of its process."""
    tenants = [
        f'[tenants.t{number}]\nkey_sha256 = "{hashlib.sha256(f"key-{number}".encode()).hexdigest()}"\n'
        f"budget_usd = 1e6\nrun_usd = 0.5\nat_once = {AT_ONCE}\n"
        for number in range(TENANTS)
    ]
    (folder / "tenants.toml").write_text("\n".join(tenants))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {
        "SERVICE_DATABASE": f"sqlite:///{folder}/service.sqlite",
        "SERVICE_TENANTS": str(folder / "tenants.toml"),
        "OPENAI_BASE_URL": model,
        "OPENAI_API_KEY": "sk-none",
        "LANGGRAPH_PARALLEL_MODEL": "openai:test-model",
        "LANGGRAPH_PARALLEL_PRICE_INPUT": "1",
        "LANGGRAPH_PARALLEL_PRICE_OUTPUT": "2",
        "LANGGRAPH_PARALLEL_CONCURRENCY": str(CALLS),
    }
    command = [sys.executable, "-m", "examples.service", "--port", str(port)]
    process = subprocess.Popen(command, env=environment)
    try:
        while True:
            try:
                httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).raise_for_status()
                break
            except httpx2.ConnectError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def answering(seconds: float) -> Iterator[str]:
    """Run the model server in a process of its own; gives its address."""
    command = [sys.executable, "-m", "benchmarks.service", "--serve", str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def serve(seconds: float) -> None:
    """Be the model server."""
    with ModelServer() as server:
        server.always(Reply(delay=seconds))
        print(server.url, flush=True)
        threading.Event().wait()


def p95(values: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else sum(values)


def show(figures: Figures) -> None:
    """Print the figures beside their targets."""
    ended = len(figures.burst) + len(figures.first)
    print(f"{ended} runs ended, {len(figures.failures)} failed (target: none)")
    for reason in sorted(set(figures.failures))[:5]:
        print(f"  {reason}")
    print(f"first event, p95: {p95(figures.told):.2f} s (target: under {FIRST_SECONDS:g} s)")
    burst = f"; {p95(figures.burst):.2f} s of the {len(figures.burst)} that all began at once"
    print(f"first event of the graph, p95: {p95(figures.first):.2f} s{burst * bool(figures.burst)}")
    size = max(1, len(figures.megabytes) // 4)
    quarters = [statistics.median(figures.megabytes[at * size : (at + 1) * size] or [0]) for at in range(4)]
    growth = quarters[3] / (quarters[1] or quarters[3] or 1) - 1
    print(
        f"memory of the service in each quarter: {', '.join(f'{value:.0f}' for value in quarters)} MB; "
        f"{growth:+.1%} from the second one to the last one (target: at most {GROWTH:+.0%})"
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=0.2, help="that a model takes for an answer")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds on average that a client rests")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve is not None:
        serve(given.serve)
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        answering(given.seconds) as model,
        served(Path(folder), model) as (url, process),
    ):
        show(asyncio.run(measure(url, process, given.clients, 60 * given.minutes, given.pause)))


if __name__ == "__main__":
    main()
