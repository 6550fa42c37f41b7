"""How much an endpoint is asked over seconds and minutes, in simulated time."""

import math
from collections.abc import Callable

import pytest

from langgraph_parallel.limiting import Rates
from tests.support.simulated import Bucket, Closed, Endpoint, Fixed, LimitAt, Sliding, most_in, run

SEEDS = range(3)
RetryAfter = Callable[[float], float | None]


def no_retry_after(seconds: float) -> None:
    """Return nothing: the endpoint does not say when to come again."""


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("per_minute", [1, 2, 7, 20, 60, 100, 190, 500, 3000, 20_000])
def test_a_rate_that_is_set_is_used_and_never_exceeded(per_minute: int, seed: int) -> None:
    """At least 95% of it, no more in any minute, and no more in any second than its part and one request."""
    seconds = max(90, 60 * 100 / per_minute)
    rates = Rates(concurrency=500, requests_per_minute=per_minute)
    endpoint = run(Endpoint(lambda now: None, seed=seed), rates, seconds=seconds)
    assert len(endpoint.admitted) >= 0.95 * per_minute * seconds / 60
    assert most_in(endpoint.admitted, 60) <= per_minute
    assert most_in(endpoint.admitted, 1) <= per_minute / 60 + 1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("change", [20, 25, 30])
def test_a_pace_finds_its_way_back(change: int, seed: int) -> None:
    """From 10 to 80 a second: half within 15 s, nine tenths within 45 s, under 3% refused."""
    limit = Sliding(10, then=(change, 80))
    endpoint = run(Endpoint(limit, seed=seed), Rates(), seconds=change + 60)
    assert endpoint.rate(2, change) >= 0.84 * 10
    assert max(endpoint.rate(change + begin, change + begin + 1) for begin in range(15)) >= 0.5 * 80
    assert max(endpoint.rate(change + begin, change + begin + 5) for begin in range(41)) >= 0.9 * 80
    assert endpoint.refused_share < 0.03


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("spread", [0.0, 0.2])
@pytest.mark.parametrize("concurrency", [50, 64])
@pytest.mark.parametrize("calls", [237, 300])
def test_a_first_run_reaches_the_rate_of_its_endpoint(
    calls: int, concurrency: int, spread: float, seed: int
) -> None:
    """Nothing is known of 50 a second: 88% of it is reached, and under 8% of the requests are refused.

    Without a spread the first answers come all at once, and with them the moment for as many others.
    """
    endpoint = Endpoint(Sliding(50), lambda seconds: 1.0, spread=spread, seed=seed)
    run(endpoint, Rates(concurrency=concurrency), calls=calls)
    assert calls / 50 / max(endpoint.admitted) >= 0.88
    assert endpoint.refused_share < 0.08


@pytest.mark.parametrize("retry_after", [0.2, 1.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_one_request_goes_first_after_a_pause(retry_after: float, seed: int) -> None:
    """While the pauses that an endpoint asks for are too short, each costs one refusal."""
    endpoint = run(Endpoint(Closed(10.0), lambda seconds: retry_after, seed=seed), Rates(), calls=300)
    later = [when for when in endpoint.refused if when > 0.1]
    assert 3 <= len(later) <= 10 / retry_after
    assert most_in(later, retry_after) == 1
    assert len(endpoint.admitted) == 300


@pytest.mark.parametrize("seed", SEEDS)
def test_calls_wait_no_longer_for_the_first_one_than_for_a_refusal(seed: int) -> None:
    """Answers take ten seconds, but a refusal would come back at once."""
    endpoint = Endpoint(Sliding(50), lambda seconds: 1.0, latency=10, seed=seed)
    run(endpoint, Rates(concurrency=200), calls=100)
    first, second = endpoint.admitted[50:52]
    assert 0.02 < second - first < 0.15


@pytest.mark.parametrize(
    "retry_after",
    [no_retry_after, lambda seconds: 1.0, lambda seconds: 0.2, math.ceil],
    ids=["none", "1", "0.2", "whole seconds"],
)
@pytest.mark.parametrize(
    "limit",
    [
        lambda: Sliding(50),
        lambda: Fixed(50),
        lambda: Bucket(50, 50),
        lambda: Sliding(3000, 60),
        lambda: Fixed(3000, 60),
    ],
    ids=["sliding", "fixed", "bucket", "sliding minute", "fixed minute"],
)
def test_no_endpoint_lets_the_pace_collapse(limit: Callable[[], LimitAt], retry_after: RetryAfter) -> None:
    """Whatever it counts, and whatever it asks for: three minutes of endless calls use 85% of its rate."""
    endpoint = run(Endpoint(limit(), retry_after, seed=1), Rates(), seconds=180)
    assert endpoint.rate(0, 180) >= 0.85 * 50


@pytest.mark.parametrize("seed", SEEDS)
def test_refusals_are_rare_once_the_pace_is_learned(seed: int) -> None:
    """Under half a percent of the requests, over three minutes of endless calls."""
    endpoint = run(Endpoint(Sliding(50), seed=seed), Rates(), seconds=180)
    assert sum(when > 2 for when in endpoint.refused) < 0.005 * len(endpoint.admitted)
