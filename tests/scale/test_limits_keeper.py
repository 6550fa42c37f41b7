"""Limits of a run over many items, as they are kept for all of its workers."""

import pickle
import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import Limits
from langgraph_parallel.runtime import granted_budget
from langgraph_parallel.runtime.buckets import SHARE, Bucket
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.granted_budget import GrantedBudget, units_of
from langgraph_parallel.runtime.lateness import Lateness
from langgraph_parallel.runtime.pace import MARGIN
from langgraph_parallel.scale.line.endpoint_limits import HORIZON
from langgraph_parallel.scale.line.limits import LEAVE, SYNC, LimitsKeeper

MODEL = "http://model|m"


class Clock:
    """Seconds that only the test puts forward."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def keeper_at(clock: Clock, limits: Limits | None = None) -> LimitsKeeper:
    """Return a keeper whose time is that of a clock."""
    return LimitsKeeper(limits or Limits(), clock=clock)


def ask(keeper: LimitsKeeper, worker: str, **told: Any) -> dict[str, Any]:
    """Tell and ask about one model; return the answer for it."""
    told = {"held": 0, "demand": 0, "concurrency": 64} | told
    answer = keeper.answer(worker, SYNC, {"session": worker, "endpoints": {MODEL: told}})
    endpoint: dict[str, Any] = answer["endpoints"][MODEL]
    return endpoint


def most_in_window(times: Sequence[float], seconds: float) -> int:
    """Return the most times in any window of so many seconds, both ends included."""
    ordered = sorted(times)
    return max(
        (bisect_right(ordered, start + seconds) - bisect_left(ordered, start) for start in ordered),
        default=0,
    )


asks = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(0, 30),
        st.integers(0, 5),
        st.floats(0, 0.3) | st.floats(0, 5),
    ),
    max_size=60,
)


@given(asks, st.sampled_from([60.0, 600.0, 12_000.0]))
def test_no_window_has_more_departures_than_the_rate_allows(
    asks: list[tuple[str, int, int, float]], rate: float
) -> None:
    """Whoever asks, for however many, and whatever is given back: what is granted stays within the rate."""
    clock = Clock()
    keeper = keeper_at(clock)
    departures: list[tuple[str, float]] = []
    for worker, number, returned, seconds in asks:
        clock.now += seconds
        own = sorted((when for who, when in departures if who == worker and when > clock.now), reverse=True)
        back = own[:returned]
        for when in back:
            departures.remove((worker, when))
        spare = sorted(when - clock.now for when in back)
        answer = ask(keeper, worker, lines=[[rate, None, [10] * number]], spare=spare)
        (delays,) = answer["delays"]
        assert len(delays) <= number
        assert delays == sorted(delays)
        departures += [(worker, clock.now + delay) for delay in delays]
        assert all(-1e-6 <= delay <= HORIZON + 1e-6 for delay in delays)
    bucket = Bucket.of_requests(rate)
    for seconds in (0.1, 1.0, 10.0):
        allowed = (seconds + bucket.tolerance) * SHARE * rate / 60 + 1
        assert most_in_window([when for _, when in departures], seconds) <= allowed + 1e-6


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 4000), st.floats(0, 20)), min_size=1, max_size=40
    )
)
def test_tokens_are_granted_within_their_rate(asks: list[tuple[str, int, float]]) -> None:
    """In any minute no more than was set, and one call."""
    clock = Clock()
    keeper = keeper_at(clock)
    taken: list[tuple[float, int]] = []
    for worker, tokens, seconds in asks:
        clock.now += seconds
        (delays,) = ask(keeper, worker, lines=[[None, 6000.0, [tokens] * 3]])["delays"]
        taken += [(clock.now + delay, tokens) for delay in delays]
    bucket = Bucket.of_tokens(6000.0)
    for start, _ in taken:
        in_minute = sum(tokens for when, tokens in taken if start <= when <= start + 60)
        assert in_minute <= (60 + bucket.tolerance) * SHARE * 100 + max(tokens for _, tokens in taken)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from(["sync", "end", "die"]), st.integers(0, 12)),
        max_size=80,
    ),
    st.integers(1, 20),
)
def test_places_of_all_workers_are_never_more_than_the_concurrency(
    steps: list[tuple[str, str, int]], concurrency: int
) -> None:
    """Workers come, use what they are told to hold, give back, and die."""
    clock = Clock()
    keeper = keeper_at(clock)
    held: dict[str, int] = {}
    share: dict[str, int] = {}
    wanted: dict[str, int] = {}
    for worker, step, number in steps:
        clock.now += 0.01
        if step == "die":
            keeper.worker_gone(worker)
            held.pop(worker, None)
        elif step == "end":
            wanted[worker] = max(0, wanted.get(worker, 0) - number)
        else:
            wanted[worker] = wanted.get(worker, 0) + number
            have = min(held.get(worker, 0), max(share.get(worker, concurrency), 1))
            session = f"{worker}{sum(s == 'die' and w == worker for w, s, _ in steps)}"
            told = {"held": have, "demand": wanted[worker], "concurrency": concurrency}
            answer = keeper.answer(worker, SYNC, {"session": session, "endpoints": {MODEL: told}})
            if answer.get("gone"):
                held.pop(worker, None)
                continue
            held[worker] = answer["endpoints"][MODEL]["held"]
            share[worker] = answer["endpoints"][MODEL]["share"]
        assert sum(held.values()) <= concurrency


def test_places_move_from_a_worker_that_has_many_to_one_that_waits() -> None:
    """The first takes all, is told its fair share, and gives back what is beyond it as its calls end."""
    keeper = keeper_at(Clock())
    assert ask(keeper, "a", demand=20, concurrency=10)["held"] == 10
    assert ask(keeper, "b", demand=20, concurrency=10)["held"] == 0
    first = ask(keeper, "a", held=10, demand=20, concurrency=10)
    assert (first["held"], first["share"]) == (10, 5)
    ask(keeper, "a", held=5, demand=20, concurrency=10)
    assert ask(keeper, "b", demand=20, concurrency=10)["held"] == 5
    ask(keeper, "b", demand=0, concurrency=10)
    assert ask(keeper, "a", held=5, demand=20, concurrency=10)["held"] == 10


def test_places_open_as_answers_come() -> None:
    """Not all at once, since workers begin together; with as many answers there are twice as many."""
    keeper = keeper_at(Clock())
    assert ask(keeper, "a", demand=500, concurrency=100)["held"] == 32
    assert ask(keeper, "a", held=32, demand=500, concurrency=100, answered=31)["held"] == 32
    assert ask(keeper, "a", held=32, demand=500, concurrency=100, answered=1)["held"] == 64
    assert ask(keeper, "a", held=64, demand=500, concurrency=100, answered=64)["held"] == 100


def test_a_pause_is_told_to_all_workers() -> None:
    """One is refused with Retry-After; another gets no time to leave before the pause is over."""
    clock = Clock()
    keeper = keeper_at(clock)
    ask(keeper, "a", launched=[0.1] * 5)
    assert not ask(keeper, "b")["paced"]
    ask(keeper, "a", refused=[[0.05, 3.0]])
    answer = ask(keeper, "b", lines=[[None, None, [1, 1]]])
    assert answer["paced"]
    assert answer["delays"] == [[]]
    assert 0 < answer["wait"] <= 1
    clock.now += 3.0
    assert ask(keeper, "b", lines=[[None, None, [1]]])["delays"] == [[0.0]]


def test_a_refusal_at_a_rate_that_is_right_pauses_and_changes_no_pace() -> None:
    """At 600 requests a minute that are let through, one that came too early says nothing of the rate."""
    clock = Clock()
    keeper = keeper_at(clock)
    for _ in range(30):
        ask(keeper, "a", lines=[[600.0, None, [1] * 5]])
        clock.now += 0.1
    ask(keeper, "a", refused=[[0.01, 1.0]])
    clock.now += 1.0
    assert ask(keeper, "a", lines=[[600.0, None, [1]]])["delays"] == [[0.0]]
    clock.now += 0.5  # one has gone first
    assert not ask(keeper, "a")["paced"]


def rate_after_a_refusal(keeper: LimitsKeeper, clock: Clock, seconds_ago: float) -> float:
    """Tell of a refusal; return the requests a second that are granted after the pause of a second."""
    ask(keeper, "a", refused=[[seconds_ago, 1.0]])
    clock.now += 1.0
    ask(keeper, "a", lines=[[None, None, [1]]])
    clock.now += 2.0  # that one has gone first
    delays: list[float] = ask(keeper, "a", lines=[[None, None, [1] * 60]])["delays"][0]
    return (len(delays) - 2) / (delays[-1] - delays[1])


def test_a_first_rate_is_read_from_when_each_call_has_left() -> None:
    """Of 60 calls 50 left in the last second, and one was refused; when they were told of says nothing."""
    clock = Clock()
    keeper = keeper_at(clock)
    ask(keeper, "a", launched=[1.9 - number / 100 for number in range(10)] + [0.5] * 50)
    assert rate_after_a_refusal(keeper, clock, 0.5) == pytest.approx(49 * MARGIN, rel=0.03)


def test_a_time_at_which_no_call_has_left_is_not_counted_as_let_through() -> None:
    """A worker was too late for two of its five times: in the trial so many fewer were let through."""
    clock, rates = Clock(), []
    for missed in (0, 2):
        keeper = keeper_at(clock)
        ask(keeper, "a", launched=[0.1] * 21)
        rate_after_a_refusal(keeper, clock, 0.1)
        clock.now += 57.0
        for _ in range(5):
            (delays,) = ask(keeper, "a", lines=[[None, None, [1] * 60]])["delays"]
            clock.now += 0.25
            ask(keeper, "a", missed=[0.25 - delay for delay in delays[:missed]])
        rates.append(rate_after_a_refusal(keeper, clock, 0.05))
    assert rates[0] == pytest.approx(19.5 * MARGIN, rel=0.02)
    assert rates[1] < 0.9 * rates[0]


class Endpoint:
    """Admits a number of requests in any second, and refuses the others."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.admitted: list[float] = []
        self.refused: list[float] = []

    def admits(self, now: float) -> bool:
        """Take a request."""
        admits = len(self.admitted) < self.rate or now - self.admitted[-self.rate] >= 1
        (self.admitted if admits else self.refused).append(now)
        return admits


