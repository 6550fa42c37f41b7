"""Dask as the engine: clusters of real processes that join, die and come again."""

import asyncio
import json
import os
import pickle
import socket
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed", reason="distributed is not installed; CI has it")

from distributed import Client

from langgraph_parallel.cli.app import run
from langgraph_parallel.errors import EngineLost, UsageError
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale import amap_items
from langgraph_parallel.scale.engine import Chunk, Job, WorkerLost
from langgraph_parallel.scale.engines import dask_cluster
from langgraph_parallel.scale.engines.dask import DaskEngine
from langgraph_parallel.scale.program import Program
from tests.scale.clusters import DaskProcesses, Feeder, dask_processes, environment, kill, rows_of, wait_until

psutil = pytest.importorskip("psutil", reason="distributed is not installed, which needs it; CI has it")
pytestmark = [
    pytest.mark.needs_dask,
    pytest.mark.skipif(
        "DASK" not in os.environ, reason="clusters of processes take a minute; CI has them (set DASK=1)"
    ),
]
NOTHING = Program(graph="tests.scale.programs:nothing")
SLEEPS = Program(graph="tests.scale.programs:sleeps")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """Run a scheduler with two workers, which all tests of this module use that kill none of them."""
    with dask_processes(tmp_path_factory.mktemp("dask"), 2) as running:
        yield running


async def test_each_row_has_one_result(cluster: DaskProcesses) -> None:
    """Chunks run on all workers, and each row is delivered once, with the worker that ran it."""
    engine = DaskEngine(cluster.address)
    async with Feeder(engine, NOTHING) as once:
        await once.feed(rows_of(4), 2)
    async with Feeder(engine, NOTHING) as feeder:  # an engine can be opened again
        await feeder.feed(rows_of(500), 50)
    assert len(once.results) == 4
    assert sorted(int(result.key) for result in feeder.results) == list(range(500))
    assert {result.status for result in feeder.results} == {"ok"}
    assert len({result.worker for result in feeder.results}) == 2
    assert set(feeder.why) == {""}


async def test_rows_of_a_dead_worker_are_lost_with_those_that_had_begun(
    cluster: DaskProcesses, tmp_path: Path
) -> None:
    """The chunk ends with its worker, tells which rows may have begun, and Dask begins it nowhere else."""
    told = tmp_path / "begun"
    program = Program(graph="tests.scale.programs_on_dask:tells", limits=Limits(concurrency=8))
    async with Feeder(DaskEngine(cluster.address), program) as feeder:
        rows = rows_of(200, file=str(told), seconds=0.05)
        feeding = asyncio.create_task(feeder.feed(rows, 50))
        await feeder.until(10)
        cluster.replace(feeder.results[0].output["process"])
        await feeding
    assert sorted(int(result.key) for result in feeder.results) == list(range(200))
    begun = [key for lost in feeder.lost for key in lost or ()]
    assert 0 < len(begun) < 50
    twice = [key for key, times in Counter(told.read_text().split()).items() if times > 1]
    assert set(twice) <= set(begun)
    assert len(twice) <= 20


async def test_a_row_that_kills_its_worker_is_among_those_that_had_begun(cluster: DaskProcesses) -> None:
    """Even if it does so at once, after rows that took no time."""
    program = Program(graph="tests.scale.programs_on_dask:kills_at")
    async with Feeder(DaskEngine(cluster.address), program) as feeder:
        with pytest.raises(WorkerLost, match=r"worker 127\.0\.0\.1:\d+ has died") as lost:
            await feeder.engine.run(Chunk(1, rows_of(3000, fatal=700)))
    assert "700" in (lost.value.begun or ())
    assert "2999" not in (lost.value.begun or ())
    cluster.replace()


async def test_a_row_that_kills_whatever_runs_it_fails_alone(cluster: DaskProcesses, tmp_path: Path) -> None:
    """After the third of its workers, with the cause; its neighbours are run elsewhere."""

    def replace_three() -> None:
        for _ in range(3):
            wait_until(lambda: any(worker.poll() is not None for worker in cluster.workers))
            cluster.replace()

    replacing = asyncio.create_task(asyncio.to_thread(replace_three))
    report = await amap_items(
        "tests.scale.programs:kills",
        [{"number": number, "kill": number == 7} for number in range(40)],
        sink=tmp_path / "rows.sqlite",
        engine=cluster.address,
    )
    await replacing
    assert (report.ok, report.failed, report.lost_workers) == (39, 1, 3)
    (cause,) = report.failures
    assert cause.startswith("its worker died 3 times while it ran: worker 127.0.0.1:")


