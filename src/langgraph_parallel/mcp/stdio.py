"""The server on standard input and output, until the client leaves or a signal stops it."""

import fcntl
import logging
import os
import signal
import sys
from typing import BinaryIO

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import types
from mcp.shared.message import SessionMessage

from langgraph_parallel.mcp.daemon import Daemon
from langgraph_parallel.mcp.server import ToolServer

logger = logging.getLogger(__name__)
Incoming = SessionMessage | Exception


class Wire:
    """Messages over standard input and output, one line of JSON each.

    From now on nothing else reaches the client: what libraries and child processes print goes to standard
    error, and they read nothing.
    """

    def __init__(self) -> None:
        self._input, self._output = _taken(0, "rb"), _taken(1, "wb")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        self._open: set[types.RequestId] = set()
        self._answered = anyio.Event()
        self._answered.set()

    async def read(self, messages: MemoryObjectSendStream[Incoming]) -> None:
        """Pass on what the client sends, until it closes its end."""
        thread = Daemon()
        try:
            while line := await thread.run(self._input.readline):
                await messages.send(self._parse(line))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the server has ended
        except OSError as error:
            logger.warning("cannot read from the client: %s", error.strerror)
        finally:
            thread.close()
            messages.close()

    async def write(self, messages: MemoryObjectReceiveStream[SessionMessage]) -> None:
        """Send messages to the client; once it has gone, drop them."""
        thread = Daemon()
        try:
            async for item in messages:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                await thread.run(self._send, text.encode() + b"\n")
                if isinstance(item.message, types.JSONRPCResponse | types.JSONRPCError):
                    self._settle(item.message.id)
        except OSError:
            logger.info("the client has gone")
        finally:
            thread.close()

    async def answered(self) -> None:
        """Wait until every request has been answered, or cancelled by the client."""
        await self._answered.wait()

    def _parse(self, line: bytes) -> Incoming:
        try:
            message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError as error:
            logger.warning("what the client sent is no JSON-RPC message: %.80r", line)
            return error
        if isinstance(message, types.JSONRPCRequest):
            if not self._open:
                self._answered = anyio.Event()
            self._open.add(message.id)
        elif isinstance(message, types.JSONRPCNotification) and message.method == "notifications/cancelled":
            self._settle((message.params or {}).get("requestId"))
        return SessionMessage(message)

    def _settle(self, request: types.RequestId | None) -> None:
        if request in self._open:
            self._open.discard(request)
            if not self._open:
                self._answered.set()

    def _send(self, data: bytes) -> None:
        self._output.write(data)
        self._output.flush()


async def serve(server: ToolServer) -> None:
    """Serve one client on standard input and output.

    Returns when the client closes its end, which cancels what runs. SIGINT and SIGTERM let runs in progress
    close on what they have, and their results reach the client; a second signal cancels them.
    """
    wire = Wire()
    incoming_in, incoming_out = anyio.create_memory_object_stream[Incoming](0)
    outgoing_in, outgoing_out = anyio.create_memory_object_stream[SessionMessage](0)

    async def stop_at_signals() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            first = await anext(signals)
            server.stop(f"stopped by {first.name}")
            print("langgraph-parallel: stopping: running calls may finish", file=sys.stderr, flush=True)
            tasks.start_soon(end_when_answered)
            await anext(signals)
            tasks.cancel_scope.cancel()

    async def end_when_answered() -> None:
        await wire.answered()
        tasks.cancel_scope.cancel()

    async def write() -> None:
        await wire.write(outgoing_out)
        tasks.cancel_scope.cancel()  # the client has gone, or the server has ended

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop_at_signals)
        tasks.start_soon(wire.read, incoming_in)
        tasks.start_soon(write)
        protocol = server.protocol
        await protocol.run(incoming_out, outgoing_in, protocol.create_initialization_options())
        tasks.cancel_scope.cancel()


def _taken(number: int, mode: str) -> BinaryIO:
    """Return a standard stream under another number, which child processes do not inherit."""
    return os.fdopen(fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3), mode)  # type: ignore[return-value]
