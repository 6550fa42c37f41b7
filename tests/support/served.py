"""The service of `examples/service` in a process of its own, which a test starts, asks and kills."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import httpx2
import uvicorn
from sqlalchemy import create_engine, text

from examples.service.app import create_app
from examples.service.settings import Settings, Tenant, digest
from langgraph_parallel.runtime.limiter_registry import reset_limits
from tests.support.forked import Forked, in_fork
from tests.support.killed_run import import_all
from tests.support.ports import free_ports
from tests.support.server import ModelServer, Reply, Request

ACME = Tenant("acme", digest("acme-key"), budget_usd=5, run_usd=0.5)
GLOBEX = Tenant("globex", digest("globex-key"), budget_usd=5, run_usd=0.5)
FILES = {"a.py": "import os\nos.system(input())\n"}
OVER = ("done", "failed", "cancelled")
START = 120.0
"""Seconds that a start may take: much is imported, on a machine that may be busy and slow to read."""


class Served:
    """A service on loopback, with the two tenants above.

    Args:
        folder: for its database, if it is SQLite.
        settings: that are not as in the class.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        (self.port,) = free_ports(1)
        given = Settings(
            database=f"sqlite:///{folder}/service.sqlite",
            lease=600.0,  # a process that is held up for some time has not lost its runs
            tenants=(ACME, GLOBEX),
            metrics_key_sha256=digest("metrics-key"),
        )
        self.settings = replace(given, **settings)
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: Forked | None = None
        self._clients: dict[str, httpx2.Client] = {}

    def __enter__(self) -> Self:
        import_all()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients.values():
            client.close()
        if self.process is not None:
            self.process.kill()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = in_fork(self._serve)
        waited(self._is_ready, START)

    def kill(self) -> None:
        """Kill it as `kill -9` does, and let its leases end at once."""
        assert self.process is not None
        self.process.kill()
        self.process = None
        engine = create_engine(self.settings.database)
        with engine.begin() as connection:
            connection.execute(text("UPDATE service_runs SET lease_until = 0"))
        engine.dispose()

    def terminate(self) -> None:
        """Ask it to stop."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGTERM)

    def wait(self) -> None:
        """Wait for its end."""
        assert self.process is not None
        self.process.wait()
        self.process = None

    def as_(self, key: str) -> httpx2.Client:
        """Return a client with a key."""
        if key not in self._clients:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            self._clients[key] = httpx2.Client(
                base_url=self.url, headers=headers, trust_env=False, timeout=60
            )
        return self._clients[key]

    def begin(self, key: str = "acme-key", files: dict[str, str] = FILES) -> str:
        """Start a run, and return its id."""
        started = self.as_(key).post("/runs", json={"files": files})
        assert started.status_code == 201, started.text
        return str(started.json()["id"])

    def show(self, id: str, key: str = "acme-key") -> dict[str, Any]:
        """Return where a run is."""
        shown = self.as_(key).get(f"/runs/{id}")
        assert shown.status_code == 200, shown.text
        return dict(shown.json())

    def reach(self, id: str, status: str, key: str = "acme-key") -> dict[str, Any]:
        """Wait until a run has a status, and return where it is then."""
        waited(lambda: self.show(id, key)["status"] in (status, *OVER), 60)
        shown = self.show(id, key)
        assert shown["status"] == status, shown
        return shown

    def events(self, id: str, after: str = "", key: str = "acme-key") -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the events of a run with their ids, until the stream ends."""
        headers = {"Last-Event-ID": after}
        with self.as_(key).stream("GET", f"/runs/{id}/events", headers=headers) as response:
            assert response.status_code == 200, response.read()
            number = ""
            for line in response.iter_lines():
                if line.startswith("id: "):
                    number = line.removeprefix("id: ")
                elif line.startswith("data: "):
                    yield number, json.loads(line.removeprefix("data: "))

    def stored(self) -> int:
        """Return how many voters of reviews have their answer in the checkpoints."""
        database = self.settings.database
        is_sqlite = database.startswith("sqlite")
        rows = "writes" if is_sqlite else "checkpoint_writes"
        engine = create_engine(f"{database}-checkpoints" if is_sqlite else database)
        counted = f"SELECT count(*) FROM {rows} WHERE channel = 'branches' AND checkpoint_ns LIKE '%|vote:%'"
        with closing(engine.connect()) as connection:
            number = connection.execute(text(counted)).scalar_one()
        engine.dispose()
        return int(number)

    def metrics(self) -> dict[str, float]:
        """Return the numbers for Prometheus by their names with labels."""
        shown = self.as_("metrics-key").get("/metrics").text
        rows = (line.rpartition(" ") for line in shown.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in rows}

    def _serve(self) -> None:
        reset_limits()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tests end it
        config = uvicorn.Config(create_app(self.settings), port=self.port, log_level="error")
        uvicorn.Server(config).run()

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert not self.process.has_ended(), "the service has ended before it was ready"
        try:
            with socket.create_connection(("127.0.0.1", self.port)):
                return self.as_("").get("/readyz").status_code == 200
        except (OSError, httpx2.TransportError):
            return False


def decided(choice: str) -> dict[str, Any]:
    """Return a person's answer to the vote on the release."""
    edit = {"name": "decide_vote", "args": {"vote": "release", "choice": choice}}
    return {"decisions": [{"type": "edit", "edited_action": edit}]}


def votes(server: ModelServer, *choices: str, delay: float = 0.0) -> None:
    """Let the voters on the release choose."""
    for number, choice in enumerate(choices, 1):

        def is_theirs(request: Request, number: int = number) -> bool:
            return "May this change" in request.prompt and f"voter {number} " in request.prompt

        ballot = {"rationale": "by the report", "choice": choice, "confidence": None}
        server.on(is_theirs, Reply(json=ballot, delay=delay))


def repeated(server: ModelServer, moment: float | None = None) -> list[str]:
    """Return the prompts that were asked again although they had been answered before a moment."""
    answered: set[str] = set()
    again = []
    for request in sorted(server.requests, key=lambda request: request.started):
        if request.prompt in answered:
            again.append(request.prompt)
        if request.status == 200 and (moment is None or (request.ended or time.time()) < moment):
            answered.add(request.prompt)
    return again


def waited(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for something that nobody announces."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)
