"""kill -9 at random moments: nothing that was answered is asked again, and the result is as undisturbed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import SQLITE_AND_POSTGRES, new_database
from tests.support.fans import YES, prompts
from tests.support.killed_run import SECTIONS, VOTERS
from tests.support.server import ModelServer, Reply, Request

ROOT = Path(__file__).parents[2]
LAG = 0.3
"""Seconds that the record of an answer may take to the disk of a busy machine."""
KILLS = 5


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Makes a new place for checkpoints, of the kind that a test asks for."""
    made = 0

    def make() -> str:
        nonlocal made
        made += 1
        if request.param == "sqlite":
            return str(tmp_path / f"{made}.sqlite")
        return new_database()

    return make


class Processes:
    """Starts runs in processes of their own, with strict deserialization."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._forks = subprocess.Popen(
            [sys.executable, "-m", "tests.support.killed_run"],
            cwd=ROOT,
            env=os.environ | {"LANGGRAPH_STRICT_MSGPACK": "true"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._started = 0

    def start(self, address: str, *, redrive: bool = False) -> int:
        """Start or resume a run; gives the id of its process."""
        self._started += 1
        self._output = self._folder / f"{self._started}.json"
        wanted = {"address": address, "redrive": redrive, "output": str(self._output)}
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self._forks.stdin.write(json.dumps(wanted) + "\n")
        self._forks.stdin.flush()
        return int(self._forks.stdout.readline())

    def finish(self, pid: int) -> dict[str, Any]:
        """Wait for the end of the run that was started last."""
        until(lambda: not is_alive(pid), 60)
        result: dict[str, Any] = json.loads(self._output.read_text())
        assert "error" not in result, result["error"]
        return result

    def kill(self, pid: int) -> None:
        """Kill it, and see that it is gone."""
        os.kill(pid, signal.SIGKILL)
        until(lambda: not is_alive(pid), 10)

    def close(self) -> None:
        """End what starts them."""
        self._forks.communicate()


@pytest.fixture
def processes(model: str, tmp_path: Path) -> Iterator[Processes]:
    """What starts runs, in the environment of the model server."""
    held = Processes(tmp_path)
    yield held
    held.close()


def is_alive(pid: int) -> bool:
    """Whether there is still such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for something that nobody announces."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def unanswered(server: ModelServer, moment: float) -> int:
    """Requests that were on their way then, or whose answer was not surely on the disk."""
    return sum(request.ended is None or request.ended > moment - LAG for request in server.requests)


def delayed(server: ModelServer) -> None:
    """Answer each voter after a time of its own, up to 0.3 s."""
    for lot in range(8):

        def mine(request: Request, lot: int = lot) -> bool:
            return zlib.crc32(request.prompt.encode()) % 8 == lot

        server.on(mine, Reply(json=YES, delay=0.02 + 0.04 * lot))


KINDS = SQLITE_AND_POSTGRES


@pytest.mark.parametrize("address", KINDS, indirect=True)
def test_killed_at_twenty_moments_it_ends_as_if_undisturbed(
    server: ModelServer, processes: Processes, address: Any
) -> None:
    """Four runs, each killed five times; calls exceed the undisturbed number only by those on their way."""
    delayed(server)
    undisturbed = processes.finish(processes.start(address()))
    assert undisturbed["branches"] == {"ok": SECTIONS * VOTERS}
    expected = prompts(server)
    assert set(expected.values()) == {1}
    draw = random.Random(2026)
    for _ in range(4):
        server.requests.clear()
        place, on_their_way = address(), 0
        for _ in range(KILLS):
            pid, wanted = processes.start(place), len(server.requests) + draw.randrange(1, 12)
            until(lambda n=wanted, p=pid: len(server.requests) >= n or not is_alive(p), 60)  # type: ignore[misc]
            time.sleep(draw.random() * 0.05)
            processes.kill(pid)
            moment = time.time()
            server.wait(lambda s: s.in_flight == 0)
            on_their_way += unanswered(server, moment)
        assert processes.finish(processes.start(place)) == undisturbed
        assert set(prompts(server)) == set(expected)
        assert 0 < len(server.requests) - SECTIONS * VOTERS <= on_their_way


@pytest.mark.parametrize("address", KINDS, indirect=True)
def test_killed_in_the_middle_of_a_redrive_it_goes_on_from_there(
    server: ModelServer, processes: Processes, address: Any
) -> None:
    """A redrive that is killed is resumed; what had ended ok in either is not asked again."""
    delayed(server)
    server.on("Number 3:", Reply(status=500))
    server.on("voter 2 ", Reply(status=500))
    place = address()
    first = processes.finish(processes.start(place))
    assert first["branches"] == {"failed": 14, "ok": 36}
    ok = {request.prompt for request in server.requests if request.status == 200}
    delayed(server)
    before = len(server.requests)
    pid = processes.start(place, redrive=True)
    server.wait(lambda s: len(s.requests) >= before + 6)
    processes.kill(pid)
    server.wait(lambda s: s.in_flight == 0)
    last = processes.finish(processes.start(place, redrive=True))
    again = [request.prompt for request in server.requests[before:]]
    assert not ok & set(again)
    assert last["branches"] == {"ok": 50}
    assert last["failures"] == {}
    assert last["calls"] == 50 + 14
    assert len(again) <= 14 + 8
