"""Rates that the user sets, as token buckets."""

from langgraph_parallel.runtime.buckets import Bucket


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


def test_no_call_waits_more_than_a_minute_for_what_others_took() -> None:
    """Requests without a rate count in the buckets of those with one."""
    bucket = Bucket.of_requests(60)
    for _ in range(1000):
        bucket.correct(1, 5.0)
    assert bucket.take(1, 5.0) < 65
