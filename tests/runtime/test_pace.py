"""The pace that is learned: against endpoints of several kinds, on a clock that is simulated."""

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from langgraph_parallel.runtime.pace import MARGIN, Pace

Ask = Callable[[float], float | None]
"""An endpoint: None lets a request through, a number refuses it with that Retry-After."""


@dataclass
class Sliding:
    """So many in any second."""

    limit: int = 50
    rounded: Callable[[float], float] = math.ceil
    seen: list[float] = field(default_factory=list)

    def __call__(self, now: float) -> float | None:
        """Let through, or refuse."""
        self.seen = [moment for moment in self.seen if moment > now - 1]
        if len(self.seen) < self.limit:
            self.seen.append(now)
            return None
        return self.rounded(self.seen[0] + 1 - now)


@dataclass
class Fixed:
    """So many in each second of the clock; the first one has begun before."""

    limit: int = 50
    rounded: Callable[[float], float] = math.ceil
    second: int = -1
    count: int = 0

    def __call__(self, now: float) -> float | None:
        """Let through, or refuse."""
        if (second := math.floor(now + 0.7)) != self.second:
            self.second, self.count = second, 0
        if self.count < self.limit:
            self.count += 1
            return None
        return self.rounded(second + 1 - now - 0.7)


@dataclass
class Bucket:
    """A bucket of so many, refilled at 50 a second."""

    size: int = 50
    rounded: Callable[[float], float] = math.ceil
    level: float = math.inf
    when: float = 0.0

    def __call__(self, now: float) -> float | None:
        """Let through, or refuse."""
        self.level = min(self.size, self.level + (now - self.when) * 50)
        self.when = now
        if self.level >= 1:
            self.level -= 1
            return None
        return self.rounded((1 - self.level) / 50)


def exactly(seconds: float) -> float:
    """A Retry-After in fractions."""
    return seconds


def simulate(ask: Ask, calls: int, *, latency: float, concurrency: int = 500) -> tuple[float, float, int]:
    """Make calls at the learned pace; gives seconds, the share refused after the first, and all refused."""
    draw, pace = random.Random(7), Pace()
    now, waiting, done, in_flight, number = 0.0, calls, 0, 0, 0
    paused_from = paused_until = -1.0
    asked = 0.0
    events: list[tuple[float, int, str, object, float]] = []
    refused: list[float] = []
    while done < calls:
        while now >= paused_until and waiting and in_flight < concurrency:
            if asked:
                pace.learn(now, asked)
                asked = 0.0
            if pace.free_at() > now:
                break
            launch, number = pace.launch(now), number + 1
            waiting, in_flight = waiting - 1, in_flight + 1
            heapq.heappush(events, (now + 0.002 + draw.random() * 0.004, number, "comes", launch, 0.0))
        later = [events[0][0]] if events else []
        if waiting and in_flight < concurrency:
            later.append(max(paused_until, pace.free_at()))
        if not events or min(later) < events[0][0]:
            now = min(later)
            continue
        now, order, what, held, pause = heapq.heappop(events)
        if what == "comes":
            answer = ask(now)
            ends = now + (latency if answer is None else 0.002)
            heapq.heappush(events, (ends, order, "ok" if answer is None else "no", held, answer or 0.0))
            continue
        in_flight -= 1
        if what == "ok":
            done += 1
            continue
        refused.append(now)
        held.refused, waiting = True, waiting + 1  # type: ignore[attr-defined]
        if held.when > paused_from:  # type: ignore[attr-defined]
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
    """500 calls at once to an endpoint of 50 a second: 92% of what it allows, under 3% refused later."""
    seconds, refused_later, refused = simulate(endpoint(), 500, latency=latency)
    assert refused
    assert 500 / 50 / seconds >= 0.92
    assert refused_later < 0.03


def test_an_endpoint_that_never_refuses_is_never_paced() -> None:
    """Without a refusal requests leave at once."""
    seconds, _, refused = simulate(lambda now: None, 500, latency=0.2)
    assert (refused, round(seconds, 1)) == (0, 0.0)


def test_the_pace_is_flat_where_it_was_too_much_and_steep_far_from_it() -> None:
    """From a share of the refused rate it grows back to it in a while, and beyond it quickly."""
    pace = Pace()
    for _ in range(50):
        pace.launch(0.0)
    pace.launch(0.0).refused = True
    pace.learn(1.0, asked=1.0)
    assert pace.rate(1.0) == pytest.approx(50 * MARGIN)
    assert pace.rate(7.0) < 50
    assert pace.rate(13.0) == pytest.approx(50)
    assert pace.rate(61.0) > 250


def test_a_second_lesson_within_a_second_teaches_nothing() -> None:
    """The endpoint still pays for the burst that came before."""
    pace = Pace()
    for _ in range(50):
        pace.launch(0.0)
    pace.launch(0.0).refused = True
    pace.learn(0.1, asked=0.1)
    learned = pace.rate(0.1)
    pace.launch(0.2).refused = True
    pace.learn(0.3, asked=0.1)
    assert pace.rate(0.1) == learned


def test_without_a_refusal_there_is_nothing_to_learn() -> None:
    """A pause that something else has brought leaves the pace as it is."""
    pace = Pace()
    pace.launch(0.0)
    pace.learn(1.0, asked=1.0)
    assert not pace.learned


def test_refusals_that_have_nothing_to_do_with_the_pace_do_not_stop_everything() -> None:
    """An endpoint that refuses now and then whatever it is asked: one request for each pause is the least."""
    pace, now = Pace(), 0.0
    for _ in range(50):
        pace.launch(now).refused = True
        now += 2.0
        pace.learn(now, asked=0.1)
    assert pace.rate(now) >= 9.6
    for _ in range(50):
        pace.launch(now).refused = True
        now += 2.0
        pace.learn(now, asked=0.0)
    assert pace.rate(now) >= 0.96
