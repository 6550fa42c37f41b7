"""The line over TCP."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.line import tcp
from langgraph_parallel.scale.line.coordinator import Coordinator
from langgraph_parallel.scale.line.tcp import LineServer, TcpLine
from langgraph_parallel.scale.line.threaded import Address, ThreadedLine
from langgraph_parallel.scale.line.wire import pack, pack_results, unpack
from langgraph_parallel.scale.rows import Result
from tests.scale.driving import job_of, until

IDLE = {"running": 0, "in_flight": 0, "done": 0, "reserved": (0, 0, 0.0)}


class Echo:
    """A keeper of rows that answers with what it was told, once it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.gone: asyncio.Queue[str] = asyncio.Queue()
        self.asked: asyncio.Queue[str] = asyncio.Queue()

    async def answer(self, worker: str, op: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Answer at once, or wait."""
        self.asked.put_nowait(op)
        if op == "rows.waits":
            await self.may.wait()
        return {"heard": data["said"]}

    def worker_gone(self, worker: str) -> None:
        """Note it."""
        self.gone.put_nowait(worker)


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[LineServer, Coordinator, Echo]]:
    """Serve a coordinator with an echo."""
    echo = Echo()
    coordinator = Coordinator(job_of("programs:nothing"), rows=echo)
    server = LineServer(coordinator)
    await server.start()
    try:
        yield server, coordinator, echo
    finally:
        await server.close()


async def test_many_ask_at_the_same_time() -> None:
    """An answer that takes long does not hold up others, and each gets its own."""
    async with serving() as (server, _, echo):
        line = await TcpLine.connect(server.host, server.port, server.token, "w")
        slow = asyncio.create_task(line.ask("rows.waits", {"said": "slow"}))
        answers = await asyncio.gather(*(line.ask("rows.quick", {"said": n}) for n in range(200)))
        assert [one["heard"] for one in answers] == [*range(200)]
        assert not slow.done()
        echo.may.set()
        assert await slow == {"heard": "slow"}
        await line.close()


async def test_an_error_of_the_coordinator_reaches_who_asked() -> None:
    """The line stays usable."""
    async with serving() as (server, _, _echo):
        line = await TcpLine.connect(server.host, server.port, server.token, "w")
        with pytest.raises(UsageError, match="'nonsense' is not answered here"):
            await line.ask("nonsense", {})
        assert await line.ask("rows.quick", {"said": 1}) == {"heard": 1}
        await line.close()


@pytest.mark.parametrize(
    "frame",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x01\xc1",
        (len(pack([1, "hello", {"token": "wrong", "worker": "w"}]))).to_bytes(4, "big")
        + pack([1, "hello", {"token": "wrong", "worker": "w"}]),
        (len(pack([1, "post", {}]))).to_bytes(4, "big") + pack([1, "post", {}]),
        (len(pack([1, "hello", {"token": 5, "worker": "w"}]))).to_bytes(4, "big")
        + pack([1, "hello", {"token": 5, "worker": "w"}]),
    ],
    ids=["http", "huge", "not-msgpack", "wrong-token", "no-hello", "token-is-no-text"],
)
async def test_strangers_are_hung_up_on(frame: bytes) -> None:
    """Whoever does not know the token gets no byte, and no worker is noted."""
    async with serving() as (server, coordinator, _):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(frame)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
        assert coordinator.workers() == []
        writer.close()


async def test_a_wrong_token_is_an_os_error_for_the_worker() -> None:
    """It is told like a coordinator that is gone."""
    async with serving() as (server, _, _echo):
        with pytest.raises(OSError, match="the coordinator is gone"):
            await TcpLine.connect(server.host, server.port, "wrong", "w")


async def test_what_a_worker_posted_last_counts() -> None:
    """Its connection ends right behind the post, without a wait for the answer."""
    async with serving() as (server, coordinator, echo):
        plug = socket.create_connection((server.host, server.port))
        hello = pack([1, "hello", {"token": server.token, "worker": "w"}])
        post = pack([2, "post", {"results": pack_results([Result("1", "ok")]), "size": 1, "state": IDLE}])
        for frame in (hello, post):
            plug.sendall(len(frame).to_bytes(4, "big") + frame)
        plug.close()
        assert await echo.gone.get() == "w"
        assert [posted.size for posted in await coordinator.mailbox.read(0, 0)] == [1]


async def test_whoever_waits_hears_that_the_coordinator_is_gone() -> None:
    """At once, and not at the next question."""
    async with serving() as (server, _, echo):
        line = await TcpLine.connect(server.host, server.port, server.token, "w")
        waiting = asyncio.create_task(line.ask("rows.waits", {"said": 1}))
        assert await echo.asked.get() == "rows.waits"
        await server.close()
        with pytest.raises(OSError, match="the coordinator is gone"):
            await waiting
        with pytest.raises(OSError, match="the coordinator is gone"):
            await line.ask("rows.quick", {"said": 1})
        await line.close()


async def test_a_silent_worker_is_gone_though_its_connection_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was cut off closes nothing."""
    monkeypatch.setattr(tcp, "_SILENCE", 0.1)
    monkeypatch.setattr(tcp, "_LOOK", 0.05)
    async with serving() as (server, _, echo):
        line = await TcpLine.connect(server.host, server.port, server.token, "w")
        assert await echo.gone.get() == "w"
        await asyncio.wait_for(line.closed.wait(), 10)
        await line.close()


async def test_two_workers_of_one_name_are_two() -> None:
    """Host and process are no proof: containers may share both."""
    async with serving() as (server, coordinator, _):
        lines = [await TcpLine.connect(server.host, server.port, server.token, "h:1") for _ in range(2)]
        assert [one.name for one in coordinator.workers()] == ["h:1", "h:1#2"]
        for line in lines:
            await line.close()


async def test_a_host_of_another_machine_is_refused() -> None:
    """The error says what a host is."""
    server = LineServer(Coordinator(job_of("programs:nothing")), host="192.0.2.1")
    with pytest.raises(UsageError, match=r"cannot listen on '192\.0\.2\.1': .* an address of this machine"):
        await server.start()


async def test_frames_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that is too large is an error of its own, and not the end of the line."""
    monkeypatch.setattr(tcp, "MOST_BYTES", 10_000)
    async with serving() as (server, _, _echo):
        line = await TcpLine.connect(server.host, server.port, server.token, "w")
        with pytest.raises(UsageError, match=r"has 200.. bytes; at most 10000 can travel"):
            await line.ask("rows.quick", {"said": "x" * 20_000})
        assert await line.ask("rows.quick", {"said": 1}) == {"heard": 1}
        await line.close()


async def test_an_answer_that_cannot_travel_is_no_wait_for_who_asked(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It waits for no answer that does not come: the error is its answer, or the line ends."""
    async with serving() as (server, _, echo):
        line = await TcpLine.connect(server.host, server.port, server.token, "w")
        monkeypatch.setattr(tcp, "MOST_BYTES", 10_000)

        async def answer(worker: str, op: str, data: Mapping[str, Any]) -> dict[str, Any]:
            return {"heard": "x" * 20_000 if op == "rows.large" else object()}

        monkeypatch.setattr(echo, "answer", answer)
        with pytest.raises(UsageError, match=r"at most 10000 can travel"):
            await asyncio.wait_for(line.ask("rows.large", {}), 20)
        with pytest.raises(OSError, match="the coordinator is gone"):
            await asyncio.wait_for(line.ask("rows.strange", {}), 20)
        await line.close()
    assert caplog.messages == ["rows.strange of worker w cannot be answered; its connection is closed"]


@pytest.mark.filterwarnings("error")
async def test_an_error_of_a_line_is_heard_once(caplog: pytest.LogCaptureFixture) -> None:
    """Who asks hears that nothing can be written; what the reader finds out beside it is no other error."""
    async with serving() as (server, *_):
        line = await TcpLine.connect(server.host, server.port, server.token, "w")
        written = asyncio.Event()

        async def drain() -> None:
            written.set()
            await line.closed.wait()
            raise ConnectionResetError("connection lost")

        line._writer.drain = drain  # type: ignore[method-assign]
        asking = asyncio.ensure_future(line.ask("rows.waits", {"said": "slow"}))
        await written.wait()
        await server.close()
        with pytest.raises(ConnectionResetError, match="connection lost"):
            await asking
        await line.close()
    del asking
    gc.collect()
    assert not caplog.messages


async def test_a_worker_whose_beats_fail_ends() -> None:
    """Else it would work on unheard, and be taken for dead."""
    async with serving() as (server, *_):
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def state() -> dict[str, Any]:
            raise RuntimeError("dictionary changed size during iteration")

        def end() -> None:
            loop.call_soon_threadsafe(ended.set)

        line = ThreadedLine(
            Address(server.host, server.port, server.token),
            worker="w",
            state=state,
            on_answer=lambda _: None,
            on_end=end,
        )
        await asyncio.to_thread(line.start)
        await asyncio.wait_for(ended.wait(), 20)
        await asyncio.to_thread(line.close)


async def test_beats_come_from_a_thread_of_their_own() -> None:
    """A loop that is blocked by the code of a row does not make its worker silent."""
    async with serving() as (server, coordinator, _):
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def end() -> None:
            loop.call_soon_threadsafe(ended.set)

        line = ThreadedLine(
            Address(server.host, server.port, server.token),
            worker="w",
            state=lambda: IDLE | {"done": 3},
            on_answer=lambda _: None,
            on_end=end,
        )
        welcome = await asyncio.to_thread(line.start)
        assert unpack(welcome["job"])["id"] == "test"
        assert await line.ask("rows.quick", {"said": 1}) == {"heard": 1}
        await until(lambda: [one.done for one in coordinator.workers()] == [3])
        await server.close()
        await ended.wait()
        await asyncio.to_thread(line.close)


async def test_a_coordinator_that_is_not_there_is_an_os_error() -> None:
    """No thread is left."""
    line = ThreadedLine(
        Address("127.0.0.1", 1, "x"),
        worker="w",
        state=dict,
        on_answer=lambda _: None,
        on_end=lambda: None,
    )
    with pytest.raises(OSError, match="Connect call failed"):
        line.start()
