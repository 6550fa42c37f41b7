"""Endpoints that rest: an outage costs each run a few calls, and no run more than it must."""

import asyncio
import socket
import threading
import time
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from langchain_openai import ChatOpenAI

from langgraph_parallel import Ask, Limits, create_sectioning, governed
from langgraph_parallel.errors import EndpointResting
from langgraph_parallel.limiting import reset_limits
from langgraph_parallel.runtime import resting
from langgraph_parallel.runtime.account import Account
from langgraph_parallel.runtime.explain import kind_of
from langgraph_parallel.runtime.resting import FIRST_REST, LONGEST_REST, Rests, rests
from tests.support.clock import Clock, until
from tests.support.fans import GIVEN, flat, numbered
from tests.support.server import Gate, ModelServer, Reply

ONCE = Limits(attempts=1)
DOWN = Reply(status=500)
KEY = ("http://user:secret@host/v1/", "m", Account())


class Answered(Exception):
    """An endpoint's error with a status."""

    def __init__(self, status: int) -> None:
        super().__init__("no luck")
        self.status_code = status


async def fail(model: Any, server: ModelServer, times: int, reply: Reply = DOWN) -> None:
    """Let several calls in a row fail for good."""
    server.on("fail", reply, times=times)
    for _ in range(times):
        with pytest.raises(Exception) as raised:  # noqa: PT011 - of the provider
            await Ask("{text}", model=model, limits=ONCE).ainvoke("fail")
        assert not isinstance(raised.value, EndpointResting)


async def test_calls_wait_through_a_short_outage(model: str, server: ModelServer, clock: Clock) -> None:
    """In the first rest nobody is refused; one call goes first, and its answer lets all others go."""
    await fail(model, server, 5)
    gate = Gate()
    server.always(Reply(text="hello", gate=gate))
    clock.stop()
    running = asyncio.ensure_future(flat(20, model).ainvoke(GIVEN))
    await until(lambda: resting.rests.is_resting(next(iter(resting.rests._rests))))
    assert len(server.requests) == 5
    clock.advance(FIRST_REST)
    await until(lambda: len(server.requests) == 6)  # the probe alone
    gate.open()
    out = await running
    assert out["run_report"].branches == {"ok": 20}
    assert len(server.requests) == 25


async def test_a_probe_that_fails_ends_the_wait_of_all(model: str, server: ModelServer, clock: Clock) -> None:
    """A dead endpoint gets one more request; the others fail without one, with the cause and one remark."""
    server.always(DOWN)
    await fail(model, server, 5)
    clock.stop()
    running = asyncio.ensure_future(flat(20, model, limits=ONCE).ainvoke(GIVEN))
    await until(lambda: server.requests != [] and not running.done())
    clock.advance(FIRST_REST)
    out = await running
    assert out["run_report"].branches == {"failed": 20}
    assert len(server.requests) == 6
    refused = [branch for branch in out["branches"].values() if not branch.calls]
    assert len(refused) == 19
    assert {branch.cause for branch in refused} == {"server"}
    assert all("500 from" in branch.error and "tried again in 10 s" in branch.error for branch in refused)
    (remark,) = out["run_report"].remarks
    assert "rested" in remark
    with pytest.raises(EndpointResting, match=r"rests: the last \d+ calls to test-model failed"):
        await Ask("{text}", model=model).ainvoke("another run")
    assert len(server.requests) == 6


async def test_calls_in_line_for_a_slot_wait_as_well(model: str, server: ModelServer, clock: Clock) -> None:
    """They have been admitted before the endpoint failed, and have not begun."""
    server.always(Reply(text="hello"))
    server.on("Number", DOWN, times=5)
    graph = flat(20, model, limits=Limits(attempts=1, concurrency=1))
    running = asyncio.ensure_future(graph.ainvoke(GIVEN))
    await until(lambda: get_rest() > 0)
    assert len(server.requests) == 5
    clock.advance(FIRST_REST)
    assert (await running)["run_report"].branches == {"failed": 5, "ok": 15}


def get_rest() -> float:
    """Return the length of the only rest; 0 if there is none."""
    return next((rest.seconds for rest in list(resting.rests._rests.values())), 0.0)


async def test_an_answer_between_failures_starts_the_count_again(model: str, server: ModelServer) -> None:
    """An endpoint that fails now and then never rests."""
    for _ in range(3):
        await fail(model, server, 4)
        await Ask("{text}", model=model).ainvoke("x")
    assert get_rest() == 0