def simulate(seconds: float, rate: float | None, workers: int = 4, most_late: float = 0.0) -> Endpoint:
    """Let workers with as many calls as they may make share an endpoint that admits 200 in a second.

    Answers are up to `most_late` seconds late; the times in them count from when they were given.
    """
    clock, endpoint = Clock(), Endpoint(200)
    keeper, began = keeper_at(clock), clock.now
    names = [f"w{i}" for i in range(workers)]
    paced, refused = dict.fromkeys(names, False), dict[str, list[float]]({name: [] for name in names})
    due: list[tuple[float, str]] = []
    asked = dict.fromkeys(names, 0.0)
    draw, lateness = random.Random(1), {name: Lateness() for name in names}
    while (now := clock.now) < began + seconds:
        for when, name in [one for one in sorted(due) if one[0] <= now]:
            due.remove((when, name))
            if not endpoint.admits(when):
                refused[name].append(when)
        for name in names:
            if now < asked[name] and not refused[name]:
                continue
            told: dict[str, Any] = {"refused": [[now - when, 1.0] for when in refused[name]]}
            refused[name] = []
            if paced[name] or rate is not None:
                waiting = 20 - sum(who == name for _, who in due)
                told["lines"] = [[rate, None, [1] * max(0, waiting)]]
            else:
                told["launched"] = [-i * 0.001 for i in range(10)]
                due += [(now + i * 0.001, name) for i in range(10)]
            answer = ask(keeper, name, **told)
            came = now + 0.002 + draw.uniform(0, most_late)
            given = came - lateness[name].of(now, came)
            paced[name] = answer["paced"]
            for delays in answer["delays"]:
                due += [(max(came, given + delay), name) for delay in delays]
            asked[name] = max(came + 0.018, given + answer["wait"])
        clock.now += 0.002
    return endpoint


