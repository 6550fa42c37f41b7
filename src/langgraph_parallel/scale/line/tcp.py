"""The line over TCP: a server beside the coordinator, and the end of a worker.

A frame is four bytes with its length, and msgpack: `[number, op, data]` from a worker, `[number, answer]` or
`[number, None, error]` to it. The first is a `hello` with the token of the job. Nothing is encrypted: hosts
other than this one belong in a network that is trusted.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.line.coordinator import Coordinator
from langgraph_parallel.scale.line.wire import pack, unpack

MOST_BYTES = 512_000_000
"""Of a frame."""
_MOST_OF_STRANGERS = 4_096
"""Of the first frame, whose sender is not known yet."""
_HELLO_SECONDS = 10.0
"""Seconds that a connection has to say hello."""
_SILENCE = 30.0
"""Seconds without a beat after which a worker is gone, though its connection is open."""
_LOOK = 1.0
"""Seconds between two looks for silent workers."""


_log = logging.getLogger("langgraph_parallel")


class _Connected(NamedTuple):
    serving: asyncio.Task[None]
    writer: asyncio.StreamWriter


class LineServer:
    """Lets workers ask a coordinator over TCP.

    Args:
        coordinator: answers.
        host: address to listen on, which workers connect to.
    """

    def __init__(self, coordinator: Coordinator, *, host: str = "127.0.0.1") -> None:
        self.token = secrets.token_urlsafe(32)
        """What a worker has to know."""
        self.host = host
        self.port = 0
        """Free port that was found; set by `start`."""
        self._coordinator = coordinator
        self._server: asyncio.Server | None = None
        self._watching: asyncio.Task[None] | None = None
        self._connected: dict[str, _Connected] = {}
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            UsageError: the host is not an address of this machine.
        """
        try:
            self._server = await asyncio.start_server(self._serve, self.host, 0)
        except OSError as error:
            raise UsageError(
                f"cannot listen on {self.host!r}: {error}; give an address of this machine"
            ) from None
        self.port = self._server.sockets[0].getsockname()[1]
        self._watching = asyncio.create_task(self._watch())

    async def farewell(self, worker: str, seconds: float) -> None:
        """Return once the connection of a worker has ended; end it after so many seconds."""
        if (connected := self._connected.get(worker)) is not None:
            await asyncio.wait([connected.serving], timeout=seconds)
            connected.writer.transport.abort()
            await asyncio.wait([connected.serving])

    async def close(self, grace: float = 0.0) -> None:
        """Close all connections, which ends the workers.

        Args:
            grace: seconds that workers have to hang up by themselves, because they were told to.
        """
        if self._server is None or self._watching is None:
            return
        self._server.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=grace)
        for task in (self._watching, *self._serving):
            task.cancel()
        await asyncio.gather(self._watching, *self._serving, return_exceptions=True)

    async def _watch(self) -> None:
        """Hang up on workers that are silent; not after this process itself was stopped for a while."""
        loop = asyncio.get_running_loop()
        looked = loop.time()
        while True:
            await asyncio.sleep(_LOOK)
            late = loop.time() - looked > 3 * _LOOK
            looked = loop.time()
            for worker in () if late else self._coordinator.silent(_SILENCE):
                if (connected := self._connected.get(worker)) is not None:
                    connected.writer.transport.abort()
                else:
                    self._coordinator.worker_gone(worker)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection until it ends."""
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        worker, answering = "", set[asyncio.Task[None]]()
        try:
            number, given = await self._greet(reader)
            worker = self._name(given)
            self._connected[worker] = _Connected(serving, writer)
            writer.write(_frame([number, await self._coordinator.answer(worker, "hello", {})]))
            while True:
                number, op, data = unpack(await _read(reader, MOST_BYTES))
                task = asyncio.create_task(self._answer(worker, writer, number, op, data))
                answering.add(task)
                task.add_done_callback(answering.discard)
        except (OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, asyncio.CancelledError):
            pass  # the connection or the server ends, or something does not speak as a worker does
        finally:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(
                    0
                )  # begins what it has asked last: a post counts, though its sender is gone
            writer.close()
            self._serving.discard(serving)
            if worker:
                del self._connected[worker]
                self._coordinator.worker_gone(worker)
            for task in answering:
                task.cancel()

    async def _greet(self, reader: asyncio.StreamReader) -> tuple[int, str]:
        """Let a worker in that knows the token; return the number of its question, and its name.

        Raises:
            ValueError: it does not.
        """
        async with asyncio.timeout(_HELLO_SECONDS):
            number, op, data = unpack(await _read(reader, _MOST_OF_STRANGERS))
        if op != "hello" or not secrets.compare_digest(data["token"].encode(), self.token.encode()):
            raise ValueError("this is no worker of the job")
        return number, data["worker"]

    def _name(self, given: str) -> str:
        """Return a name that no connected worker has."""
        name, number = given, 1
        while name in self._connected:
            number += 1
            name = f"{given}#{number}"
        return name

    async def _answer(
        self, worker: str, writer: asyncio.StreamWriter, number: int, op: str, data: Mapping[str, Any]
    ) -> None:
        try:
            frame = _frame([number, await self._coordinator.answer(worker, op, data)])
        except UsageError as error:
            frame = _frame([number, None, str(error)])
        except BaseException as error:
            writer.transport.abort()  # nobody may wait for an answer that does not come
            if isinstance(error, Exception):
                _log.exception("%s of worker %s cannot be answered; its connection is closed", op, worker)
                return
            raise
        if not writer.is_closing():
            writer.write(frame)
            with contextlib.suppress(OSError):
                await writer.drain()


class TcpLine:
    """The end of a worker; many may ask at the same time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last = 0
        self.closed = asyncio.Event()
        """Set once the coordinator is gone, or the line was closed."""
        self.welcome: dict[str, Any] = {}
        """Answer to hello."""
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, host: str, port: int, token: str, worker: str) -> Self:
        """Connect, and say hello.

        Args:
            host: of the server.
            port: of the server.
            token: of the job.
            worker: name of the worker.

        Raises:
            OSError: the server cannot be reached, or does not know the token.
        """
        async with asyncio.timeout(_HELLO_SECONDS):
            line = cls(*await asyncio.open_connection(host, port))
            try:
                line.welcome = await line.ask("hello", {"token": token, "worker": worker})
            except BaseException:
                await line.close()
                raise
        return line

    async def ask(self, op: str, data: dict[str, Any]) -> dict[str, Any]:
        """Ask the coordinator.

        Raises:
            OSError: the coordinator is gone.
            UsageError: it cannot answer that.
        """
        if self.closed.is_set():
            raise ConnectionError("the coordinator is gone")
        self._last += 1
        number = self._last
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            self._writer.write(_frame([number, op, data]))
            await self._writer.drain()
            return await answer
        finally:
            self._asked.pop(number, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # asyncio reports an error that nobody has read, as when the write failed

    async def close(self) -> None:
        """Hang up."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        try:
            while True:
                number, answer, *error = unpack(await _read(self._reader, MOST_BYTES))
                asked = self._asked.get(number)
                if asked is None or asked.done():
                    continue  # who asked was cancelled
                if error:
                    asked.set_exception(UsageError(error[0]))
                else:
                    asked.set_result(answer)
        except (OSError, EOFError, ValueError, TypeError):
            pass  # the coordinator is gone, or is none
        finally:
            self.closed.set()
            self._writer.close()
            for asked in self._asked.values():
                if not asked.done():
                    asked.set_exception(ConnectionError("the coordinator is gone"))


async def _read(reader: asyncio.StreamReader, most: int) -> bytes:
    """Read a frame.

    Raises:
        EOFError: the connection ends.
        ValueError: the frame has more bytes than are allowed.
    """
    size = int.from_bytes(await reader.readexactly(4), "big")
    if size > most:
        raise ValueError(f"a frame of {size} bytes; at most {most} are allowed")
    return await reader.readexactly(size)


def _frame(content: object) -> bytes:
    packed = pack(content)
    if len(packed) > MOST_BYTES:
        raise UsageError(f"a row or its result has {len(packed)} bytes; at most {MOST_BYTES} can travel")
    return len(packed).to_bytes(4, "big") + packed
