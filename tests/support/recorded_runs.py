"""Random runs against the loopback server, with retries, hedges, cancellations, resumes and redrives."""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel import Limits, aredrive, errors, recording
from langgraph_parallel.recording import RunRecord
from langgraph_parallel.records import RunReport
from langgraph_parallel.runtime.limiter_registry import reset_limits
from langgraph_parallel.runtime.record_report import measure_record
from langgraph_parallel.runtime.run_report import covered
from tests.support.fans import GIVEN, WORDS, YES, flat, nested
from tests.support.server import ModelServer, Reply, Request

PRICES = {"price_input": 2.0, "price_output": 8.0}
"""US dollars for a million tokens."""


@dataclass
class Seen:
    """What came of one random run."""

    record: RunRecord
    requests: list[Request]
    usage: Mapping[str, tuple[int, int]]
    """Tokens of the answer to each prompt's number."""
    out: Any


class RandomRun:
    """One run whose graph, limits and mishaps follow from a seed.

    Args:
        seed: of all that is random.
        server: that answers.
        folder: for the record.
    """

    def __init__(self, seed: int, server: ModelServer, folder: Path) -> None:
        self._dice, self._server, self._file = random.Random(seed), server, folder / f"{seed}.json"
        self._usage: dict[str, tuple[int, int]] = {}
        self._sections = self._dice.randint(1, 6)
        for number in range(self._sections):
            self._prepare(WORDS.format(number))

    def _prepare(self, prompt: str) -> None:
        usage = self._usage[prompt] = (self._dice.randint(1, 500), self._dice.randint(1, 200))
        slow = 0.08 if self._dice.random() < 0.2 else 0.0
        delay = self._dice.uniform(0.001, 0.01) + slow
        self._server.on(prompt, Reply(json=YES, usage=usage, delay=delay))
        mishap = self._dice.choice([*["none", "server", "refused", "cut"] * 2, "throttled"])
        times = self._dice.randint(1, 3)
        if mishap == "throttled":  # each pauses everything for a while
            self._server.on(prompt, Reply(status=429, headers={"retry-after-ms": "5"}), times=1)
        elif mishap == "server":
            self._server.on(prompt, Reply(status=500), times=times)
        elif mishap == "refused":
            self._server.on(prompt, Reply(status=400), times=1)
        elif mishap == "cut":
            self._server.on(prompt, Reply(disconnect=True), times=1)

    async def run(self, model: str) -> Seen:
        """Run the graph, cut it off perhaps, go on, and redrive it perhaps.

        Args:
            model: of the server.
        """
        reset_limits()
        dice, graph = self._dice, self._graph(model)
        config: RunnableConfig = {"configurable": {"thread_id": "one"}}
        out: Any = None
        if dice.random() < 0.4:
            await self._cut_off(graph, config, dice.randint(1, self._sections))
            given: Any = None if (await graph.aget_state(config)).next else GIVEN
        else:
            given = GIVEN
        with suppress(errors.ParallelError):
            out = await graph.ainvoke(given, config)
        if out is not None and out["run_report"].failures and dice.random() < 0.7:
            with suppress(errors.ParallelError):
                out = await aredrive(graph, config)
        self._server.wait(lambda server: server.in_flight == 0)
        return Seen(recording.read_record(self._file), [*self._server.requests], self._usage, out)

    def _graph(self, model: str) -> Any:
        dice = self._dice
        hedge = dice.choice(["off", 0.04])
        limits = Limits(
            **PRICES,
            attempts=dice.randint(1, 4),
            backoff=0.001,
            concurrency=dice.randint(1, 8),
            hedge=hedge,
            hedge_share=1.0,
            samples="off",
            leader="off",
        )
        options: dict[str, Any] = {
            "limits": limits,
            "checkpointer": InMemorySaver(),
            "record": recording.Recording(self._file),
        }
        if dice.random() < 0.5:
            return flat(self._sections, model, **options)
        return nested(self._sections, dice.randint(1, 4), model, **options)

    async def _cut_off(self, graph: Any, config: Any, after: int) -> None:
        """Cancel a run once the server has had some requests."""
        enough, loop, arrived = asyncio.Event(), asyncio.get_running_loop(), count(1)

        def is_answered_otherwise(_: Request) -> bool:
            if next(arrived) == after:
                loop.call_soon_threadsafe(enough.set)
            return False

        self._server.on(is_answered_otherwise, Reply())
        running = asyncio.ensure_future(graph.ainvoke(GIVEN, config))
        running.add_done_callback(lambda _: enough.set())
        await enough.wait()
        running.cancel()
        with suppress(asyncio.CancelledError, errors.ParallelError):
            await running