@pytest.mark.parametrize(
    ("reply", "calls"),
    [
        (DOWN, 5),
        (Reply(disconnect=True), 5),
        (Reply(status=401), 3),
        (Reply(status=404, body={"error": {"message": "The model `m` does not exist"}}), 3),
    ],
    ids=["server", "connection", "key", "model"],
)
async def test_an_endpoint_rests_after_failures_in_a_row(
    model: str, server: ModelServer, reply: Reply, calls: int
) -> None:
    """Fewer are enough if no attempt can change the reason; not one less than that."""
    server.always(reply)
    await fail(model, server, calls - 1, reply)
    assert get_rest() == 0
    await fail(model, server, 1, reply)
    assert get_rest() == FIRST_REST


@pytest.mark.parametrize(
    "reply",
    [Reply(status=400), Reply(status=429, headers={"retry-after": "99"}), Reply(text="")],
    ids=["request", "throttled", "empty"],
)
async def test_what_an_endpoint_refuses_for_a_reason_is_an_answer(
    model: str, server: ModelServer, reply: Reply
) -> None:
    """A wrong request, a rate limit and an answer that cannot be used say that it works."""
    await fail(model, server, 4)
    server.on("other", reply, times=1)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it is
        await Ask("{text}", model=model, limits=Limits(attempts=1, patience=0)).ainvoke("other")
    assert resting.rests._rests == {}


async def test_a_refused_reason_that_lasts_is_not_waited_for(model: str, server: ModelServer) -> None:
    """A wrong key is as wrong in five seconds; another account is not concerned."""
    await fail(model, server, 3, Reply(status=401))
    with pytest.raises(EndpointResting, match="rests") as raised:
        await Ask("{text}", model=model).ainvoke("x")
    assert kind_of(raised.value) == "key"
    other = ChatOpenAI(model="test-model", base_url=server.url, api_key="sk-other")
    assert await Ask("{text}", model=other).ainvoke("x")


async def test_reset_limits_ends_a_rest(model: str, server: ModelServer) -> None:
    """For a process that knows that its endpoint is back."""
    await fail(model, server, 3, Reply(status=401))
    reset_limits()
    assert await Ask("{text}", model=model).ainvoke("x")


async def test_without_a_number_of_failures_nothing_rests(model: str, server: ModelServer) -> None:
    """`rest_after=0` neither counts nor waits."""
    limits = Limits(attempts=1, rest_after=0)
    server.always(DOWN)
    out = await flat(20, model, limits=limits).ainvoke(GIVEN)
    assert out["run_report"].branches == {"failed": 20}
    assert get_rest() == 0


async def test_models_of_functions_rest_as_well(server: ModelServer, own: ChatOpenAI) -> None:
    """In a worker of the caller's, each request is a call; with which key, nobody tells."""

    async def work(section: Any) -> str:
        return str((await own.ainvoke(section.content)).text)

    graph = create_sectioning(planner=numbered(5), worker=work, limits=Limits(concurrency=1))
    server.always(Reply(status=401))
    for runs in range(1, 6):
        out = await graph.ainvoke(GIVEN)
        assert len(server.requests) == runs  # each gives up the key that was refused, which may be its own
        assert out["run_report"].branches == {"failed": 1, "skipped": 4}
    assert not any(rest.seconds for rest in rests._rests.values())
    server.always(Reply(status=500))
    await graph.ainvoke(GIVEN)
    assert [rest.row for rest in rests._rests.values() if rest.seconds] == [5]


@pytest.mark.parametrize("streams", [False, True])
def test_sync_calls_count_and_are_refused(server: ModelServer, own: ChatOpenAI, streams: bool) -> None:
    """A governed model in sync code, whole answers and streams."""
    server.always(Reply(status=401))
    model = governed(own, limits=ONCE)
    for _ in range(4):
        with pytest.raises(Exception) as raised:  # noqa: PT011 - of the provider
            list(model.stream("x")) if streams else model.invoke("x")
    assert isinstance(raised.value, EndpointResting)
    assert len(server.requests) == 3


async def test_a_stream_counts_as_a_call(server: ModelServer, own: ChatOpenAI) -> None:
    """It fails before its first part."""
    server.always(Reply(status=401))
    model = governed(own, limits=ONCE)
    for _ in range(4):
        with pytest.raises(Exception) as raised:  # noqa: PT011 - of the provider
            [part async for part in model.astream("x")]
    assert isinstance(raised.value, EndpointResting)
    assert len(server.requests) == 3


