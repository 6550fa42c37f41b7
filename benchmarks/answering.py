"""A model server for benchmarks, in its own process.

    python -m benchmarks.answering [--seconds 0.2] [--rate 50] [--spread 0.99]

Prints its port, then answers every request after a fixed or a lognormally distributed time. A prompt may
script time and answer of each voter: `recorded([[seconds, answer], ...])recorded`. With a rate it admits that
many requests in any second, and answers 429 with Retry-After to the others. `GET /stats` returns counts since
the last call. With `--keyed` time, answer and length follow from the seed and the words `case ID` and
`voter N` of the prompt, and from how often they were asked since the last `GET /stats`: so a hedge has a time
of its own, and another one in each `GET /stats?draw=N`.
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
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aiohttp import web

RECORDED = re.compile(r"recorded\((.*?)\)recorded", re.DOTALL)
VOTER = re.compile(r"You are voter (\d+) ")
CASE = re.compile(r"\bcase (\w+)")
STRAGGLERS, SLOWER = 0.04, 4.0
"""Share of keyed answers that are this many times as slow."""


def completion(choice: str, usage: tuple[int, int] = (100, 20)) -> bytes:
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
            "usage": {
                "prompt_tokens": usage[0],
                "completion_tokens": usage[1],
                "total_tokens": sum(usage),
            },
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


class Keyed:
    """Times and answers that follow from what is asked.

    Args:
        seconds: median of the times.
        spread: standard deviation of their logarithm.
        seed: of all that is drawn.
    """

    def __init__(self, seconds: float, spread: float, seed: int) -> None:
        self._seconds, self._spread, self._seed = seconds, spread, seed
        self.asked: Counter[str] = Counter()
        self.draw = ""
        """Of the times of requests that repeat an earlier one."""

    def answer(self, body: bytes) -> tuple[float, bytes]:
        """Return the seconds and the answer to a request."""
        prompt = "\n".join(str(message["content"]) for message in json.loads(body)["messages"])
        case, voter = CASE.search(prompt), VOTER.search(prompt)
        key = f"{case and case[1]} {voter and voter[1]}"
        self.asked[key] += 1
        again = f"{self.asked[key]} {self.draw}" if self.asked[key] > 1 else ""
        time_of = random.Random(f"{self._seed} {key} {again}")
        seconds = self._seconds * math.exp(time_of.gauss(0, self._spread))
        said = random.Random(f"{self._seed} {key}")
        agreement = random.Random(f"{self._seed} {case and case[1]}").choice((0.9, 0.75, 0.6, 0.45))
        choice = "yes" if said.random() < agreement else "no"
        usage = len(prompt) // 4, said.randrange(20, 200)
        return seconds * (SLOWER if time_of.random() < STRAGGLERS else 1), completion(choice, usage)


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


async def serve(
    seconds: float, rate: int | None, spread: float, seed: int, *, is_keyed: bool = False
) -> None:
    """Serve until the process ends.

    Args:
        seconds: time of an answer; its median if `spread` is not 0.
        rate: requests admitted in any second; None for all.
        spread: standard deviation of the logarithm of the time.
        seed: of the random times.
        is_keyed: whether time and answer follow from the prompt.
    """
    seen, draw = Seen(), random.Random(seed)
    keyed = Keyed(seconds, spread, seed)

    def is_refused(now: float) -> bool:
        recent = seen.admitted[-rate] if rate and len(seen.admitted) >= rate else None
        return recent is not None and now - recent < 1

    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        scripted = keyed.answer(body) if is_keyed else recorded(body)
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
        keyed.asked.clear()
        keyed.draw = request.query.get("draw", "")
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
        with suppress(OSError):  # of users who may: elsewhere it has a machine of its own
            os.setpriority(os.PRIO_PROCESS, process.pid, -20)
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


def stats(url: str, draw: int = 0) -> dict[str, float]:
    """Return the counts of the server since the last call.

    Args:
        url: of the server.
        draw: of the times of keyed answers to requests that repeat an earlier one.
    """
    with urllib.request.urlopen(url.replace("/v1", f"/stats?draw={draw}")) as response:
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
    parser.add_argument("--keyed", action="store_true", help="let time and answer follow from the prompt")
    given = parser.parse_args()
    asyncio.run(serve(given.seconds, given.rate, given.spread, given.seed, is_keyed=given.keyed))
