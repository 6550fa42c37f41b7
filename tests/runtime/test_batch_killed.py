"""A run in the batch lane, killed at random moments and resumed: nothing is lost, nothing is billed twice."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.graphs.test_killed import ROOT, is_alive, until
from tests.support.batch_run import ITEMS, VOTERS
from tests.support.server import ModelServer, Reply

KILLS = int(os.environ.get("BATCH_KILLS", "5"))
"""Kills in all; `.ci/run` makes 50."""
KILLS_OF_A_RUN = 5


class Processes:
    """Starts processes that run a labeling in the batch lane."""

    def __init__(self, folder: Path) -> None:
        self._output, self._address = folder / "result.json", str(folder / "runs.sqlite")
        self._forks = subprocess.Popen(
            [sys.executable, "-m", "tests.support.batch_run"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, thread: str, die: int | None = None) -> dict[str, Any] | None:
        """Run one process to its end; return its result, or None if it died."""
        self._output.unlink(missing_ok=True)
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        wanted = {"address": self._address, "thread": thread, "die": die, "output": str(self._output)}
        self._forks.stdin.write(json.dumps(wanted) + "\n")
        self._forks.stdin.flush()
        pid = int(self._forks.stdout.readline())
        until(lambda: not is_alive(pid), 60)
        if not self._output.exists():
            return None
        result: dict[str, Any] = json.loads(self._output.read_text())
        assert "error" not in result, result["error"]
        return result

    def close(self) -> None:
        """End what starts them."""
        self._forks.communicate()


@pytest.fixture
def processes(model: str, tmp_path: Path) -> Iterator[Processes]:
    """What starts runs, in the environment of the model server."""
    held = Processes(tmp_path)
    yield held
    held.close()


def test_killed_at_random_moments_nothing_is_billed_twice(server: ModelServer, processes: Processes) -> None:
    """Before and after each request to the Batch API and each write, a kill loses and repeats nothing."""
    server.always(Reply(json={"choice": "a"}))
    server.batches.delay = 0.05
    undisturbed = processes.run("undisturbed")
    assert undisturbed is not None
    draw, kills, number = random.Random(2026), 0, 0
    while kills < KILLS:
        number, finished = number + 1, None
        thread = f"run {number}"
        for _ in range(min(KILLS_OF_A_RUN, KILLS - kills)):
            finished = processes.run(thread, draw.randrange(1, undisturbed["steps"] + 1))
            if finished is not None:
                break
            kills += 1
        finished = finished or processes.run(thread)
        assert finished is not None
        assert finished["labels"] == undisturbed["labels"], finished
        assert not finished["failures"]
        billed = [line for line in server.batches.billed if f"of {thread}" in str(line["body"]["messages"])]
        assert max(Counter(line["custom_id"] for line in billed).values()) == 1
        assert Counter(json.dumps(line["body"]) for line in billed).total() == ITEMS * VOTERS
