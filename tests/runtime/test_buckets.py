"""Rates that the user sets, as token buckets."""

import random

import pytest

from langgraph_parallel.runtime.buckets import Bucket, RateBuckets
from tests.support.simulated import most_in


def test_a_bucket_lets_no_more_through_in_any_second_than_was_set() -> None:
    """3,000 a minute are at most 50 in any second, and nearly as many."""
    bucket, now, launches = Bucket.of_requests(3000), 100.0, []
    while now < 110:
        wait = bucket.take(1, now)
        launches += [] if wait else [now]
        now += wait
    assert max(sum(first <= when < first + 1 for when in launches) for first in launches) <= 50
    assert len(launches) >= 0.92 * 500


def test_a_bucket_of_tokens_is_corrected_by_what_was_used() -> None:
    """Tokens that were taken and not used are returned; those used beyond that are paid off later."""
    bucket, now, used = Bucket.of_tokens(30_000), 0.0, 0
    while now < 600:
        if wait := bucket.take(8000, now):
            now += wait
            continue
        bucket.correct(-2000, now)
        used += 6000
    assert 0.85 * 300_000 <= used <= 300_000
    bucket.correct(20_000, now)
    assert bucket.take(1, now) > 30


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("guess", [0.5, 1.0, 2.0])
def test_a_wrong_guess_of_tokens_wastes_nothing(guess: float, seed: int) -> None:
    """Corrected after two seconds, 95% of the tokens are used in ten minutes, and in any minute no more."""
    buckets, draw, now = RateBuckets(), random.Random(seed), 0.0
    used: list[tuple[float, int]] = []
    corrected = 0
    while now < 600:
        while corrected < len(used) and used[corrected][0] + 2 <= now:
            tokens = used[corrected][1]
            buckets.correct_tokens(tokens - round(guess * tokens), now)
            corrected += 1
        tokens = draw.randint(1000, 3000)
        if wait := buckets.take(None, 300_000, round(guess * tokens), now):
            now += min(wait, 0.01)
            continue
        used.append((now, tokens))
    assert sum(tokens for _, tokens in used) >= 0.95 * 3_000_000
    if guess >= 1:  # what is used beyond a guess is known too late
        assert _most_tokens(used) <= 300_000


def _most_tokens(used: list[tuple[float, int]]) -> int:
    """Return the most tokens in any minute."""
    return max(sum(tokens for when, tokens in used if begin <= when < begin + 60) for begin, _ in used[::10])


def test_a_request_that_does_not_fit_takes_nothing() -> None:
    """One that waits for tokens does not use up a request, and one without rates counts in all of them."""
    buckets = RateBuckets()
    assert buckets.take(60, 6000, 1000, 0.0) == 0
    assert buckets.take(60, 6000, 1000, 5.0) > 4
    assert buckets.take(60, None, 0, 5.0) == 0
    assert buckets.take(None, None, 0, 6.0) == 0
    assert buckets.take(60, None, 0, 6.1) > 0.8


@pytest.mark.parametrize("late", [0.03, 0.06, 0.1])
def test_a_fan_out_may_begin_in_a_bunch(late: float) -> None:
    """The first requests of a client that starts arrive late, together: still no second has more than 50."""
    bucket, now, arrivals = Bucket.of_requests(3000), 100.0, []
    while now < 103:
        wait = bucket.take(1, now)
        arrivals += [] if wait else [max(now, 100 + late)]
        now += wait
    assert most_in(arrivals, 1) <= 50


def test_a_steady_client_never_rests() -> None:
    """Below one request a second, none pays for the begin of a fan-out but the first."""
    bucket, now = Bucket.of_requests(6), 100.0
    launches: list[float] = []
    while len(launches) < 5:
        wait = bucket.take(1, now)
        launches += [] if wait else [now]
        now += wait
    assert launches[-1] - launches[-2] < 60 / 6 / 0.95


def test_no_call_waits_more_than_a_minute_for_what_others_took() -> None:
    """Requests without a rate count in the buckets of those with one."""
    bucket = Bucket.of_requests(60)
    for _ in range(1000):
        bucket.correct(1, 5.0)
    assert bucket.take(1, 5.0) < 65
