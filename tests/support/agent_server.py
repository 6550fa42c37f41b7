"""LangGraph's Agent Server, as `langgraph dev` runs it, in a process of its own on loopback."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

from tests.support.documents import ROOT

START = 180.0
"""Seconds that a server may take to begin or to end, on a machine that is busy."""
_HIDDEN = ("OPENAI", "LANGSMITH", "LANGCHAIN", "LANGGRAPH_PARALLEL")
"""Beginnings of variables of this machine that the server does not get."""


@contextmanager
def serving(
    folder: Path, port: int, settings: Mapping[str, str] | None = None, app: Path = ROOT
) -> Iterator[Callable[[], SyncLangGraphClient]]:
    """Run the server without a key of this machine, and yield what waits until it answers.

    Args:
        folder: for its log, `log.txt`.
        port: on which it listens.
        settings: variables of its environment.
        app: folder of the `langgraph.json`.
    """
    log = folder / "log.txt"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
    quiet = {"LANGSMITH_TRACING": "false", "LANGGRAPH_CLI_NO_ANALYTICS": "1"}
    program = str(Path(sys.executable).with_name("langgraph"))
    with log.open("w") as output:
        process = subprocess.Popen(
            [program, "dev", "--no-browser", "--no-reload", "--host=127.0.0.1", f"--port={port}"],
            cwd=app,
            env=environment | quiet | dict(settings or {}),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        with get_sync_client(url=f"http://127.0.0.1:{port}", timeout=60) as client:

            def ready() -> SyncLangGraphClient:
                waited_for(lambda: client.http.get("/ok"), process, log)
                return client

            yield ready
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=START)
    assert "langgraph_parallel.records" not in log.read_text()  # no record was unknown to the server


def waited_for(ask: Callable[[], object], process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Ask until a server answers; fail with its log if it ends instead, or begins for minutes."""
    end = time.monotonic() + START
    while True:
        try:
            ask()
            return
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
