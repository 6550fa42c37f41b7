"""Limits of workers that ask a keeper over a line."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from openai import DefaultAsyncHttpxClient
from pydantic import SecretStr

from langgraph_parallel import Ask, Limits, governed
from langgraph_parallel.errors import BudgetSpent
from langgraph_parallel.runtime.budget import Amount, Budget
from langgraph_parallel.runtime.shared_elsewhere import SharedElsewhere
from langgraph_parallel.runtime.shared_limits import get_shared
from langgraph_parallel.runtime.slots import Rates
from langgraph_parallel.scale.engine import Job
from langgraph_parallel.scale.line import shared as shared_over_line
from langgraph_parallel.scale.line.endpoint_share import EndpointShare
from langgraph_parallel.scale.line.limits import SYNC, LimitsKeeper
from langgraph_parallel.scale.line.limits_setup import limits_of
from langgraph_parallel.scale.line.shared import LineLimits
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.working import ChunkWorker
from tests.scale.driven import turns
from tests.scale.working import Collected, chunk_of
from tests.support.clock import until
from tests.support.server import ModelServer, Reply

CALL = Amount(1, 100, 0.01)


class Line:
    """A line within this process."""

    def __init__(self, keeper: LimitsKeeper, worker: str) -> None:
        self.keeper, self.worker = keeper, worker
        self.asked: list[dict[str, Any]] = []
        self.is_cut = False

    async def ask(self, op: str, data: dict[str, Any]) -> dict[str, Any]:
        """Ask the keeper."""
        await asyncio.sleep(0)
        if self.is_cut:
            raise OSError("the coordinator has hung up")
        self.asked.append(data)
        return self.keeper.answer(self.worker, op, data)


@asynccontextmanager
async def worker(keeper: LimitsKeeper, name: str, limits: Limits | None = None) -> AsyncIterator[LineLimits]:
    """Give what a worker of a keeper may do."""
    shared = LineLimits(Line(keeper, name), limits)
    async with shared.kept_up():
        yield shared


def budget_of(shared: LineLimits) -> Budget:
    """Return the budget of a run that a worker's is around."""
    assert shared.budget is not None
    return Budget(Limits(), [shared.budget])


async def spend(budget: Budget, used: Amount) -> bool:
    """Make a call that takes a turn of the loop; return whether there was room for it."""
    try:
        await budget.reserve(CALL)
    except BudgetSpent:
        return False
    await asyncio.sleep(0)
    budget.settle(CALL, used)
    return True


async def test_workers_spend_a_budget_to_the_last_call_that_fits() -> None:
    """Calls that turn out cheaper make room for more, in whichever worker."""
    limits = Limits(budget_usd=0.5)
    keeper = LimitsKeeper(limits)
    async with worker(keeper, "a", limits) as one, worker(keeper, "b", limits) as other:
        calls = [
            spend(budget, Amount(1, 50, 0.004))
            for budget in (budget_of(one), budget_of(other))
            for _ in range(100)
        ]
        made = sum(await asyncio.wait_for(asyncio.gather(*calls), 20))
    # The last one begins while 0.01 is left.
    assert made == 123
    assert keeper.purse.total_spent() == (123, 6150, 492_000_000)
    assert keeper.purse.total_held() == (0, 0, 0)


async def test_a_call_waits_while_calls_of_other_workers_may_turn_out_cheaper() -> None:
    """It fails only when what all have spent leaves no room for it."""
    limits = Limits(budget_usd=0.012)
    keeper = LimitsKeeper(limits)
    async with worker(keeper, "a", limits) as one, worker(keeper, "b", limits) as other:
        first, second = budget_of(one), budget_of(other)
        await first.reserve(CALL)
        waiting = asyncio.ensure_future(second.reserve(CALL))
        await until(lambda: bool(other.budget and other.budget.is_in_need))
        assert not waiting.done()
        first.settle(CALL, Amount(1, 100, 0.001))
        await asyncio.wait_for(waiting, 10)
        waiting = asyncio.ensure_future(first.reserve(CALL))
        await until(lambda: bool(one.budget and one.budget.is_in_need))
        second.settle(CALL, CALL)
        with pytest.raises(BudgetSpent, match=r"the budget of \$0\.012 has less than \$0\.0100 left"):
            await asyncio.wait_for(waiting, 10)