@dataclass
class Bill:
    """Calls by how they ended, and the tokens and dollars of those that were answered."""

    ended: Counter[str]
    read: int
    written: int
    usd: float


def server_bill(seen: Seen) -> Bill:
    """Return what the server's own log says."""
    bill = Bill(Counter(), 0, 0, 0.0)
    for request in seen.requests:
        bill.ended["cut off" if request.status is None else str(request.status)] += 1
        if request.status == 200:
            (usage,) = [usage for prompt, usage in seen.usage.items() if prompt in request.prompt]
            bill.read, bill.written = bill.read + usage[0], bill.written + usage[1]
    bill.usd = (bill.read * PRICES["price_input"] + bill.written * PRICES["price_output"]) / 1e6
    return bill


_STATUSES = {"server": "500", "request": "400", "throttled": "429"}


def record_bill(record: RunRecord) -> Bill:
    """Return what a record says."""
    bill = Bill(Counter(), 0, 0, 0.0)
    for call in record.calls:
        bill.ended["200" if call.ok else _STATUSES.get(call.cause or "", "cut off")] += 1
        if call.ok:
            bill.read, bill.written = (
                bill.read + call.usage.input_tokens,
                bill.written + call.usage.output_tokens,
            )
            bill.usd += call.usd or 0.0
    return bill


def check_record(seen: Seen) -> None:
    """Compare a record with the server's log, with the run's report, and with itself.

    Where a request is cut off, the server may have answered what nobody has read.
    """
    billed, recorded, report = server_bill(seen), record_bill(seen.record), measure_record(seen.record)
    unread = recorded.ended.pop("cut off", 0)
    cut_off = billed.ended.pop("cut off", 0)
    assert not recorded.ended - billed.ended
    assert sum((billed.ended - recorded.ended).values()) <= unread
    assert unread >= cut_off
    if billed.ended == recorded.ended:
        assert (recorded.read, recorded.written) == (billed.read, billed.written)
        assert math.isclose(recorded.usd, billed.usd)
    _check_times(seen.record)
    if seen.out is not None and "cancelled" not in {each.status for each in seen.record.invocations}:
        _check_report(report, seen.out["run_report"])


def _check_report(mine: RunReport, theirs: RunReport) -> None:
    """Compare the report of a record with that of the run, which knows nothing of a run that was cut off."""
    assert mine.model_dump(include=_SAME) == theirs.model_dump(include=_SAME)
    assert {call.id for call in mine.calls} == {call.id for call in theirs.calls}
    assert mine.failures.keys() == theirs.failures.keys()
    assert mine.usd == pytest.approx(theirs.usd)
    assert mine.wasted_usd == pytest.approx(theirs.wasted_usd)
    assert mine.sequential_seconds == pytest.approx(theirs.sequential_seconds, abs=1e-3)
    assert mine.critical_path_seconds == pytest.approx(theirs.critical_path_seconds, abs=1e-3)


_SAME = {
    "status",
    "branches",
    "retries",
    "hedges",
    "usage",
    "wasted",
    "kept",
    "throttled_share",
    "calls_saved",
    "completion_reason",
}
_SLACK = 2e-5
"""Seconds: the clock's steps, and rounding."""


def _check_times(record: RunRecord) -> None:
    """Check that calls and waits are within their branch, and that waits and work add up to its time."""
    for place, branch in enumerate(record.branches):
        calls = [(call.started, call.ended) for call in record.calls_by_branch.get(place, ())]
        waits = record.waits_by_branch.get(place, ())
        spans = [*calls, *((wait.started, wait.ended) for wait in waits if wait.on != "needs")]
        assert all(begin <= end for begin, end in spans)
        assert all(begin >= branch.started - _SLACK for begin, _ in spans), (branch, spans)
        assert all(end <= branch.ended + _SLACK for _, end in spans), (branch, spans)
        waited, worked = record.waited_seconds(place), record.worked_seconds(place)
        assert waited >= 0
        assert worked >= covered(calls) - 2 * _SLACK
        assert waited + worked == pytest.approx(branch.ended - branch.started)