async def test_results_wait_in_the_scheduler_for_the_next_driver(
    cluster: DaskProcesses, tmp_path: Path
) -> None:
    """After a kill of the driver no more rows begin; what was in flight comes with the next command."""
    told = tmp_path / "begun"
    columns = json.dumps({"file": str(told), "seconds": 1.0})
    program = "tests.scale.programs_on_dask:tells"
    arguments = [cluster.address, "waiting", program, "4000", "1000", columns]
    driver = start_driver(*arguments)
    await asyncio.to_thread(wait_for_lines, told, 100)
    kill(driver.pid)
    had = driver.communicate()[0].decode().split()[1:]
    await asyncio.sleep(1.5)
    begun = told.read_text().split()
    async with Feeder(DaskEngine(cluster.address), Program(graph=program), "waiting") as feeder:
        await feeder.feed([row for row in rows_of(4000) if row.key in set(begun) - set(had)], 100)
    assert told.read_text().split() == begun
    assert len(begun) == len(set(begun)) < 1000
    assert {result.key for result in feeder.results} | set(had) == set(begun)


async def test_an_address_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one where nobody listens, nor one that says nothing, holds a command up."""
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (silent.getsockname()[1], 9):
            with pytest.raises(UsageError, match=f"no Dask scheduler answers at tcp://127.0.0.1:{port}"):
                await DaskEngine(f"tcp://127.0.0.1:{port}").open(Job(id="j", program=NOTHING), ignore)
    with pytest.raises(UsageError, match="no Dask scheduler answers at nowhere:nothing"):
        await DaskEngine("nowhere:nothing").open(Job(id="j", program=NOTHING), ignore)


async def test_a_scheduler_that_dies_ends_the_run(tmp_path: Path) -> None:
    """The error says at once that the same command goes on, for all that is asked of the engine."""
    with dask_processes(tmp_path, 0) as cluster:
        async with Feeder(DaskEngine(cluster.address), SLEEPS) as feeder:
            feeding = asyncio.create_task(feeder.feed(rows_of(1000, seconds=0.1), 100))
            await asyncio.sleep(0.1)
            kill(cluster.scheduler.pid)
            with pytest.raises(EngineLost, match="run the same command again"):
                await feeding
            with pytest.raises(EngineLost, match="run the same command again"):
                await feeder.engine.run(Chunk(99, rows_of(1)))
            async with asyncio.timeout(60):
                with pytest.raises(EngineLost, match="run the same command again"):
                    await feeder.engine.drain()


async def test_a_worker_with_another_version_is_named(tmp_path: Path) -> None:
    """Before anything runs."""
    other = tmp_path / "site" / "langgraph_parallel-99.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: langgraph-parallel\nVersion: 99.0\n")
    path = os.pathsep.join([str(other.parent), environment()["PYTHONPATH"]])
    with dask_processes(tmp_path, 0) as cluster:
        cluster.add_worker(variables={"PYTHONPATH": path})
        await asyncio.to_thread(cluster.wait_for_workers, 1)
        with pytest.raises(UsageError, match=r"worker tcp://127.0.0.1:\d+ has version 99.0"):
            await DaskEngine(cluster.address).open(Job(id="j", program=NOTHING), ignore)


async def test_a_cluster_of_this_machine_ends_with_its_driver() -> None:
    """Even if that is killed while rows run which block."""
    driver = start_driver("1", "job", "tests.scale.programs:sleeps_sync", "50", "10", '{"seconds": 0.5}')
    assert driver.stdout is not None
    for _ in range(2):
        await asyncio.to_thread(driver.stdout.readline)
    workers = psutil.Process(driver.pid).children(recursive=True)
    driver.kill()
    driver.communicate()
    _, running = await asyncio.to_thread(psutil.wait_procs, workers, timeout=20)
    assert workers
    assert not running


async def test_a_worker_leaves_rows_that_it_has_not_begun_to_others(cluster: DaskProcesses) -> None:
    """All rows are in one chunk, and others have nothing to do."""
    program = Program(graph="tests.scale.programs:sleeps", limits=Limits(concurrency=2))
    async with Feeder(DaskEngine(cluster.address), program) as feeder:
        await feeder.feed(rows_of(100, seconds=0.1), 100)
    assert sorted(int(result.key) for result in feeder.results) == list(range(100))
    assert min(Counter(result.worker for result in feeder.results).values()) > 20
    assert not feeder.lost


async def test_jobs_that_run_at_the_same_time_have_their_own_results(cluster: DaskProcesses) -> None:
    """Two commands on one cluster share its workers, and nothing else."""
    async with (
        Feeder(DaskEngine(cluster.address), NOTHING, "one") as one,
        Feeder(DaskEngine(cluster.address), Program(graph="tests.scale.programs:double"), "other") as other,
    ):
        await asyncio.gather(one.feed(rows_of(300), 20), other.feed(rows_of(200), 20))
    assert {json.dumps(dict(result.output)) for result in one.results} == {'{"done": true}'}
    assert {result.output["result"] for result in other.results} == set(range(0, 400, 2))


async def test_cancelling_a_chunk_stops_its_rows(cluster: DaskProcesses, tmp_path: Path) -> None:
    """Those that run are cancelled, and the others are not begun."""
    program = Program(graph="tests.scale.programs_on_dask:tells", limits=Limits(concurrency=4))
    async with Feeder(DaskEngine(cluster.address), program) as feeder:
        told = tmp_path / "begun"
        rows = rows_of(100, file=str(told), seconds=60)
        running = asyncio.create_task(feeder.engine.run(Chunk(1, rows)))
        await asyncio.to_thread(wait_for_lines, told, 4)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await feeder.feed(rows_of(10, file=str(told), seconds=0), 5)
    assert len(feeder.results) == 10
    assert len(told.read_text().split()) < 40


async def test_a_drain_ends_chunks_without_the_rows_that_had_not_begun(cluster: DaskProcesses) -> None:
    """Rows that run end, and are delivered."""
    program = Program(graph="tests.scale.programs:sleeps", limits=Limits(concurrency=4))
    async with Feeder(DaskEngine(cluster.address), program) as feeder:
        feeding = asyncio.create_task(feeder.feed(rows_of(200, seconds=0.3), 100))
        await feeder.until(1)
        await feeder.engine.drain()
        await feeding
    assert 1 <= len(feeder.results) < 200
    assert {result.status for result in feeder.results} == {"ok"}


async def test_rows_that_block_hold_up_neither_the_worker_nor_other_commands(
    cluster: DaskProcesses, tmp_path: Path
) -> None:
    """The event loop of the rows is not that of Dask."""
    told, gate = tmp_path / "begun", tmp_path / "gate"
    program = Program(graph="tests.scale.programs_on_dask:blocks", limits=Limits(concurrency=1))
    async with (
        Feeder(DaskEngine(cluster.address), program, "blocks") as blocks,
        Feeder(DaskEngine(cluster.address), NOTHING, "other") as other,
    ):
        blocking = asyncio.create_task(blocks.feed(rows_of(2, file=str(told), gate=str(gate)), 1))
        await asyncio.to_thread(wait_for_lines, told, 1)
        await other.feed(rows_of(1), 1)
        assert not blocking.done()
        gate.touch()
        await blocking


async def test_a_program_that_workers_cannot_load_is_named(cluster: DaskProcesses) -> None:
    """The first chunk says so, and the workers go on with other commands."""
    async with Feeder(DaskEngine(cluster.address), Program(graph="no.such.module:graph")) as feeder:
        with pytest.raises(UsageError, match=r"no\.such"):
            await feeder.feed(rows_of(10), 5)


async def test_a_function_without_a_name_travels(cluster: DaskProcesses) -> None:
    """A function of this program goes by pickle; what cannot is named before anything starts."""
    factor = 3
    program = Program(local=lambda row: {"times": row["number"] * factor})
    async with Feeder(DaskEngine(cluster.address), program) as feeder:
        await feeder.feed(rows_of(4), 2)
    assert {result.output["times"] for result in feeder.results} == {0, 3, 6, 9}
    lock = threading.Lock()
    with pytest.raises(UsageError, match="cannot travel to the workers of Dask"):
        await DaskEngine(cluster.address).open(
            Job(id="j", program=Program(local=lambda row: {"lock": lock})), ignore
        )


async def test_keys_and_graphs_tell_the_rows_and_no_secret(cluster: DaskProcesses) -> None:
    """Tasks are named by the program and its rows; what the program is given goes past Dask's graphs."""
    program = Program(graph="tests.scale.programs:sleeps", context={"model": "openai:gpt-4o?api_key=SECRET"})
    async with (
        Client(cluster.address, asynchronous=True, set_as_default=False) as client,
        Feeder(DaskEngine(cluster.address), program) as feeder,
    ):
        feeding = asyncio.create_task(feeder.feed(rows_of(40, seconds=0.5), 20))
        await feeder.until(1)
        seen: Any = await client.run_on_scheduler(tasks_and_events)
        await feeding
    assert {(title, rows) for title, rows, _ in seen["keys"]} == {
        ("sleeps", "rows 0 to 19"),
        ("sleeps", "rows 20 to 39"),
    }
    assert seen["groups"] == {"sleeps"}
    assert "SECRET" not in seen["everything"]