async def test_a_call_that_waits_hears_of_one_that_was_spent_as_it_was_reserved() -> None:
    """It fails, although nothing has changed in what the other worker has taken, and nothing more comes."""
    limits = Limits(budget_calls=1)
    keeper = LimitsKeeper(limits)
    async with worker(keeper, "a", limits) as one, worker(keeper, "b", limits) as other:
        await budget_of(other).reserve(CALL)
        await until(lambda: bool(other.budget and not other.budget.has_news))
        waiting = asyncio.ensure_future(budget_of(one).reserve(CALL))
        await until(lambda: bool(one.budget and one.budget.is_in_need))
        assert not waiting.done()
        budget_of(other).settle(CALL, CALL)
        with pytest.raises(BudgetSpent, match="the budget of 1 call is spent"):
            await asyncio.wait_for(waiting, 60)


async def test_a_worker_that_waits_gets_what_another_one_holds_and_does_not_use() -> None:
    """One has been granted a part ahead, and gives it back when little is left."""
    limits = Limits(budget_calls=200)
    keeper = LimitsKeeper(limits)
    async with worker(keeper, "a", limits), worker(keeper, "b", limits) as other:
        assert keeper.purse.total_held()[0] == 4
        keeper.purse.spent = (198, 0, 0)
        assert [await asyncio.wait_for(spend(budget_of(other), CALL), 10) for _ in range(3)] == [
            True,
            True,
            False,
        ]


async def test_a_worker_that_rests_holds_what_its_calls_have_reserved() -> None:
    """The keeper knows it when the rest begins; calls that come later get new grants."""
    limits = Limits(budget_calls=400)
    keeper = LimitsKeeper(limits)
    async with worker(keeper, "a", limits) as shared:
        budget = budget_of(shared)
        await budget.reserve(CALL)
        assert await spend(budget, CALL)
        assert keeper.purse.total_held()[0] > 1
        assert shared.budget is not None
        await asyncio.wait_for(shared.budget.rest(), 10)
        assert (keeper.purse.total_spent()[0], keeper.purse.total_held()[0]) == (1, 1)
        budget.settle(CALL, CALL)
        resting = [asyncio.ensure_future(shared.budget.rest()) for _ in range(2)]
        assert await asyncio.wait_for(spend(budget, CALL), 10)
        await asyncio.wait_for(asyncio.gather(*resting), 10)
        await asyncio.wait_for(shared.budget.rest(), 10)
        assert (keeper.purse.total_spent()[0], keeper.purse.total_held()[0]) == (3, 0)


@pytest.mark.parametrize("way", ["cut", "taken for dead"])
async def test_a_rest_ends_though_nobody_hears_of_it(way: str) -> None:
    """The line may be cut, or the keeper may have counted all as spent."""
    limits = Limits(budget_calls=400)
    keeper = LimitsKeeper(limits)
    shared = LineLimits(line := Line(keeper, "a"), limits)
    async with shared.kept_up():
        assert shared.budget is not None
        if way == "cut":
            line.is_cut = True
        else:
            keeper.worker_gone("a")
        await asyncio.wait_for(shared.budget.rest(), 10)
        await asyncio.wait_for(shared.budget.rest(), 10)


async def test_when_the_line_is_cut_calls_that_wait_for_a_grant_fail() -> None:
    """Nothing hangs, and what was not granted is not spent."""
    limits = Limits(budget_calls=10)
    keeper = LimitsKeeper(limits)
    shared = LineLimits(line := Line(keeper, "a"), limits)
    async with shared.kept_up():
        budget = budget_of(shared)
        line.is_cut = True
        with pytest.raises(BudgetSpent, match="the coordinator of the run is gone"):
            await asyncio.wait_for(budget.reserve(CALL), 10)
        # Its endpoints go on within the limits of the process.
        async with shared.share_of("e", "m").lease(Rates(requests_per_minute=1), 0, 1):
            pass


