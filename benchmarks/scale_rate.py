"""Four worker processes against an endpoint that admits 200 requests a second, and answers 429 to the others.

    python -m benchmarks.scale_rate [--calls 12000] [--workers 4] [--redis redis://...] [--map ENGINE ...]

Limits are shared over a line, which this process holds the other end of, and with `--redis` through Redis:
with the rate set, and learned. With `--map` a command makes the calls instead, on each engine that is named,
such as `processes:4` and `dask:4`. Printed are the share of the rate that was used, from the first request to
the last, and the share of requests that were refused. The endpoint counts over any second. Where the machine
is busy with other things, only engines that are measured one after the other can be compared.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.answering import answering, stats
from langgraph_parallel import Ask, Limits
from langgraph_parallel.scale.engine import Job
from langgraph_parallel.scale.line.limits import LimitsKeeper
from langgraph_parallel.scale.line.limits_setup import limits_of
from langgraph_parallel.scale.program import Program

RATE = 200
AT_ONCE = 100
"""Calls that each worker has begun at any time."""


class Plan(NamedTuple):
    """What one worker does."""

    name: str
    calls: int
    limits: Limits
    port: int
    """Of the line; 0 for none."""


class JsonLine:
    """A line of JSON over a socket, without anything that a real one needs besides."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer, self._turn = reader, writer, asyncio.Lock()

    async def ask(self, op: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Ask, and wait for the answer."""
        async with self._turn:
            self._writer.write(json.dumps([op, data]).encode() + b"\n")
            answer: dict[str, Any] = json.loads(await self._reader.readline())
            return answer


async def keep(keeper: LimitsKeeper, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one worker until it hangs up."""
    worker = str(writer.get_extra_info("peername"))
    with contextlib.suppress(ConnectionError):
        while line := await reader.readline():
            op, data = json.loads(line)
            writer.write(json.dumps(keeper.answer(worker, op, data)).encode() + b"\n")
    keeper.worker_gone(worker)
    writer.close()


async def work(plan: Plan) -> None:
    """Make the calls of one worker."""
    async with AsyncExitStack() as stack:
        line = JsonLine(*await asyncio.open_connection("127.0.0.1", plan.port)) if plan.port else None
        job = Job(id="rate", program=Program(limits=plan.limits))
        await stack.enter_async_context(limits_of(job, line))
        ask, gate = Ask("{text}", model="openai:test", limits=plan.limits), asyncio.Semaphore(AT_ONCE)

        async def call(number: int) -> None:
            async with gate:
                await ask.ainvoke(f"{plan.name} {number}")

        await asyncio.gather(*map(call, range(plan.calls)))


def work_apart(plan: Plan, redis: str, ready: Any) -> None:
    """Make the calls of one worker, in its own process, once all workers are ready."""
    if redis:
        os.environ["LANGGRAPH_PARALLEL_REDIS_URL"] = redis
    ready.wait()
    asyncio.run(work(plan))
    print(f"  {time.process_time() / plan.calls * 1000:.2f} ms CPU a call", end="", flush=True)


async def once(calls: int, workers: int, limits: Limits, redis: str) -> None:
    """Run all workers, and print what the endpoint saw."""
    keeper = LimitsKeeper(limits)
    server = await asyncio.start_server(lambda *ends: keep(keeper, *ends), "127.0.0.1", 0)
    port = 0 if redis else server.sockets[0].getsockname()[1]
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(workers)
    with answering(0.2, "--rate", RATE) as url:  # a new endpoint, about which nothing was learned
        processes = [
            context.Process(
                target=work_apart, args=(Plan(f"w{i}", calls // workers, limits, port), redis, ready)
            )
            for i in range(workers)
        ]
        for process in processes:
            process.start()
        for process in processes:
            await asyncio.to_thread(process.join)
        counts = stats(url)
    server.close()
    print()
    tell(calls, counts)


def tell(calls: int, counts: Mapping[str, float]) -> None:
    """Print what the endpoint saw."""
    admitted = counts["requests"] - counts["refused"]
    print(
        f"  {admitted:.0f} of {calls} in {counts['seconds']:.1f} s: "
        f"{admitted / RATE / counts['seconds']:.1%} of the rate used; refused "
        f"{counts['refused'] / counts['requests']:.1%}, after the first second "
        f"{counts['refused_later'] / counts['requests']:.1%}",
        flush=True,
    )


def map_once(calls: int, engine: str, rate: float | None) -> None:
    """Have the command line label so many texts, and print what the endpoint saw."""
    with TemporaryDirectory() as folder, answering(0.1, "--rate", RATE) as url:
        items = Path(folder) / "items.jsonl"
        items.write_text("".join(json.dumps({"text": f"parcel {i}"}) + "\n" for i in range(calls)))
        words = [
            *(sys.executable, "-m", "langgraph_parallel", "map", "labeling", str(items), "--quiet"),
            *("--input", "items=text", "--set", 'labels=["yes","no"]', "--set", "voters=1"),
            *("--model", "openai:test", "--sink", str(Path(folder) / "labels.sqlite"), "--engine", engine),
            *(() if rate is None else ("--rpm", str(rate))),
        ]
        subprocess.run(words, check=True)
        tell(calls, stats(url))


def main() -> None:
    """Measure each way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=12_000, help="number of calls, over all workers")
    parser.add_argument("--workers", type=int, default=4, help="number of worker processes")
    parser.add_argument("--redis", default="", help="URL of a Redis; none: over the line only")
    parser.add_argument("--only", default="", help="part of the name of what to measure")
    parser.add_argument("--map", nargs="+", default=[], metavar="ENGINE", help="engines of the command")
    given = parser.parse_args()
    for engine in given.map:
        for how, rate in (("set", RATE * 60.0), ("learned", None)):
            if given.only in f"{engine}, {how}":
                print(f"{engine}, {how}", flush=True)
                map_once(given.calls, engine, rate)
    if given.map:
        return
    for where, redis in (("line", ""), ("Redis", given.redis)):
        for how, rate in (("set", RATE * 60.0), ("learned", None)):
            if (where == "Redis" and not redis) or given.only not in f"{where}, {how}":
                continue
            print(f"{where}, {how}", flush=True)
            limits = Limits(concurrency=500, patience=600, requests_per_minute=rate)
            asyncio.run(once(given.calls, given.workers, limits, redis))


if __name__ == "__main__":
    main()
