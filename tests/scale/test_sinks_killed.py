"""kill -9 before and after everything that a sink does to its disk or server."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from langgraph_parallel.scale.sinks.base import Counts
from tests.scale.sinks import FILES, KINDS, MANIFEST, kind_of, labels_of, new_address, ok, rows_of
from tests.support.fork_server import ForkServer
from tests.support.killed_sink import KEYS, killed_run, label, run, sink_of

STRIDE = {"sqlite": 1, "jsonl": 2, "parquet": 2, "postgres": 4}
"""Every so many steps are tried; with `KILLS` in the environment all of them."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, if there is such a place: a kill, unlike a power failure, needs no sync."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """What starts the processes that are killed."""
    with ForkServer("pyarrow.parquet", "langgraph_parallel.scale.sinks.parquet") as server:
        yield server


def write_steps(address: str, told: Path, file: Path) -> None:
    """Run undisturbed, and write down the number of steps."""
    file.write_text(str(killed_run(address, None, told)))


def read_told(told: Path) -> dict[str, str]:
    """The status of each row that was told to be stored."""
    return dict(line.split() for line in told.read_text().splitlines()) if told.exists() else {}


async def check(address: str, told: Path) -> None:
    """What was told to be stored is there, each key once; the same command ends as the undisturbed one."""
    acknowledged = read_told(told)
    sink = sink_of(address)
    manifest = await sink.open()
    stored = await sink.stored(KEYS)
    counts = await sink.counts()
    failures = [row.key async for row in sink.failures()]
    await sink.close()
    assert {key: stored.get(key) for key in acknowledged} == acknowledged | {
        key: "ok" for key in acknowledged if stored.get(key) == "ok"
    }
    rows = rows_of(address) if manifest else {}
    assert {key: row["status"] for key, row in rows.items()} == dict(stored)
    assert counts == Counts(list(stored.values()).count("ok"), list(stored.values()).count("failed"))
    assert failures == [key for key in KEYS if stored.get(key) == "failed"]
    # The manifest is stored with the rows, never without: each call that stored rows cost is counted.
    assert (manifest.spent.calls if manifest else 0) >= len(stored)
    await run(address)
    await run(address)
    assert labels_of(address) == {key: None if key in KEYS[-4:-2] else label(key) for key in KEYS}


def redrive_and_die(address: str) -> None:
    """Store that a row is ok that had failed, and be killed."""
    asyncio.run(_redrive_and_die(address))


async def _redrive_and_die(address: str) -> None:
    sink = sink_of(address)
    await sink.open()
    await sink.write([ok(KEYS[-1])], MANIFEST)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("kind", FILES)
def test_a_row_that_is_ok_is_in_no_list_of_failures_after_a_kill(
    kind: str, folder: Path, forks: ForkServer
) -> None:
    """Nobody has to open the sink first."""
    address = new_address(kind, folder)
    asyncio.run(run(address))
    assert rows_of(address)[KEYS[-1]]["status"] == "failed"
    assert forks.run(partial(redrive_and_die, address)) == -9
    assert rows_of(address).get(KEYS[-1], {"status": "ok"})["status"] == "ok"


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_any_step_it_loses_nothing_and_has_nothing_twice(
    kind: str, folder: Path, forks: ForkServer
) -> None:
    """In opening, writing, making a part and closing, of a new sink and of one that has failures."""
    for before in (0, 1):
        told = folder / "undisturbed"
        address = new_address(kind, folder)
        for _ in range(before):
            asyncio.run(run(address))
        file = folder / "steps"
        assert forks.run(partial(write_steps, address, told, file)) == 0
        steps = int(file.read_text())
        assert steps > 20
        stride = 1 if "KILLS" in os.environ else STRIDE[kind]
        for step in range(1 + before % stride, steps + 1, stride):
            told = folder / f"told{before}-{step}"
            address = new_address(kind, folder)
            for _ in range(before):
                asyncio.run(run(address))
            assert forks.run(partial(killed_run, address, step, told)) == -9
            asyncio.run(check(address, told))
            assert kind_of(address) == kind