@pytest.mark.parametrize("most_late", [0.0, 0.08], ids=["soon", "late"])
@pytest.mark.parametrize("rate", [12_000.0, None], ids=["set", "learned"])
def test_four_workers_use_the_rate_of_an_endpoint(rate: float | None, most_late: float) -> None:
    """At least 92% of 200 requests a second, under 3% refused: set or learned, answered soon or late."""
    seconds = 30 if rate else 80
    endpoint = simulate(seconds, rate, most_late=most_late)
    requests = len(endpoint.admitted) + len(endpoint.refused)
    assert len(endpoint.admitted) >= 0.92 * 200 * seconds
    assert len(endpoint.refused) < 0.03 * requests


class Worker:
    """A worker with a budget, whose calls are an order of events."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name, self.session = name, f"{name}1"
        self.budget = GrantedBudget(limits, lambda: None)
        self.reserved: list[Amount] = []

    def reserve(self, amount: Amount) -> None:
        """Begin a call, if there is room for it."""
        if self.budget.try_reserve(amount):
            self.reserved.append(amount)

    def settle(self, share: float) -> Amount:
        """End a call that has used a part of what it reserved; return what it used."""
        if not self.reserved:
            return Amount()
        amount = self.reserved.pop()
        used = Amount(1, int(amount.tokens * share), amount.usd * share)
        self.budget.settle(amount, used)
        return used

    def sync(self, keeper: LimitsKeeper, op: str = SYNC, *, is_lost: bool = False) -> None:
        """Tell and ask; an answer that is lost changes nothing here."""
        told = self.budget.told(all_of_it=op == LEAVE)
        answer = keeper.answer(self.name, op, {"session": self.session, "purse": told})
        if not is_lost:
            self.budget.take(answer["purse"])


def sum_of(amounts: Sequence[Amount]) -> Amount:
    """Return the sum of amounts."""
    return sum(amounts, Amount())


steps = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["reserve", "reserve", "settle", "sync", "sync", "lose", "die"]),
        st.integers(0, 400),
        st.floats(0, 1),
    ),
    max_size=120,
)


@given(steps, st.integers(0, 40), st.floats(0.001, 2), st.integers(0, 5000))
def test_a_cap_holds_over_workers_that_take_settle_and_die(
    steps: list[tuple[str, str, int, float]], calls: int, usd: float, tokens: int
) -> None:
    """In any order: spent and held are within the cap, and in the end all that was granted is one of them."""
    limits = Limits(budget_calls=calls, budget_usd=usd, budget_tokens=tokens)
    cap = (calls, tokens, units_of(Amount(usd=usd))[2])
    keeper = LimitsKeeper(limits)
    workers = {name: Worker(name, limits) for name in "abc"}
    spent, may_be_spent = Amount(), Amount()
    for name, step, size, share in steps:
        worker = workers[name]
        if step == "reserve":
            worker.reserve(Amount(1, size, size / 1e4))
        elif step == "settle":
            spent += worker.settle(share)
        elif step in ("sync", "lose"):
            worker.sync(keeper, is_lost=step == "lose")
        elif step == "die":
            may_be_spent += sum_of(worker.reserved)
            keeper.worker_gone(name)
            workers[name] = Worker(name, limits)
            workers[name].session = f"{worker.session}1"
        together = zip(keeper.purse.total_spent(), keeper.purse.total_held(), strict=True)
        assert all(one + other <= most for (one, other), most in zip(together, cap, strict=True))
        in_flight = sum(sum_of(one.reserved).usd for one in workers.values())
        assert spent.usd + may_be_spent.usd + in_flight <= usd + 1e-8
    for worker in workers.values():
        for amount in worker.reserved:
            worker.budget.settle(amount, amount)
            spent += amount
        worker.sync(keeper, LEAVE)
    assert keeper.purse.total_held() == (0, 0, 0)
    counted = keeper.purse.total_spent()
    assert all(one >= other for one, other in zip(counted, units_of(spent), strict=True))
    if all(step != "die" for _, step, _, _ in steps):
        assert counted[:2] == units_of(spent)[:2]
        assert abs(counted[2] - units_of(spent)[2]) <= len(steps)


def test_what_a_dead_worker_held_counts_as_spent() -> None:
    """Its calls may have been made; those who live spend the rest."""
    limits = Limits(budget_calls=100)
    keeper = LimitsKeeper(limits)
    dead, alive = Worker("a", limits), Worker("b", limits)
    dead.sync(keeper)
    assert dead.budget.try_reserve(Amount(1))
    held = keeper.purse.total_held()[0]
    assert held >= 1
    keeper.worker_gone("a")
    assert keeper.purse.total_spent()[0] == held
    begun = 0
    while not alive.budget.why_spent():
        while alive.budget.try_reserve(Amount(1)):
            alive.budget.settle(Amount(1), Amount(1))
            begun += 1
        alive.sync(keeper)
    assert begun == 100 - held


def test_grants_are_large_at_first_and_single_calls_near_the_cap() -> None:
    """A worker that is told that little is left holds no more than its calls have reserved."""
    limits = Limits(budget_calls=1000)
    keeper = LimitsKeeper(limits, Amount(calls=0))
    one, other = Worker("a", limits), Worker("b", limits)
    one.sync(keeper)
    assert keeper.purse.total_held()[0] == 10
    keeper.purse.spent = (989, 0, 0)
    assert not other.budget.try_reserve(Amount(1))
    one.sync(keeper)
    one.sync(keeper)
    other.sync(keeper)
    assert keeper.purse.total_held()[0] == 1
    assert other.budget.try_reserve(Amount(1))


def test_a_worker_holds_what_its_calls_take_in_a_tenth_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that it holds is lost if it dies; half of it lasts until it is to tell again."""
    clock = Clock()
    monkeypatch.setattr(granted_budget, "time", SimpleNamespace(monotonic=clock))
    limits = Limits(budget_calls=100_000)
    keeper, worker = keeper_at(clock, limits), Worker("a", limits)
    worker.sync(keeper)
    worker.reserve(Amount(1))
    for _ in range(100):  # 200 calls a second
        for _ in range(10):
            worker.reserve(Amount(1))
        while len(worker.reserved) > 1:
            worker.settle(1.0)
        clock.now += worker.budget.half_lasts if worker.budget.half_lasts < 1 else 0.05
        worker.sync(keeper)
    assert worker.budget.half_lasts == pytest.approx(0.05)
    assert keeper.purse.total_held()[0] == 1 + 20


