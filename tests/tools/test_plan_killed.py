"""An agent's plan, killed at random moments and resumed: the same end, and no finished call repeated."""

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
from tests.support.planning_run import PLAN, SIBLINGS, same_in_each_run
from tests.support.server import ModelServer, Reply, Request

KILLS = int(os.environ.get("PLAN_KILLS", "8"))
"""Kills in all; `.ci/run` makes 50."""
KILLS_OF_A_RUN = 5
MOMENTS = {"writes": 8, "begun": 8, "checkpoint": 3}
"""Kinds of moments, and up to which of them in a process is drawn."""


class Processes:
    """Starts processes that run the agent, with strict deserialization."""

    def __init__(self, folder: Path) -> None:
        self._output, self._address = folder / "result.json", str(folder / "runs.sqlite")
        self._forks = subprocess.Popen(
            [sys.executable, "-m", "tests.support.planning_run"],
            cwd=ROOT,
            env=os.environ | {"LANGGRAPH_STRICT_MSGPACK": "true"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, thread: str, die: list[Any] | None = None) -> dict[str, Any] | None:
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

    def unstored(self) -> int:
        """Return the number of writes that were not stored yet when the last process died."""
        return int(Path(f"{self._output}.unstored").read_text())

    def close(self) -> None:
        """End what starts them."""
        self._forks.communicate()


@pytest.fixture
def processes(model: str, tmp_path: Path) -> Iterator[Processes]:
    """What starts runs, in the environment of the model server."""
    held = Processes(tmp_path)
    yield held
    held.close()


def is_first_step(request: Request) -> bool:
    """Return whether an agent has not used its tool yet."""
    return bool(request.body["messages"][-1]["role"] == "user")


def prompts(server: ModelServer) -> Counter[str]:
    """How often each prompt came."""
    return Counter(same_in_each_run(request.prompt) for request in server.requests)


def test_killed_at_random_moments_it_ends_as_if_undisturbed(
    server: ModelServer, processes: Processes
) -> None:
    """Only calls that were on their way, or whose result was not stored, are made again."""
    delay = 0.01
    server.always(Reply(json={"rationale": "", "choice": "yes", "confidence": None}, delay=delay))
    for name, first in (("own", PLAN), ("worker", {"text": "it"})):
        server.on(lambda r, n=name: r.body["model"] == n, Reply(text=f"{name} is done", delay=delay))  # type: ignore[misc]
        server.on(
            lambda r, n=name: r.body["model"] == n and is_first_step(r),  # type: ignore[misc]
            Reply(json=first, delay=delay),
        )
    undisturbed = processes.run("0")
    assert undisturbed is not None
    assert "MISSING" not in undisturbed["messages"][2], undisturbed["messages"]
    expected = prompts(server)
    draw, kills, number = random.Random(2026), 0, 0
    while kills < KILLS:
        server.requests.clear()
        number, extra, finished = number + 1, 0, None
        for _ in range(KILLS_OF_A_RUN):
            moment = draw.choice(list(MOMENTS))
            finished = processes.run(f"{number}", [moment, draw.randrange(1, MOMENTS[moment] + 1)])
            if finished is not None:
                break
            kills += 1
            extra += 0 if moment == "checkpoint" else 2 * SIBLINGS + processes.unstored()
            server.wait(lambda s: s.in_flight == 0)
        finished = finished or processes.run(f"{number}")
        assert finished is not None
        assert finished["messages"] == undisturbed["messages"]
        assert set(prompts(server)) == set(expected)
        assert sum((prompts(server) - expected).values()) <= extra
