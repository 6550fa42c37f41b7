"""A client of the official SDK, on the real command, for tests that are not asynchronous."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, StdioServerParameters, types

from tests.cli.support import MAIN, PATIENCE

Progress = tuple[float, float | None, str | None]


def parameters(*options: str, cwd: Path | None = None, **variables: str) -> StdioServerParameters:
    """Return how an editor would start the command."""
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "LANGSMITH_TRACING": "false", **variables}
    arguments = ["-c", MAIN, "mcp", *options]
    return StdioServerParameters(command=sys.executable, args=arguments, env=environment, cwd=cwd)


class Caller:
    """Calls the methods of a client that works in a thread of its own."""

    def __init__(self, portal: BlockingPortal, client: Client) -> None:
        self.portal, self.client = portal, client

    def __call__(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call a method of the client, and return what it returns."""
        return self.portal.call(partial(method, *arguments, **named))

    def begin(self, tool: str, arguments: dict[str, Any]) -> "Future[types.CallToolResult]":
        """Call a tool, and do not wait for it; to cancel the future cancels the call."""
        return self.portal.start_task_soon(self.client.call_tool, tool, arguments)

    def tool(self, tool: str, progress: list[Progress] | None = None, **arguments: Any) -> Any:
        """Call a tool, and return its result; what it tells of its progress goes to the list."""

        async def note(done: float, total: float | None, message: str | None) -> None:
            if progress is not None:
                progress.append((done, total, message))

        return self(self.client.call_tool, tool, arguments, progress_callback=note)


@contextmanager
def connected(server: StdioServerParameters, **options: Any) -> Iterator[Caller]:
    """Start a server, and connect a client to it."""
    with start_blocking_portal() as portal:
        client = Client(server, **options)
        with portal.wrap_async_context_manager(client):
            yield Caller(portal, client)


class Raw:
    """The wire itself, for what no client of the SDK would send."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    def send(self, *messages: dict[str, Any] | bytes) -> None:
        """Send messages, and lines that are none."""
        assert self.process.stdin is not None
        for message in messages:
            line = (
                message if isinstance(message, bytes) else json.dumps({"jsonrpc": "2.0", **message}).encode()
            )
            self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def read(self) -> dict[str, Any]:
        """Return the next message of the server."""
        assert self.process.stdout is not None
        message: dict[str, Any] = json.loads(self.process.stdout.readline())
        return message

    def begin(self, version: str = "2025-11-25") -> dict[str, Any]:
        """Shake hands, and return what the server says of itself."""
        client = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        self.send({"id": 0, "method": "initialize", "params": client})
        answer = self.read()
        self.send({"method": "notifications/initialized"})
        result: dict[str, Any] = answer["result"]
        return result

    def call(self, id: int, tool: str, **arguments: Any) -> None:
        """Call a tool."""
        self.send({"id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})

    def end(self) -> tuple[int, bytes, str]:
        """Wait for the end, and return the exit code and what is left of both streams."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err.decode()


@contextmanager
def raw(*options: str, **variables: str) -> Iterator[Raw]:
    """Start the command, and speak with it line by line."""
    start = parameters(*options, cwd=None, **variables)
    command: Sequence[str] = [start.command, *start.args]
    environment = {**os.environ, **(start.env or {})}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        try:
            yield Raw(process)
        finally:
            if process.poll() is None:
                process.kill()
