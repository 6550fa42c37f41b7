"""The learned pace, against several kinds of endpoints on a simulated clock."""

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from langgraph_parallel.runtime.pace import MARGIN, Launch, Pace

Ask = Callable[[float], float | None]
"""An endpoint: None lets a request through, a number refuses it with that Retry-After."""


@dataclass
class Sliding:
    """A limit of requests in any second."""

    limit: int = 50
    rounded: Callable[[float], float] = math.ceil
    seen: list[float] = field(default_factory=list)

    def __call__(self, now: float) -> float | None:
        """Let a request through, or refuse it."""
        self.seen = [moment for moment in self.seen if moment > now - 1]
        if len(self.seen) < self.limit:
            self.seen.append(now)
            return None
        return self.rounded(self.seen[0] + 1 - now)


@dataclass
class Fixed:
    """A limit of requests in each second of the clock; the first second has begun earlier."""

    limit: int = 50
    rounded: Callable[[float], float] = math.ceil
    second: int = -1
    count: int = 0

    def __call__(self, now: float) -> float | None:
        """Let a request through, or refuse it."""
        if (second := math.floor(now + 0.7)) != self.second:
            self.second, self.count = second, 0
        if self.count < self.limit:
            self.count += 1
            return None
        return self.rounded(second + 1 - now - 0.7)


@dataclass
class Bucket:
    """A token bucket, refilled at 50 a second."""

    size: int = 50
    rounded: Callable[[float], float] = math.ceil
    level: float = math.inf
    when: float = 0.0

    def __call__(self, now: float) -> float | None:
        """Let a request through, or refuse it."""
        self.level = min(self.size, self.level + (now - self.when) * 50)
        self.when = now
        if self.level >= 1:
            self.level -= 1
            return None
        return self.rounded((1 - self.level) / 50)


def exactly(seconds: float) -> float:
    """Return a Retry-After in fractions of a second."""
    return seconds


def simulate(ask: Ask, calls: int, *, latency: float, concurrency: int = 500) -> tuple[float, float, int]:
    """Make calls at the learned pace.

    Returns:
        The seconds that they took, the share refused after the first second, and the number refused.
    """
    draw, pace = random.Random(7), Pace()
    now, waiting, done, in_flight, number = 0.0, calls, 0, 0, 0
    paused_from = paused_until = -1.0
    asked = 0.0
    events: list[tuple[float, int, str, Launch, float]] = []
    refused: list[float] = []
    while done < calls:
        while now >= paused_until and waiting and in_flight < concurrency:
            if asked:
                pace.learn_from_refusals(now, asked)
                asked = 0.0
            if pace.free_at() > now:
                break
            launch, number = pace.launch(now), number + 1
            waiting, in_flight = waiting - 1, in_flight + 1
            heapq.heappush(events, (now + 0.002 + draw.random() * 0.004, number, "arrives", launch, 0.0))
        later = [events[0][0]] if events else []
        if waiting and in_flight < concurrency:
            later.append(max(paused_until, pace.free_at()))
        if not events or min(later) < events[0][0]:
            now = min(later)
            continue
        now, order, event, launch, pause = heapq.heappop(events)
        if event == "arrives":
            answer = ask(now)
            ends = now + (latency if answer is None else 0.002)
            heapq.heappush(
                events, (ends, order, "ok" if answer is None else "refused", launch, answer or 0.0)
            )
            continue
        in_flight -= 1
        if event == "ok":
            done += 1
            continue
        refused.append(now)
        launch.refused, waiting = True, waiting + 1
        if launch.when > paused_from:
            paused_from = now
        paused_until, asked = max(paused_until, paused_from + pause), max(asked, pause)
    return now - latency, sum(moment > 1 for moment in refused) / number, len(refused)


@pytest.mark.parametrize("latency", [0.02, 0.2, 2.0])
@pytest.mark.parametrize(
    "endpoint",
    [
        Sliding,
        lambda: Sliding(rounded=exactly),
        Fixed,
        lambda: Fixed(rounded=exactly),
        Bucket,
        lambda: Bucket(rounded=exactly),
        lambda: Bucket(size=10, rounded=exactly),
    ],
    ids=["sliding", "sliding, exact", "fixed", "fixed, exact", "bucket", "bucket, exact", "small bucket"],
)
def test_what_an_endpoint_allows_is_learned_from_its_first_refusals(
    endpoint: Callable[[], Ask], latency: float
) -> None:
    """500 calls at once to an endpoint of 50 a second reach 92% of its rate, with under 3% refused later."""
    seconds, refused_later, refused = simulate(endpoint(), 500, latency=latency)
    assert refused
    assert 500 / 50 / seconds >= 0.92
    assert refused_later < 0.03


def test_an_endpoint_that_never_refuses_is_never_paced() -> None:
    """Without a refusal all requests leave at once."""
    seconds, _, refused = simulate(lambda now: None, 500, latency=0.2)
    assert (refused, round(seconds, 1)) == (0, 0.0)


def test_the_pace_is_flat_where_it_was_too_much_and_steep_far_from_it() -> None:
    """It grows back to the refused rate slowly, and beyond it quickly."""
    pace = Pace()
    for _ in range(50):
        pace.launch(0.0)
    pace.launch(0.0).refused = True
    pace.learn_from_refusals(1.0, seconds_asked=1.0)
    assert pace.rate(1.0) == pytest.approx(50 * MARGIN)
    assert pace.rate(7.0) < 50
    assert pace.rate(11.0) == pytest.approx(50)
    assert pace.rate(61.0) > 250


def learned_pace() -> Pace:
    """Return a pace that has learned 50 a second, and is not raised for 10 s."""
    pace = Pace()
    for _ in range(50):
        pace.launch(0.0)
    pace.launch(0.0).refused = True
    pace.learn_from_refusals(1.0, seconds_asked=1.0)
    return pace


