"""Keys of prompt caches: how many calls get the same one, and when it takes calls again."""

import pytest

from langgraph_parallel.runtime import prefix_keys
from langgraph_parallel.runtime.prefix_keys import PER_MINUTE, CacheKeys


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return its time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock of the keys."""
    clock = Clock()
    monkeypatch.setattr(prefix_keys, "time", clock)
    return clock


def choose(keys: CacheKeys, calls: int) -> list[int]:
    """Return the keys of calls that have nothing but the prefix in common."""
    return [keys.choose("prefix", object(), spread=True) for _ in range(calls)]


def test_keys_that_are_full_take_calls_again_after_a_minute_from_the_first_on(clock: Clock) -> None:
    """A key takes so many calls in any minute, and the first one that takes calls is the next."""
    keys = CacheKeys()
    assert choose(keys, 3 * PER_MINUTE) == [number for number in range(3) for _ in range(PER_MINUTE)]
    clock.now += 30
    assert choose(keys, 1) == [3]
    clock.now += 30
    assert choose(keys, PER_MINUTE + 1) == [0] * PER_MINUTE + [1]


def test_calls_that_have_more_in_common_keep_their_key_while_it_takes_calls(clock: Clock) -> None:
    """A group goes back to its key, and to another one only if that is full."""
    keys = CacheKeys()
    choose(keys, PER_MINUTE)
    assert keys.choose("prefix", "group", spread=True) == 1
    clock.now += 60
    assert choose(keys, 2) == [0, 0]
    assert [keys.choose("prefix", "group", spread=True) for _ in range(PER_MINUTE)] == [1] * PER_MINUTE
    assert keys.choose("prefix", "group", spread=True) == 0


def test_a_key_that_its_group_has_filled_is_passed_over(clock: Clock) -> None:
    """Whoever has no key yet gets one that takes calls, also where a group went on with its own."""
    keys = CacheKeys()
    assert [keys.choose("prefix", "group", spread=True) for _ in range(PER_MINUTE - 1)] == [0] * (
        PER_MINUTE - 1
    )
    clock.now += 50
    assert [keys.choose("prefix", "group", spread=True) for _ in range(2)] == [0, 1]
    clock.now += 10
    assert choose(keys, 1) == [0]


def test_calls_that_are_not_spread_all_have_the_first_key(clock: Clock) -> None:
    """Where further keys are pointless, no call gets one."""
    keys = CacheKeys()
    assert {keys.choose("prefix", object(), spread=False) for _ in range(5 * PER_MINUTE)} == {0}
    assert choose(keys, 1) == [1]
