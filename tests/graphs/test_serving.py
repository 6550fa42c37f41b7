"""Graphs in servers and worker processes, as the page about deployment says."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel import Ask, create_sectioning, split
from tests.support.documents import ROOT
from tests.support.server import Gate, ModelServer, Reply

PATIENCE = 120.0
"""Seconds to wait for another process: on a busy machine its imports alone may take many."""
TEXT = "\n".join(f"# Part {number}\nx" for number in range(6))


def post(port: int) -> Any:
    """Post the text to a server on loopback; wait until it listens."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", data=TEXT.encode(), method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_server_that_is_told_to_stop_answers_what_it_has(
    loop: str, model: str, server: ModelServer, tmp_path: Path
) -> None:
    """`examples/server.py`: calls in flight finish, none starts, and the request gets its answer."""
    gate = Gate()
    server.always(Reply(text="done", gate=gate))
    with socket.create_server(("127.0.0.1", 0)) as listening:  # inherited, so that it listens from the start
        port = listening.getsockname()[1]
        options = [f"--fd={listening.fileno()}", f"--loop={loop}", "--log-level=warning"]
        with subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "examples.server:app", *options],
            cwd=ROOT,
            env={**os.environ, "LANGGRAPH_PARALLEL_MODEL": model},
            pass_fds=[listening.fileno()],
        ) as process:
            try:
                with ThreadPoolExecutor(1) as pool:
                    posted = pool.submit(post, port)
                    server.wait(lambda s: s.in_flight == 2, PATIENCE)
                    process.send_signal(signal.SIGTERM)
                    threading.Timer(1.0, gate.open).start()  # after the signal, which nothing else shows
                    answer = posted.result(timeout=PATIENCE)
                process.wait(timeout=30)
            finally:
                process.kill()
    assert answer["missing"] == ["Part 2", "Part 3", "Part 4", "Part 5"]
    assert answer["why"] == "the process is being stopped"
    assert len(server.requests) == 2


graph = create_sectioning(planner=split.by_heading(), worker=Ask("Summarise:\n\n{content}"))


def task(number: int) -> dict[str, int]:
    """Do what a worker process does for one task: sync code, in a loop of its own."""
    branches: dict[str, int] = graph.invoke({"content": TEXT})["run_report"].branches
    return branches


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_worker_processes_run_one_graph_each_after_the_other(
    method: str, model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in processes that are forked from one that has run the graph before."""
    server.always(Reply(text="done"))
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    assert task(0) == {"ok": 6}
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        assert list(pool.map(task, range(4))) == [{"ok": 6}] * 4


def test_threads_run_one_graph_at_the_same_time(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in a loop of its own, within one ceiling."""
    server.always(Reply(text="done", delay=0.02))
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CONCURRENCY", "3")
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(task, range(8))) == [{"ok": 6}] * 8
    assert server.most_in_flight <= 3