def test_a_pace_that_nobody_uses_is_not_raised() -> None:
    """A fan-out that begins after an hour meets the rate that was learned."""
    pace = learned_pace()
    pace.launch(2.0)
    pace.launch(3600.0)
    assert pace.rate(3600.0) == pytest.approx(50)


def test_a_pace_is_raised_to_twice_what_is_used() -> None:
    """Of the requests that the pace allows, 60 a second are made."""
    pace = learned_pace()
    for number in range(60 * 60):
        pace.launch(1.0 + number / 60)
    assert 60 < pace.rate(61.0) < 2.1 * 60


def test_what_leaves_after_the_last_refusal_is_not_counted_as_let_through_before_it() -> None:
    """Others leave until all have heard of the refusal, when the endpoint has room again."""
    pace = Pace()
    for number in range(50):
        pace.launch(number / 50)
    pace.launch(0.99).refused = True
    for number in range(10):
        pace.launch(1.0 + number / 50)
    pace.learn_from_refusals(2.0, seconds_asked=1.0)
    assert pace.rate(2.0) == pytest.approx(50 * MARGIN)


def lessons(
    limit: int, seconds: float, *, begin: int, late: Callable[[float], float] = lambda now: 0.0
) -> list[float]:
    """Make as many requests as the pace allows; return the rate after each lesson.

    Args:
        limit: requests that the endpoint admits in any second; it asks for a pause of one.
        seconds: for which requests are made.
        begin: the rate that was learned first.
        late: seconds that a request comes late which leaves at a time, counted from the begin.
    """
    pace, endpoint, rates = Pace(), Sliding(limit), [float(begin)]
    for number in range(begin + 1):
        pace.launch(-1.0).refused = number == begin
    pace.learn_from_refusals(0.0, 1.0)
    now, paused_until = 0.0, -1.0
    arrivals: list[tuple[float, int, Launch]] = []
    for number in range(round(seconds * 1000)):
        now = number / 1000
        if 0 < paused_until <= now:
            pace.learn_from_refusals(now, 1.0)
            rates.append(pace.rate(now) / MARGIN)
            paused_until = -1.0
        if paused_until < 0 and pace.free_at() <= now:
            launch = pace.launch(now)
            heapq.heappush(arrivals, (now + late(now), number, launch))
        while arrivals and arrivals[0][0] <= now:
            when, _, launch = heapq.heappop(arrivals)
            if endpoint(when) is not None:
                launch.refused = True
                paused_until = max(paused_until, now + 1)
    return rates


@pytest.mark.parametrize("begin", [184, 189, 195, 200, 207])
def test_a_rate_that_was_learned_wrongly_is_found_by_its_trials(begin: int) -> None:
    """Some percent below the limit, or above it: after a minute and a half within 2% of it."""
    assert lessons(200, 90, begin=begin)[-1] == pytest.approx(200, rel=0.02)


def test_requests_that_come_late_at_times_lower_no_pace_for_good() -> None:
    """Every 40 s those of a tenth of a second come together: the pace stays near what the endpoint bears."""
    rates = lessons(200, 300, begin=200, late=lambda now: max(0.0, 0.1 - now % 40))
    assert len(rates) > 5
    assert min(rates[-3:]) >= 0.97 * 200


def test_a_refusal_lowers_no_pace_if_it_is_the_first_in_a_while() -> None:
    """Some requests were late; a second refusal soon after is more than that, and one soon after a lesson."""
    pace = Pace(patience=60)
    lowered = []
    for when in (0.0, 8.0, 60.0, 70.0):
        before = pace.rate(when)
        for number in range(50):
            pace.launch(when + number / 50)
        pace.launch(when + 1).refused = True
        pace.learn_from_refusals(when + 2, seconds_asked=1.0)
        lowered.append(pace.rate(when + 2) < before)
    assert lowered == [True, True, False, True]


def test_a_second_lesson_within_a_second_teaches_nothing() -> None:
    """The endpoint is still paying for the burst before it."""
    pace = Pace()
    for _ in range(50):
        pace.launch(0.0)
    pace.launch(0.0).refused = True
    pace.learn_from_refusals(0.1, seconds_asked=0.1)
    learned = pace.rate(0.1)
    pace.launch(0.2).refused = True
    pace.learn_from_refusals(0.3, seconds_asked=0.1)
    assert pace.rate(0.1) == learned


def test_without_a_refusal_there_is_nothing_to_learn() -> None:
    """A pause with another cause leaves the pace as it is."""
    pace = Pace()
    pace.launch(0.0)
    pace.learn_from_refusals(1.0, seconds_asked=1.0)
    assert not pace.learned


def test_refusals_at_random_do_not_stop_all_requests() -> None:
    """If an endpoint refuses at random, one request for each pause is the lowest pace."""
    pace, now = Pace(), 0.0
    for _ in range(50):
        pace.launch(now).refused = True
        now += 2.0
        pace.learn_from_refusals(now, seconds_asked=0.1)
    assert pace.rate(now) >= 9.6
    for _ in range(50):
        pace.launch(now).refused = True
        now += 2.0
        pace.learn_from_refusals(now, seconds_asked=0.0)
    assert pace.rate(now) >= 0.96


def test_one_request_alone_sets_no_pace() -> None:
    """A leader, or a planner, that is refused says nothing of a rate; two say as much as any burst."""
    for launches, is_learned in ((1, False), (2, True)):
        pace = Pace()
        for _ in range(launches):
            pace.launch(10.0).refused = True
        pace.learn_from_refusals(11.0, 1.0)
        assert pace.learned is is_learned