async def test_calls_fail_if_what_asks_for_them_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the error is, no call waits for a grant that nobody asks for."""
    limits = Limits(budget_calls=10)
    shared = LineLimits(Line(LimitsKeeper(limits), "a"), limits)
    async with shared.kept_up():
        monkeypatch.setattr(shared, "_is_due", lambda: 1 / 0)
        waiting = asyncio.gather(*(budget_of(shared).reserve(CALL) for _ in range(5)))
        with pytest.raises(BudgetSpent, match="the coordinator of the run is gone"):
            await asyncio.wait_for(waiting, 10)


async def test_a_worker_taken_for_dead_goes_on_with_new_grants() -> None:
    """What it had counts as spent, and it hears of that with its next question."""
    limits = Limits(budget_calls=10)
    keeper = LimitsKeeper(limits)
    async with worker(keeper, "a", limits) as shared:
        budget = budget_of(shared)
        await budget.reserve(CALL)
        keeper.worker_gone("a")
        budget.settle(CALL, CALL)
        made = [await asyncio.wait_for(spend(budget, CALL), 10) for _ in range(10)]
    assert 5 <= sum(made) <= 9
    assert keeper.purse.total_spent()[0] <= 10


async def test_requests_in_flight_of_all_workers_stay_within_the_concurrency() -> None:
    """Two workers with 40 calls each: never more than 5 in flight together, and all end."""
    keeper = LimitsKeeper(Limits())
    in_flight = most = 0

    async def call(shared: LineLimits) -> None:
        nonlocal in_flight, most
        async with shared.share_of("e", "m").lease(Rates(concurrency=5), 0, 1):
            in_flight += 1
            most = max(most, in_flight)
            await asyncio.sleep(0)
            in_flight -= 1

    async with worker(keeper, "a") as one, worker(keeper, "b") as other:
        await asyncio.wait_for(asyncio.gather(*map(call, [one, other] * 40)), 20)
    assert most == 5


async def test_a_call_that_waits_for_its_time_leaves_the_place_to_others() -> None:
    """Of one place: who need not wait for a rate goes while another one does."""
    keeper, left = LimitsKeeper(Limits()), list[str]()

    async def call(share: EndpointShare, name: str, requests_per_minute: float | None) -> None:
        async with share.lease(Rates(1, requests_per_minute), 0, 60):
            left.append(name)

    async with worker(keeper, "a") as shared, asyncio.timeout(30):
        share = shared.share_of("e", "m")
        await call(share, "first", 1)
        waiting = asyncio.ensure_future(call(share, "in a minute", 1))
        await until(lambda: share.is_in_need)
        await call(share, "at once", None)
        waiting.cancel()
    assert left == ["first", "at once"]


@pytest.mark.parametrize(
    "requests_per_minute", [600.0, 60_000.0], ids=["fewer than places", "more than places"]
)
async def test_calls_that_wait_for_times_take_places_as_they_leave(requests_per_minute: float) -> None:
    """Two workers with 6 calls each: never more than 3 in flight together, and all end."""
    keeper = LimitsKeeper(Limits())
    in_flight = most = 0

    async def call(shared: LineLimits) -> None:
        nonlocal in_flight, most
        async with shared.share_of("e", "m").lease(Rates(3, requests_per_minute), 0, 60):
            in_flight += 1
            most = max(most, in_flight)
            await asyncio.sleep(0.05)
            in_flight -= 1

    async with worker(keeper, "a") as one, worker(keeper, "b") as other:
        await asyncio.wait_for(asyncio.gather(*map(call, [one, other] * 6)), 60)
    assert most <= 3


async def test_a_call_that_is_cancelled_while_it_waits_leaves_its_place_to_others() -> None:
    """Those that wait, and those that hold one."""
    keeper = LimitsKeeper(Limits())
    async with worker(keeper, "a") as shared:
        share = shared.share_of("e", "m")
        give_back = await share.hold(Rates(concurrency=1), 0, 1)
        waiting = asyncio.ensure_future(share.hold(Rates(concurrency=1), 0, 1))
        await until(lambda: share.is_in_need)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        give_back()
        await asyncio.wait_for(share.hold(Rates(concurrency=1), 0, 1), 10)
        assert share.in_flight == 1


async def test_what_is_shared_is_found_by_the_event_loop_and_no_longer() -> None:
    """While a job runs over a line, calls of this loop ask its keeper; before and after they do not."""
    job = Job(id="map", program=Program())
    assert await get_shared("e", "m") is None
    async with limits_of(job, Line(LimitsKeeper(Limits()), "a")) as budgets:
        assert budgets == []
        shared = await get_shared("e", "m")
        assert shared is not None
        assert await get_shared("e", "m") is shared
    assert await get_shared("e", "m") is None


async def test_a_job_that_limits_nothing_says_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker without calls asks nothing of the keeper but at its end, however often it might."""
    monkeypatch.setattr(shared_over_line, "_USUAL_SECONDS", 0.0)
    monkeypatch.setattr(shared_over_line, "_LEAST_SECONDS", 0.0)
    line = Line(LimitsKeeper(Limits()), "a")
    async with limits_of(Job(id="map", program=Program()), line):
        await turns(1_000)
    assert len(line.asked) == 1


