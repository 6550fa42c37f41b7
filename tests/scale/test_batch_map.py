"""A map in the batch lane, killed and started again: no request is submitted twice, and no answer is lost."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from langgraph_parallel.testing.replies import Gate, Reply
from tests.scale.batch_map import PROGRAMS
from tests.support.server import ModelServer

ROOT = Path(__file__).parents[2]
ROWS = 6


def start(graph: str, server: ModelServer, ledger: Path, *more: str) -> "subprocess.Popen[str]":
    """Start a worker in a process of its own."""
    environment = {
        **os.environ,
        "OPENAI_API_KEY": "sk-test-not-a-real-key",
        "OPENAI_BASE_URL": server.url,
        "LANGGRAPH_PARALLEL_BATCHES": str(ledger),
    }
    command = [sys.executable, "-m", "tests.scale.batch_map", graph, str(ROWS), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)


def results_of(process: "subprocess.Popen[str]") -> dict[str, list[object]]:
    """Return what a process that ends well has written of each row."""
    written, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return {key: rest for key, *rest in map(json.loads, written.splitlines())}


@pytest.mark.parametrize(
    ("graph", "when"),
    list(zip(PROGRAMS, ["before it stores", "in flight", "before it stores"], strict=True)),
    ids=["voting", "labeling", "function"],
)
def test_a_map_that_is_killed_submits_nothing_twice(
    graph: str, when: str, server: ModelServer, tmp_path: Path
) -> None:
    """Rows of equal texts have requests of their own, which the next process finds by the keys."""
    server.always(Reply(json={"choice": "yes"}, text="yes"))
    if when == "in flight":
        server.batches.gate = Gate()
        killed = start(graph, server, tmp_path)
        server.wait(lambda server: bool(server.batches.created))
        killed.send_signal(signal.SIGKILL)
        server.batches.gate.open()
    else:
        killed = start(graph, server, tmp_path, "die")
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    results = results_of(start(graph, server, tmp_path))
    assert results == {str(number): ["ok", 2] for number in range(ROWS)}
    assert len(server.batches.billed) == 2 * ROWS
