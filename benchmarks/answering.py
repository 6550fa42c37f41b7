"""A model server for benchmarks, in its own process.

    python -m benchmarks.answering [--seconds 0.2] [--rate 50] [--spread 0.99]

Prints its port, then answers every request after a fixed or a lognormally distributed time. A prompt may
script time and answer of each voter: `recorded([[seconds, answer], ...])recorded`. With a rate it admits that
many requests in any second, and answers 429 with Retry-After to the others. `GET /stats` returns counts since
the last call.
"""

import argparse
import asyncio
import json
import math
import os
import random
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

RECORDED = re.compile(r"recorded\((.*?)\)recorded", re.DOTALL)
VOTER = re.compile(r"You are voter (\d+) ")


def completion(choice: str) -> bytes:
    """Return the body of an answer."""
    text = json.dumps({"choice": choice, "rationale": "It is so.", "confidence": 0.9})
    message = {"role": "assistant", "content": text, "refusal": None}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": "test",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }
    ).encode()


BODY = completion("yes")


def recorded(body: bytes) -> tuple[float, bytes] | None:
    """Return the seconds and the answer that a prompt scripts for its voter; None if it scripts none."""
    if b"recorded(" not in body:
        return None
    prompt = "\n".join(str(message["content"]) for message in json.loads(body)["messages"])
    script, voter = RECORDED.search(prompt), VOTER.search(prompt)
    if script is None or voter is None:
        return None
    seconds, choice = json.loads(script[1])[int(voter[1]) - 1]
    return seconds, completion(choice)


class Seen:
    """Times of requests, admitted and refused."""

    def __init__(self) -> None:
        self.arrivals: list[float] = []
        self.admitted: list[float] = []
        self.refused: list[float] = []
        self.in_flight = self.most_in_flight = self.cut_off = 0

    def stats(self) -> dict[str, float]:
        """Return counts, and seconds since the first request."""
        first = min(self.arrivals, default=0.0)
        return {
            "requests": len(self.arrivals),
            "refused": len(self.refused),
            "refused_later": sum(moment - first > 1 for moment in self.refused),
            "seconds": max(self.admitted, default=first) - first,
            "most_in_flight": self.most_in_flight,
            "cut_off": self.cut_off,
        }


async def serve(seconds: float, rate: int | None, spread: float, seed: int) -> None:
    """Serve until the process ends.

    Args:
        seconds: time of an answer; its median if `spread` is not 0.
        rate: requests admitted in any second; None for all.
        spread: standard deviation of the logarithm of the time.
        seed: of the random times.
    """
    seen, draw = Seen(), random.Random(seed)

    def is_refused(now: float) -> bool:
        recent = seen.admitted[-rate] if rate and len(seen.admitted) >= rate else None
        return recent is not None and now - recent < 1

    async def answer(request: web.Request) -> web.Response:
        scripted = recorded(await request.read())
        now = time.monotonic()
        seen.arrivals.append(now)
        if is_refused(now):
            seen.refused.append(now)
            return web.Response(status=429, headers={"retry-after": "1"})
        seen.admitted.append(now)
        seen.in_flight += 1
        seen.most_in_flight = max(seen.most_in_flight, seen.in_flight)
        try:
            usual = seconds * math.exp(draw.gauss(0, spread)) if spread else seconds
            await asyncio.sleep(scripted[0] if scripted else usual)
        except asyncio.CancelledError:
            seen.cut_off += 1
            raise
        finally:
            seen.in_flight -= 1
        return web.Response(body=scripted[1] if scripted else BODY, content_type="application/json")

    async def stats(request: web.Request) -> web.Response:
        counts = seen.stats()
        seen.__init__()  # type: ignore[misc]
        draw.seed(seed)
        return web.json_response(counts)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    app.router.add_get("/stats", stats)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


@contextmanager
def answering(seconds: float, *options: object) -> Iterator[str]:
    """Run the server, and set `OPENAI_BASE_URL` to its address.

    Args:
        seconds: time of an answer.
        options: further command line options.
    """
    command = [sys.executable, "-m", "benchmarks.answering", "--seconds", seconds, *options]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        os.environ |= {
            "OPENAI_API_KEY": "sk-none",
            "OPENAI_BASE_URL": url,
            "LANGSMITH_TRACING": "false",
        }
        yield url
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def stats(url: str) -> dict[str, float]:
    """Return the counts of the server since the last call."""
    with urllib.request.urlopen(url.replace("/v1", "/stats")) as response:
        counts: dict[str, float] = json.load(response)
        return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=0.2, help="time of an answer")
    parser.add_argument("--rate", type=int, help="requests admitted in any second")
    parser.add_argument("--spread", type=float, default=0.0, help="deviation of the logarithm of the time")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random times")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.seconds, arguments.rate, arguments.spread, arguments.seed))
