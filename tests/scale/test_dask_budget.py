"""A budget on Dask, whose purse is in the scheduler: what the sink knows of it, whatever is killed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="distributed is not installed; CI has it")

from langgraph_parallel.cli.app import run
from tests.scale.clusters import dask_processes, environment, wait_until
from tests.support.server import ModelServer, Reply

psutil = pytest.importorskip("psutil", reason="distributed is not installed, which needs it; CI has it")
pytestmark = [
    pytest.mark.needs_dask,
    pytest.mark.skipif(
        "DASK" not in os.environ, reason="clusters of processes take a minute; CI has them (set DASK=1)"
    ),
]
_CAP, _AT_ONCE = 60, 4


def _command(server: ModelServer, folder: Path, engine: str) -> list[str]:
    items = folder / "items.jsonl"
    items.write_text("".join(json.dumps({"text": f"parcel {n}"}) + "\n" for n in range(2 * _CAP)))
    return [
        *("map", "labeling", str(items), "--input", "items=text", "--set", 'labels=["yes","no"]'),
        *("--set", "voters=1", "--model", "openai:test", "--engine", engine),
        *("--sink", str(folder / "labels.sqlite"), "--concurrency", str(_AT_ONCE), "--progress", "none"),
        *("--budget-calls", str(_CAP)),
    ]


def _known(folder: Path) -> tuple[int, int]:
    """Return how many calls the sink has as spent, and as reserved."""
    with closing(sqlite3.connect(folder / "labels.sqlite")) as database:
        calls, reserved = database.execute("SELECT calls, reserved_calls FROM rows_manifest").fetchone()
    return calls, reserved


def _kill(command: int) -> None:
    """Kill a process and its children as if at one moment: nobody sees another one go."""
    family = [parent := psutil.Process(command), *parent.children(recursive=True)]
    for signaled in (signal.SIGSTOP, signal.SIGKILL):
        for process in family:
            process.send_signal(signaled)


def test_a_cap_holds_over_kills_of_everything(server: ModelServer, model: str, tmp_path: Path) -> None:
    """With the command die the scheduler and the workers, and with them all that the sink does not know."""
    server.always(Reply(json={"choice": "yes"}, delay=0.02))
    words = [sys.executable, "-m", "langgraph_parallel", *_command(server, tmp_path, "dask:2")]
    command = subprocess.Popen(words, env=environment())
    wait_until(lambda: len(server.requests) >= _CAP // 4)
    _kill(command.pid)
    command.wait()
    server.wait(lambda server: server.in_flight == 0)
    calls, reserved = _known(tmp_path)
    assert len(server.requests) <= calls + reserved <= _CAP
    with dask_processes(tmp_path, 1) as cluster:
        assert run(_command(server, tmp_path, cluster.address)) == 0
    assert len(server.requests) <= _CAP
    # What was not used of it is what the first command had reserved, and could not tell.
    assert len(server.requests) >= _CAP - reserved


def test_what_workers_held_of_a_budget_is_given_back_at_the_end(
    server: ModelServer, model: str, tmp_path: Path
) -> None:
    """The sink knows of what was paid for, and of nothing else."""
    server.always(Reply(json={"choice": "yes"}))
    with dask_processes(tmp_path, 2) as cluster:
        assert run(_command(server, tmp_path, cluster.address)) == 0
    assert _known(tmp_path) == (_CAP, 0)
    assert len(server.requests) == _CAP
