"""`examples/celery_tasks.py` in a real worker with two processes: kills, failures, and what messages hold."""

import importlib.util
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import pytest

from tests.support.databases import NEEDS_REDIS, REDIS
from tests.support.documents import ROOT
from tests.support.served import repeated, waited
from tests.support.server import Gate, ModelServer, Reply

pytestmark = [
    pytest.mark.needs_celery,
    pytest.mark.skipif(
        importlib.util.find_spec("celery") is None, reason="celery is missing: uv run --group recipes pytest"
    ),
    *NEEDS_REDIS,
]
SUMMARY = "\n\n".join(f"## Part {number}\n\ndone" for number in range(4))


class Worker:
    """A worker of Celery with two children, which share their limits.

    Args:
        folder: for checkpoints and the log.
        models: that the tasks ask.
    """

    def __init__(self, folder: Path, models: ModelServer) -> None:
        self.folder, self.models = folder, models
        self.checkpoints = folder / "checkpoints.sqlite"
        self.queue = f"test-{os.getpid()}-{time.time_ns()}"
        self._environment = os.environ | {
            "BROKER": REDIS,
            "RESULTS": REDIS,
            "CHECKPOINTS": str(self.checkpoints),
            "LANGGRAPH_PARALLEL_REDIS_URL": REDIS,
            "LANGGRAPH_PARALLEL_CONCURRENCY": "5",
            "OPENAI_BASE_URL": models.url,
            "OPENAI_API_KEY": "sk-of-the-workers",
        }

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "celery", "-A", "tests.recipes.celery_worker", "worker"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        with (self.folder / "log.txt").open("w") as log:
            self._process = subprocess.Popen(
                [*command, *quiet, "--concurrency=2", f"--queues={self.queue}", "--loglevel=INFO"],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        waited(lambda: " ready." in self.log(), 60)
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)  # nobody waits for its tasks
        self._process.wait()

    def log(self) -> str:
        """Return what it has said."""
        return (self.folder / "log.txt").read_text()

    def children(self) -> list[int]:
        """Return the ids of the processes that run tasks."""
        pid = self._process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def stored(self, task: str) -> int:
        """Return how many branches of a task are stored: each leads to the node that gathers them."""
        if not self.checkpoints.exists():
            return 0
        asked = "SELECT count(*) FROM writes WHERE thread_id = ? AND channel = 'branch:to:gather'"
        with closing(sqlite3.connect(self.checkpoints)) as database:
            return int(database.execute(asked, (task,)).fetchone()[0])

    def send(self, book: str) -> Any:
        """Send a task: a book of four parts, whose texts are in no other one."""
        from examples.celery_tasks import app, summarise

        app.conf.update(broker_url=REDIS, result_backend=REDIS)
        text = "\n".join(f"# Part {number}\nText {number} of {book}.\n" for number in range(4))
        return summarise.apply_async((text,), queue=self.queue)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """Run the worker for the tests of this module."""
    with ModelServer() as models, Worker(tmp_path_factory.mktemp("celery"), models) as running:
        yield running


@pytest.fixture
def models(worker: Worker) -> ModelServer:
    """The model server of the worker, as new."""
    worker.models.requests.clear()
    worker.models.always(Reply(text="done"))
    return worker.models


def test_tasks_run_in_processes_that_were_forked(worker: Worker, models: ModelServer) -> None:
    """One after another in two children, within one ceiling; nothing is kept of what is done."""
    tasks = [worker.send(book) for book in "abcde"]
    assert [task.get(timeout=60)["summary"].strip() for task in tasks] == [SUMMARY] * 5
    assert len(models.requests) == 20
    assert models.most_in_flight <= 5  # of the eight that two children would have
    assert [worker.stored(task.id) for task in tasks] == [0] * 5


def test_tasks_of_killed_processes_go_on_in_others(worker: Worker, models: ModelServer) -> None:
    """They are delivered again, and what was answered and stored is not asked again."""
    gate = Gate()
    for number in (2, 3):
        models.on(f"Text {number}", Reply(text="done", gate=gate))
    tasks = [worker.send("one"), worker.send("another")]  # both children are at work
    models.wait(lambda s: s.in_flight == 4)
    waited(lambda: all(worker.stored(task.id) >= 2 for task in tasks), 20)
    for child in worker.children():
        os.kill(child, signal.SIGKILL)
    models.wait(lambda s: s.in_flight == 0)  # else it would answer processes that are gone
    gate.open()
    assert [task.get(timeout=60)["summary"].strip() for task in tasks] == [SUMMARY] * 2
    assert repeated(models) == []
    assert len(models.requests) == 2 * (4 + 2)


def test_a_retry_asks_for_what_failed_and_for_nothing_else(worker: Worker, models: ModelServer) -> None:
    """The task is tried again, on its thread."""
    models.on("Text 2", Reply(status=400), times=1)
    task = worker.send("one")
    assert task.get(timeout=60)["summary"].strip() == SUMMARY
    assert len(models.requests) == 4 + 1
    assert "no summary of Part 2" in worker.log()


def test_no_key_is_in_a_message_a_result_or_a_checkpoint(worker: Worker, models: ModelServer) -> None:
    """Nor in the log: the processes have it from their environment."""
    worker.send("one").get(timeout=60)
    written = [path for path in worker.folder.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"log.txt", "checkpoints.sqlite"}
    assert [path for path in written if b"sk-of-the-workers" in path.read_bytes()] == []
