"""A map in the batch lane, killed and started again: no request is submitted twice, and no answer is lost."""

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from langgraph_parallel.scale import amap_items
from langgraph_parallel.testing.replies import Gate, Reply
from tests.scale.batch_map import PROGRAMS, work
from tests.support.batch_times import shorten_times
from tests.support.fork_server import ForkServer
from tests.support.killed_run import NEEDED
from tests.support.server import ModelServer

ROWS = 6


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """What starts the workers."""
    with ForkServer(*NEEDED, "langgraph_parallel") as server:
        yield server


@pytest.mark.parametrize(
    ("graph", "when"),
    list(zip(PROGRAMS, ["before it stores", "in flight", "before it stores"], strict=True)),
    ids=["voting", "labeling", "function"],
)
def test_a_map_that_is_killed_submits_nothing_twice(
    graph: str, when: str, server: ModelServer, tmp_path: Path, forks: ForkServer
) -> None:
    """Rows of equal texts have requests of their own, which the next process finds by the keys."""
    server.always(Reply(json={"choice": "yes"}, text="yes"))
    variables = {
        "OPENAI_API_KEY": "sk-test-not-a-real-key",
        "OPENAI_BASE_URL": server.url,
        "LANGGRAPH_PARALLEL_BATCHES": str(tmp_path),
    }
    worker = partial(work, graph, ROWS, variables, tmp_path / "results")
    if when == "in flight":
        server.batches.gate = Gate()
        killed = forks.start(worker)
        server.wait(lambda server: bool(server.batches.created))
        os.kill(killed, signal.SIGKILL)
        server.batches.gate.open()
        assert forks.wait() == -signal.SIGKILL
    else:
        assert forks.run(partial(worker, dies=True)) == -signal.SIGKILL
    assert forks.run(worker) == 0
    written = map(json.loads, (tmp_path / "results").read_text().splitlines())
    assert {key: rest for key, *rest in written} == {str(number): ["ok", 2] for number in range(ROWS)}
    assert len(server.batches.billed) == 2 * ROWS


@pytest.mark.parametrize(
    ("cap", "more"),
    [
        ({"budget_calls": 12}, {"budget_calls": 20}),
        ({"budget_usd": 0.04}, {"budget_usd": 0.06}),
        ({"budget_tokens": 450}, {"budget_tokens": 600}),
    ],
    ids=["calls", "dollars", "tokens"],
)
async def test_a_budget_holds_over_the_batches_of_a_map(
    cap: dict[str, float],
    more: dict[str, float],
    model: str,
    server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Requests reserve before they are submitted, at a batch's price; what is not spent is given back."""
    shorten_times(monkeypatch)
    server.always(Reply(json={"choice": "yes"}))
    prices = {"price_input": 100, "price_output": 1000, "answer_tokens": 10, "max_answer_tokens": 10}
    each = (10 * 100 + 5 * 1000) / 1e6 / 2
    items, sink, done = [{"question": f"Is {n} prime?"} for n in range(60)], tmp_path / "out.sqlite", 0
    for limits in (cap, more):
        report = await amap_items(
            "voting",
            items,
            settings={"voters": 1, "choices": ["yes", "no"]},
            model=model,
            sink=sink,
            limits={"lane": "batch", **prices, **limits},
        )
        billed, done = len(server.batches.billed), done + report.ok
        assert billed == done
        assert report.ok > 0
        assert report.left
        assert billed <= limits.get("budget_calls", billed)
        assert billed * each <= limits.get("budget_usd", billed * each) + 1e-9
        assert billed * 15 <= limits.get("budget_tokens", billed * 15)
        with sqlite3.connect(sink) as database:
            (held,) = database.execute("SELECT reserved_calls + calls FROM rows_manifest").fetchone()
        assert held == billed
        assert report.usd_all == pytest.approx(billed * each)
    assert all(request.custom_id for request in server.requests)
