"""What shared requests cost is what the server bills, whatever it answers and whoever leaves."""

import asyncio
import random
from typing import Any

import pytest

from langgraph_parallel import Limits, create_voting
from langgraph_parallel.runtime.limiter_registry import reset_limits
from tests.support.pool import LONG, ballot
from tests.support.server import ModelServer, Reply, Request

RUNS = 12
_KINDS = {"ok": 60, "fewer": 8, "copies": 6, "broken": 8, "throttled": 8, "refused": 4, "invalid": 6}


class Moody(ModelServer):
    """Answers as it likes, and counts the tokens of what it answers."""

    def __init__(self, moods: random.Random) -> None:
        super().__init__()
        self._moods, self._number = moods, 0
        self.read = self.written = 0

    def _reply_to(self, request: Request) -> Reply:
        asked = request.body.get("n", 1)
        (kind,) = self._moods.choices(list(_KINDS), list(_KINDS.values()))
        if kind == "broken":
            return Reply(status=500)
        if kind == "throttled":
            return Reply(status=429, headers={"retry-after": "0.01"})
        if kind == "refused" and asked > 1:
            return Reply(status=400, body={"error": {"message": "n must be 1"}})
        samples = []
        for _ in range(self._moods.randint(1, asked) if kind == "fewer" else asked):
            self._number += 1
            samples.append(ballot(self._moods.choice(["yes", "no"]), self._number))
        if kind == "copies":
            samples = samples[:1] * len(samples)
        if kind == "invalid":
            samples[0] = Reply(text="no ballot at all")
        self.read, self.written = self.read + 10, self.written + 5 * len(samples)
        return Reply(samples=samples)


async def _run(seed: int, moods: random.Random, server: Moody) -> None:
    limits: dict[str, Any] = {"attempts": moods.choice([1, 3]), "backoff": 0, "rest_after": 0}
    limits |= {"price_input": 3, "price_output": 7}
    if moods.random() < 0.3:
        limits["budget_calls"] = moods.randint(3, 12)
    if moods.random() < 0.3:
        limits["budget_usd"] = moods.choice([0.005, 0.01, 0.05])
    graph = create_voting(
        model="openai:test-model",
        voters=moods.randint(2, 9),
        choices=["yes", "no"],
        stop=moods.choice(["decided", "all_votes"]),
        wave=moods.choice(["lossless", 3]),
        race=False,
        limits=Limits(**limits),
    )
    events: list[Any] = []
    out: Any = {}
    async for mode, part in graph.astream(LONG, stream_mode=["custom", "values"]):
        if mode == "custom":
            events.append(part)
        else:
            out = part
    report = out["run_report"]
    assert (report.usage.input_tokens, report.usage.output_tokens) == (server.read, server.written), seed
    assert report.usd == pytest.approx((3 * server.read + 7 * server.written) / 1e6), seed
    assert len(report.calls) <= limits.get("budget_calls", len(report.calls)), seed
    assert report.usd <= limits.get("budget_usd", report.usd), seed
    called = [event["call"] for event in events if event["event"] == "called"]
    assert sorted(called) == sorted(event["call"] for event in events if event["event"] == "calling"), seed
    assert {call.id for call in report.calls} <= set(called), seed


def test_report_and_budget_are_the_bill_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """In random runs with refusals, copies, fewer samples, failures, repairs and budgets."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-not-a-real-key")
    for seed in range(RUNS):
        reset_limits()
        moods = random.Random(seed)
        with Moody(moods) as server:
            monkeypatch.setenv("OPENAI_BASE_URL", server.url)
            asyncio.run(asyncio.wait_for(_run(seed, moods, server), 60))