def test_earlier_commands_have_spent_their_part() -> None:
    """What a job has spent before is no longer there."""
    limits = Limits(budget_usd=1.0)
    keeper = LimitsKeeper(limits, Amount(usd=1.0))
    worker = Worker("a", limits)
    worker.budget.try_reserve(Amount(1, 0, 0.01))
    worker.sync(keeper)
    assert worker.budget.why_spent() == "the budget of $1 has less than $0.0000 left for another call"


def test_a_worker_that_was_taken_for_dead_hears_of_it() -> None:
    """Its session is over; what it had reserved is not counted a second time."""
    limits = Limits(budget_calls=10)
    keeper = LimitsKeeper(limits)
    worker = Worker("a", limits)
    assert not worker.budget.try_reserve(Amount(1))
    worker.sync(keeper)
    assert worker.budget.try_reserve(Amount(1))
    keeper.worker_gone("a")
    told = worker.budget.told()
    assert keeper.answer("a", SYNC, {"session": worker.session, "purse": told}) == {"gone": True}
    counted = keeper.purse.total_spent()[0]
    worker.budget.begin_again()
    worker.session = "a2"
    worker.budget.settle(Amount(1), Amount(1))
    worker.sync(keeper)
    assert keeper.purse.total_spent()[0] == counted


def test_a_keeper_travels() -> None:
    """It can be sent to the process that hosts it."""
    clock = Clock()
    keeper = keeper_at(clock, Limits(budget_calls=5))
    ask(keeper, "a", demand=3, lines=[[600.0, None, [1]]])
    again: LimitsKeeper = pickle.loads(pickle.dumps(keeper))
    assert ask(again, "a", demand=3)["held"] == 3


def test_an_unknown_operation_is_refused_by_name() -> None:
    """The error names those that there are."""
    with pytest.raises(ValueError, match=r"limits\.other is no operation of limits; expected limits\.sync"):
        LimitsKeeper(Limits()).answer("a", "limits.other", {})
