"""The circuit breaker: a server that hangs is not waited for."""

import asyncio
import time

import pytest

from langgraph_parallel.runtime.circuit import FIRST_TIMEOUT, Circuit, CircuitOpen
from tests.support.clock import Clock, until


class Server:
    """Answers while it is up; asked while it is down, it never does."""

    def __init__(self) -> None:
        self.up = asyncio.Event()
        self.up.set()
        self.asked = 0

    async def answer(self) -> str:
        """Answer when the server is up."""
        self.asked += 1
        await self.up.wait()
        return "pong"


def circuit_of(server: Server) -> tuple[Circuit, list[BaseException]]:
    """Return a circuit, and the reasons for which it opens."""
    reasons: list[BaseException] = []
    return Circuit(server.answer, reasons.append), reasons


async def test_after_one_slow_answer_nobody_waits(clock: Clock) -> None:
    """Of three that wait the first is too late, the others go on with it, and a fourth does not ask."""
    server = Server()
    circuit, reasons = circuit_of(server)
    assert await circuit.ask(server.answer) == "pong"
    server.up.clear()
    waiting = [asyncio.ensure_future(circuit.ask(server.answer)) for _ in range(3)]
    await until(lambda: server.asked == 4)
    clock.stop()
    clock.advance(circuit.timeout)
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert sorted(type(error).__name__ for error in errors) == ["CircuitOpen", "CircuitOpen", "TimeoutError"]
    with pytest.raises(CircuitOpen):
        await circuit.ask(server.answer)
    assert (server.asked, len(reasons)) == (4, 1)


async def test_a_probe_closes_it(clock: Clock) -> None:
    """In the background, once the server answers again: no call has to try."""
    server = Server()
    circuit, reasons = circuit_of(server)
    server.up.clear()
    waiting = asyncio.ensure_future(circuit.ask(server.answer))
    await until(lambda: server.asked == 1)
    clock.stop()
    clock.advance(FIRST_TIMEOUT)
    with pytest.raises(TimeoutError):
        await waiting
    clock.advance(2.0)
    await until(lambda: server.asked == 2)
    with pytest.raises(CircuitOpen):
        await circuit.ask(server.answer)
    server.up.set()
    await until(lambda: not circuit._is_open)
    assert await circuit.ask(server.answer) == "pong"
    assert len(reasons) == 1


async def test_a_slow_loop_is_not_a_slow_server(clock: Clock) -> None:
    """An answer that arrived while the loop was busy for a second is taken."""
    server = Server()
    circuit, reasons = circuit_of(server)

    async def answered_meanwhile() -> str:
        asyncio.get_running_loop().call_soon(time.sleep, FIRST_TIMEOUT + 0.2)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return "pong"

    assert await circuit.ask(answered_meanwhile) == "pong"
    assert reasons == []


async def test_an_error_opens_it() -> None:
    """A refused connection is no better than a slow one."""
    server = Server()
    circuit, reasons = circuit_of(server)

    async def refuse() -> None:
        raise ConnectionError("refused")

    with pytest.raises(ConnectionError):
        await circuit.ask(refuse)
    with pytest.raises(CircuitOpen):
        await circuit.ask(server.answer)
    assert [str(reason) for reason in reasons] == ["refused"]


async def test_a_cancelled_question_opens_nothing() -> None:
    """The server may be well."""
    server = Server()
    circuit, reasons = circuit_of(server)
    server.up.clear()
    waiting = asyncio.ensure_future(circuit.ask(server.answer))
    await until(lambda: server.asked == 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    server.up.set()
    assert await circuit.ask(server.answer) == "pong"
    assert reasons == []


async def test_an_error_that_is_no_outage_opens_nothing() -> None:
    """The server answered: it did not like the question."""
    server = Server()
    circuit, reasons = circuit_of(server)

    async def refuse() -> None:
        raise ValueError("wrong type")

    with pytest.raises(ValueError, match="wrong type"):
        await circuit.ask(refuse)
    assert await circuit.ask(server.answer) == "pong"
    assert reasons == []