async def test_a_client_of_the_caller_names_the_cluster(cluster: DaskProcesses) -> None:
    """Its scheduler is asked on a connection of the engine's own, as the client may live elsewhere."""
    client = await asyncio.to_thread(Client, cluster.address, set_as_default=False)
    engine = DaskEngine(client)
    assert engine.name == f"Dask at {cluster.address}"
    async with Feeder(engine, NOTHING) as feeder:
        await feeder.feed(rows_of(10), 5)
    assert len(feeder.results) == 10
    assert client.status == "running"
    await asyncio.to_thread(client.close)
    with pytest.raises(UsageError, match="the Dask client is closed"):
        DaskEngine(client)


def tasks_and_events(dask_scheduler: Any) -> dict[str, Any]:
    """Return what Dask shows of its tasks, in the scheduler."""
    tasks = dask_scheduler.tasks
    return {
        "keys": [key for key in tasks if isinstance(key, tuple)],
        "groups": {str(task.group.name) for key, task in tasks.items() if isinstance(key, tuple)},
        "everything": repr(
            [
                [(key, bytes(pickle.dumps(task.run_spec))) for key, task in tasks.items()],
                dask_scheduler.get_events(),
                list(dask_scheduler.transition_log),
            ]
        ),
    }


def test_rows_that_end_after_a_killed_command_are_taken_by_the_next(
    cluster: DaskProcesses, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No row runs twice: neither those that were stored, nor those that ended when nobody took them."""
    begun, gate, sink = tmp_path / "begun", tmp_path / "gate", tmp_path / "rows.sqlite"
    columns = {"file": str(begun), "gate": str(gate)}
    items = tmp_path / "items.jsonl"
    items.write_text("".join(json.dumps({"number": n, "slow": n >= 8, **columns}) + "\n" for n in range(100)))
    arguments = [
        *("map", "tests.scale.programs_on_dask:waits", str(items), "--key", "number", "--sink", str(sink)),
        *("--engine", cluster.address, "--concurrency", "8", "--progress", "none"),
    ]
    command = subprocess.Popen([sys.executable, "-m", "langgraph_parallel", *arguments], env=environment())
    wait_until(lambda: stored(sink) == {str(n) for n in range(8)})
    wait_for_lines(begun, 10)
    kill(command.pid)
    command.wait()
    at_kill = stored(sink)
    gate.touch()
    with Client(cluster.address, set_as_default=False) as client:
        wait_until(lambda: not client.run_on_scheduler(is_working))
    before = set(begun.read_text().split())
    assert at_kill < before
    assert run(arguments) == 0
    assert f"{100 - len(at_kill)} run, 8 kept from before" in capsys.readouterr().err
    assert Counter(begun.read_text().split()) == {str(n): 1 for n in range(100)}
    assert stored(sink) == {str(n) for n in range(100)}


def is_working(dask_scheduler: Any) -> bool:
    """Return whether a worker runs rows of any command, in the scheduler."""
    return any(hosted.is_busy for hosted in dask_scheduler.plugins["langgraph-parallel"]._sessions.values())


def stored(sink: Path) -> set[str]:
    """Return the keys of the rows that are stored."""
    if not sink.exists():
        return set()
    with closing(sqlite3.connect(sink)) as database:
        if not database.execute("SELECT name FROM sqlite_master WHERE name = 'rows'").fetchall():
            return set()
        return {str(key) for (key,) in database.execute("SELECT key FROM rows WHERE status = 'ok'")}


def start_driver(*arguments: str) -> "subprocess.Popen[bytes]":
    """Start a driver in a process of its own."""
    command = [sys.executable, "-m", "tests.scale.dask_driver", *arguments]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE)


def wait_for_lines(file: Path, number: int) -> None:
    """Return once a file has so many lines."""
    wait_until(lambda: file.exists() and len(file.read_text().splitlines()) >= number)


async def ignore(results: object) -> None:
    """Take results."""