async def test_in_one_process_the_budget_counts_what_earlier_commands_have_spent() -> None:
    """It is an ordinary one."""
    job = Job(id="map", program=Program(limits=Limits(budget_calls=5)), spent_calls=3)
    async with limits_of(job, None) as (budget,):
        assert type(budget) is Budget
        assert [await spend(Budget(Limits(), [budget]), CALL) for _ in range(3)] == [True, True, False]


def programs(own: ChatOpenAI) -> dict[str, Program]:
    """Return programs whose rows ask a model once each."""
    limits = Limits(budget_calls=5)
    governed_model, ask = governed(own), Ask("{text}", model=own)

    async def asks_plainly(row: Mapping[str, Any]) -> str:
        return str((await own.ainvoke("hello")).text)

    async def asks_governed(row: Mapping[str, Any]) -> str:
        return str((await governed_model.ainvoke("hello")).text)

    async def asks_worker(row: Mapping[str, Any]) -> str:
        return str(await ask.ainvoke({"text": "hello"}))

    def asks_blocking(row: Mapping[str, Any]) -> str:
        return str(governed_model.invoke("hello").text)

    functions = {one.__name__: one for one in (asks_plainly, asks_governed, asks_worker, asks_blocking)}
    return {name: Program(local=one, limits=limits) for name, one in functions.items()}


@pytest.mark.parametrize("name", ["asks_plainly", "asks_governed", "asks_worker", "asks_blocking"])
async def test_calls_of_functions_in_two_workers_are_charged_to_one_budget(
    name: str, server: ModelServer, own: ChatOpenAI
) -> None:
    """However a function asks its model: five calls are made, by whichever worker; the other rows wait."""
    server.always(Reply(text="fine"))
    program = programs(own)[name]
    keeper = LimitsKeeper(program.limits or Limits())
    collected = Collected(), Collected()
    job = Job(id="map", program=program)
    async with (
        ChunkWorker(job, Line(keeper, "a")) as one,
        ChunkWorker(job, Line(keeper, "b")) as other,
    ):
        chunks = chunk_of({f"a{i}": {} for i in range(6)}), chunk_of({f"b{i}": {} for i in range(6)})
        await asyncio.gather(
            one.work(chunks[0], collected[0].deliver), other.work(chunks[1], collected[1].deliver)
        )
    assert len(server.requests) == 5
    assert sum(len(each.results) for each in collected) == 5
    assert keeper.purse.total_spent()[0] == 5


async def test_calls_of_sync_functions_stay_within_the_concurrency_of_all_workers(
    server: ModelServer, own: ChatOpenAI
) -> None:
    """Ten rows in threads of two workers: never more than two requests in flight."""
    server.always(Reply(text="fine", delay=0.01))
    limits = Limits(concurrency=2)
    program = Program(local=programs(own)["asks_blocking"].local, limits=limits)
    keeper, job, collected = LimitsKeeper(limits), Job(id="map", program=program), Collected()
    async with ChunkWorker(job, Line(keeper, "a")) as one, ChunkWorker(job, Line(keeper, "b")) as other:
        await asyncio.gather(
            one.work(chunk_of({f"a{i}": {} for i in range(5)}), collected.deliver),
            other.work(chunk_of({f"b{i}": {} for i in range(5)}), collected.deliver),
        )
    assert len(collected.results) == 10
    assert 1 <= server.most_in_flight <= 2


class Scripted:
    """A line whose answers grant one time each, after so many seconds, and came so many seconds late."""

    def __init__(self, *answers: tuple[float, float]) -> None:
        self.answers = [*answers]

    async def ask(self, op: str, data: dict[str, Any]) -> dict[str, Any]:
        """Answer with the next time, and with none after the last."""
        told = data["endpoints"].get("e|m", {})
        granted: dict[str, Any] = {"held": told.get("demand", 0), "share": 9, "paced": True, "wait": 0.0}
        delay, late = self.answers.pop(0) if told.get("lines") and self.answers else (None, 0.0)
        granted["delays"] = [[] if delay is None else [delay] for _ in told.get("lines", ())]
        now = asyncio.get_running_loop().time() - late
        return {"endpoints": {"e|m": granted} if told else {}, "now": now}


async def test_times_in_an_answer_that_is_late_count_from_when_they_were_granted() -> None:
    """Else each delay on the way would shift them into those of other workers."""
    shared = LineLimits(Scripted((0.0, 0.0), (60.0, 60.0)), None)
    async with shared.kept_up():
        for _ in range(2):
            async with (
                asyncio.timeout(20),
                shared.share_of("e", "m").lease(Rates(requests_per_minute=60), 0, 1),
            ):
                pass