async def test_a_cancelled_probe_lets_another_call_go(model: str, server: ModelServer, clock: Clock) -> None:
    """Nothing is known of the endpoint then."""
    await fail(model, server, 5)
    server.always(Reply(text="hello"))
    server.on("first", Reply(hang=True))
    clock.stop()
    clock.advance(FIRST_REST)
    probe = asyncio.ensure_future(Ask("{text}", model=model).ainvoke("first"))
    await until(lambda: len(server.requests) == 6)
    second = asyncio.ensure_future(Ask("{text}", model=model).ainvoke("second"))
    await until(lambda: not second.done())
    assert len(server.requests) == 6
    probe.cancel()
    assert await second == "hello"


def test_a_refused_port_is_named() -> None:
    """The error says what failed, until when it rests, and hides what is secret in an address."""
    rests = Rests()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(OSError, match="refused") as refused:
        socket.create_connection(("127.0.0.1", port))
    assert [rests.failed(KEY, refused.value, 5) for _ in range(5)] == [False] * 4 + [True]
    with pytest.raises(EndpointResting) as raised:
        rests.check(KEY)
    assert "secret" not in str(raised.value)
    assert "host/v1 rests: the last 5 calls to m failed; it is tried again in 5 s" in str(raised.value)


async def test_waiting_calls_of_all_threads_are_woken() -> None:
    """The event loop of another thread goes on at once when a call of this one is answered."""
    rests = Rests()
    for _ in range(5):
        rests.failed(KEY, Answered(500), 5)
    admitted: list[bool] = []
    thread = threading.Thread(target=lambda: admitted.append(asyncio.run(rests.admit(KEY))))
    thread.start()
    await until(lambda: bool(rests._rests[KEY].waiting))
    rests.answered(KEY)
    await asyncio.to_thread(thread.join)
    assert admitted == [False]


def test_only_so_many_endpoints_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process with an account for each of its users does not grow without bound."""
    monkeypatch.setattr(resting, "_MOST", 3)
    rests = Rests()
    for number in range(10):
        rests.failed(("e", "m", Account("KEY", number)), Answered(500), 5)
    assert [account.fingerprint for _, _, account in rests._rests] == [7, 8, 9]


class Resting(RuleBasedStateMachine):
    """Calls begin, fail, are answered or cut off in any order, at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.rests, self.now = Rests(), 0.0
        self.probing: float | None = None
        """When the probe under way began."""
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(time, "monotonic", lambda: self.now)

    def teardown(self) -> None:
        """Restore the clock."""
        self.patch.undo()

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 20.0, 61.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule()
    def begin(self) -> None:
        """Let a call begin: at most one probe is under way, and none in a rest."""
        rest = self.rests._rests.get(KEY)
        try:
            is_probe = self.rests.check(KEY)
        except EndpointResting:
            assert rest is not None
            assert rest.seconds > 0
            return
        if is_probe:
            assert rest is not None
            assert self.now >= rest.ends
            assert self.probing is None or self.now >= self.probing + 60
            self.probing = self.now

    @rule(status=st.sampled_from([500, 502, 401]))
    def fail(self, status: int) -> None:
        """Let a call that is no probe fail for good: it never makes a rest longer."""
        before = self.rests._rests.get(KEY)
        ends = before.ends if before and before.seconds else None
        self.rests.failed(KEY, Answered(status), 5)
        after = self.rests._rests[KEY]
        assert ends is None or after.ends == ends

    @rule(status=st.sampled_from([500, 503, 401, 400, 429]))
    def end_probe(self, status: int) -> None:
        """Let the probe fail: the rest is doubled, or the endpoint works."""
        if self.probing is None:
            return
        self.probing = None
        if (rest := self.rests._rests.get(KEY)) is None:  # another call was answered meanwhile
            return
        before = rest.seconds
        self.rests.failed(KEY, Answered(status), 5, probe=True)
        if status in (400, 429):
            assert KEY not in self.rests._rests
        else:
            assert rest.seconds == min(2 * before or FIRST_REST, LONGEST_REST)

    @rule()
    def cut_off(self) -> None:
        """Cancel the probe."""
        if self.probing is not None:
            self.probing = None
            self.rests.give_back(KEY)

    @rule()
    def answer(self) -> None:
        """Let any call be answered: all is as at first."""
        self.rests.answered(KEY)
        assert not self.rests.is_resting(KEY)

    @invariant()
    def no_rest_is_forever(self) -> None:
        """Some time later a call may begin, whatever happened."""
        if (rest := self.rests._rests.get(KEY)) is not None and rest.seconds:
            assert max(rest.ends, rest.probe_ends) <= self.now + LONGEST_REST


TestResting = Resting.TestCase
