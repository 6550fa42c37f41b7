"""Every graph, killed at the writes of its checkpoints, and finished in each of the ways that there are."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests.graphs.test_killed import KINDS, ROOT, is_alive, until
from tests.support.databases import POSTGRES
from tests.support.dying_run import GRAPHS, SIBLINGS
from tests.support.fans import prompts
from tests.support.server import ModelServer, Reply, Request

KILLS = int(os.environ.get("KILLS", "1"))
"""Kills of each graph at each kind of moment, on each kind of checkpointer."""
DELAY = 0.03
"""Seconds for an answer, so that it is stored before many others arrive."""
CLEAN: dict[str, Any] = {"rationale": "", "choice": "clean", "confidence": None, "notes": {"quotes": []}}
WAYS = ("ainvoke", "aredrive", "redrive")


class Processes:
    """Starts processes that run a graph, with strict deserialization."""

    def __init__(self, folder: Path) -> None:
        self._output = folder / "result.json"
        self._forks = subprocess.Popen(
            [sys.executable, "-m", "tests.support.dying_run"],
            cwd=ROOT,
            env=os.environ | {"LANGGRAPH_STRICT_MSGPACK": "true"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, **wanted: Any) -> dict[str, Any] | None:
        """Run one process to its end; return its result, or None if it died."""
        self._output.unlink(missing_ok=True)
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        line = {"die": None, **wanted, "output": str(self._output)}
        self._forks.stdin.write(json.dumps(line) + "\n")
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


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """What starts runs, one for all tests."""
    held = Processes(tmp_path_factory.mktemp("dying"))
    yield held
    held.close()


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for checkpoints of the kind that a test asks for; each run has a thread of its own there."""
    return str(tmp_path / "runs.sqlite") if request.param == "sqlite" else POSTGRES


def is_first_step(request: Request) -> bool:
    """Return whether an agent has not used its tool yet."""
    return bool(request.body["model"] == "own" and request.body["messages"][-1]["role"] == "user")


def is_check(request: Request) -> bool:
    """Return whether the request is that of a check."""
    return '"flag"' in json.dumps(request.body.get("response_format", {}))


@pytest.mark.parametrize("address", KINDS, indirect=True)
@pytest.mark.parametrize("graph", GRAPHS)
def test_killed_at_its_checkpoints_it_ends_as_if_undisturbed(
    graph: str, address: str, model: str, server: ModelServer, processes: Processes
) -> None:
    """Nothing is asked again before a checkpoint; after any other writes only calls on their way are."""
    server.always(Reply(delay=DELAY))
    server.on(is_check, Reply(json=CLEAN, delay=DELAY))
    server.on(lambda r: r.body["model"] == "own", Reply(text="done", delay=DELAY))
    server.on(is_first_step, Reply(json={"text": "it"}, delay=DELAY))
    topics = [{"title": title, "brief": title} for title in ("Oslo", "Bergen")]
    server.on("Divide a question", Reply(json={"topics": topics}))
    environment = {**os.environ, "LANGGRAPH_PARALLEL_MODEL": model}
    trial: dict[str, Any] = {"graph": graph, "address": address, "environment": environment}
    draw, ways = random.Random(graph), cycle(WAYS)
    undisturbed = processes.run(**trial, thread=f"{time.time_ns()}", way="run")
    assert undisturbed is not None
    expected = prompts(server)
    for moment, most in (("checkpoint", "checkpoints"), ("writes", "writes")):
        # From the second on: before, there is nothing to resume.
        for when in draw.choices(range(2, undisturbed[most] + 1), k=KILLS):
            server.requests.clear()
            thread, way = f"{time.time_ns()}", next(ways)
            assert processes.run(**trial, thread=thread, way="run", die=[moment, when]) is None
            server.wait(lambda s: s.in_flight == 0)
            # Calls were in flight, or answered and not handed to the checkpointer, or not stored by it yet.
            extra = 0 if moment == "checkpoint" else 2 * SIBLINGS + processes.unstored()
            resumed = processes.run(**trial, thread=thread, way=way)
            assert resumed is not None
            assert resumed["result"] == undisturbed["result"], (moment, when, way)
            assert set(prompts(server)) == set(expected), (moment, when, way)
            assert sum((prompts(server) - expected).values()) <= extra, (moment, when, way)
