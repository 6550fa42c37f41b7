"""A fan-out whose limits are shared through a Redis that hangs in the middle, against one without Redis.

    uv run --extra redis python -m benchmarks.hung_redis [--calls 150]

A `redis-server` of its own is stopped with SIGSTOP once a third of the calls are answered, so that it accepts
connections and never answers. The last run has a deadline, and Redis hangs shortly before it.
"""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.answering import answering, stats
from benchmarks.rate_limit import fan_out
from langgraph_parallel import Limits
from langgraph_parallel.limiting import share_limits

CONCURRENCY, LATENCY = 16, 0.2


@contextmanager
def redis_server() -> Iterator[tuple[str, int]]:
    """Run a Redis on loopback; give its URL and its process id."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--loglevel",
        "warning",
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([*command, "--dir", folder], stdout=subprocess.DEVNULL) as process,
    ):
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.01)
        try:
            yield f"redis://127.0.0.1:{port}/0", process.pid
        finally:
            os.kill(process.pid, signal.SIGCONT)
            process.terminate()


async def run(
    n: int, url: str, limits: Limits, *, stop: int | None = None, after: int = 0
) -> tuple[float, int]:
    """Run a fan-out; return its wall time and the number of branches that are ok.

    Args:
        n: number of calls.
        url: of the endpoint's statistics.
        limits: of the run.
        stop: process to stop, or none.
        after: number of requests at the endpoint after which it is stopped.
    """

    async def stop_it() -> None:
        seen = 0.0
        while seen < after:
            seen += (await asyncio.to_thread(stats, url))["requests"]
            await asyncio.sleep(0.02)
        os.kill(stop or 0, signal.SIGSTOP)
        print(f"  stopped after {seen:.0f} requests")

    stopping = asyncio.ensure_future(stop_it()) if stop else None
    started = time.perf_counter()
    out = await fan_out(n, limits).ainvoke({"content": "x"})
    if stopping:
        stopping.cancel()
    return time.perf_counter() - started, out["run_report"].branches.get("ok", 0)


def main() -> None:
    """Measure each way in its own event loop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=150, help="number of calls")
    n = parser.parse_args().calls
    if not shutil.which("redis-server"):
        raise SystemExit("redis-server is not installed")
    limits = Limits(concurrency=CONCURRENCY)
    with answering(LATENCY) as url:
        asyncio.run(run(2, url, limits))  # imports
        alone, _ = asyncio.run(run(n, url, limits))
    print(f"without Redis        {alone:5.2f} s")
    for name, stops in (("with Redis", False), ("Redis hangs", True)):
        with answering(LATENCY) as url, redis_server() as (redis, pid):
            share_limits(redis)
            wall, ok = asyncio.run(run(n, url, limits, stop=pid if stops else None, after=n // 3))
            print(
                f"{name:20} {wall:5.2f} s, {ok} of {n} ok, {wall / alone:.2f} of the time without", flush=True
            )
    with answering(LATENCY) as url, redis_server() as (redis, pid):
        share_limits(redis)
        slow = Limits(concurrency=1, deadline=3)
        wall, ok = asyncio.run(run(n, url, slow, stop=pid, after=14))
        print(f"deadline of 3 s      {wall:5.2f} s, {ok} ok")


if __name__ == "__main__":
    main()