async def ask_in_a_loop_of_its_own(url: str) -> str:
    """Ask a model with connections that belong to the running loop."""
    async with DefaultAsyncHttpxClient() as client:
        made = ChatOpenAI(model="own", base_url=url, api_key=SecretStr("sk"), http_async_client=client)
        return str((await governed(made, Limits(concurrency=2)).ainvoke("hello")).text)


@pytest.mark.parametrize("is_told_of_its_caller", [True, False], ids=["context", "bare thread"])
async def test_a_function_with_a_loop_of_its_own_shares_the_places_of_all_workers(
    server: ModelServer, *, is_told_of_its_caller: bool
) -> None:
    """While another worker holds all places, it asks for one and waits; then it is answered."""
    server.always(Reply(text="fine"))

    def asks(row: Mapping[str, Any]) -> str:
        if is_told_of_its_caller:
            return asyncio.run(ask_in_a_loop_of_its_own(server.url))
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, ask_in_a_loop_of_its_own(server.url)).result()

    keeper, collected, name = LimitsKeeper(Limits()), Collected(), f"{server.url}/|own"

    def other(held: int, demand: int) -> int:
        told = {"held": held, "demand": demand, "concurrency": 2}
        answer = keeper.answer("b", SYNC, {"session": "b", "endpoints": {name: told}})
        return int(answer["endpoints"][name]["held"])

    def asked() -> int:
        return sum(data["endpoints"].get(name, {}).get("demand", 0) for data in line.asked)

    assert other(0, 2) == 2
    line = Line(keeper, "a")
    async with ChunkWorker(Job(id="map", program=Program(local=asks)), line) as worker:
        running = asyncio.ensure_future(worker.work(chunk_of({"x": {}}), collected.deliver))
        await asyncio.wait_for(until(lambda: asked() > 0), 20)
        assert not server.requests
        assert other(0, 0) == 0
        await asyncio.wait_for(running, 20)
    assert collected.results["x"].output == {"result": "fine"}
    assert len(server.requests) == 1


async def test_a_call_elsewhere_that_is_cancelled_leaves_its_place_to_others() -> None:
    """Whether it waits for the place, or was given it at the same moment."""
    async with worker(LimitsKeeper(Limits()), "a") as shared:
        share, loop = shared.share_of("e", "m"), asyncio.get_running_loop()
        elsewhere = SharedElsewhere(share, loop)
        held = await share.hold(Rates(concurrency=1), 0, 1)

        async def cancelled() -> None:
            async def call() -> None:
                async with elsewhere.lease(Rates(concurrency=1), 0, 1):
                    raise AssertionError("there is no place")

            calling = asyncio.ensure_future(call())
            while not share.is_in_need:  # noqa: ASYNC110 - it belongs to another loop
                await asyncio.sleep(0.001)
            calling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await calling

        await asyncio.to_thread(asyncio.run, cancelled())
        held()
        await until(lambda: share.in_flight == 0)

        async def call() -> None:
            async with elsewhere.lease(Rates(concurrency=1), 0, 1) as lease:
                await lease.renew()
            with pytest.raises(ZeroDivisionError):
                async with elsewhere.lease(Rates(concurrency=1), 0, 1):
                    raise ZeroDivisionError

        await asyncio.wait_for(asyncio.to_thread(asyncio.run, call()), 20)
        await until(lambda: share.in_flight == 0)


async def test_a_refusal_is_told_to_all_workers(server: ModelServer, own: ChatOpenAI) -> None:
    """One worker is refused with Retry-After, and the keeper lets another one wait."""
    server.on("refused", Reply(status=429, headers={"retry-after": "30"}), times=1)
    keeper = LimitsKeeper(Limits())
    model = governed(own, Limits(retry_after_ceiling=20, attempts=1, patience=0))
    async with limits_of(Job(id="map", program=Program()), Line(keeper, "a")):
        with pytest.raises(Exception, match="429"):
            await model.ainvoke("refused")
        name = f"{server.url}/|own"
        told = {"held": 0, "demand": 1, "concurrency": 8, "lines": [[None, None, [1]]]}

        def is_paused() -> bool:
            data = {"session": "b", "endpoints": {name: told}}
            return bool(keeper.answer("b", SYNC, data)["endpoints"][name]["paced"])

        await until(is_paused)
