"""What the answers of endpoints have shown of their caches of prefixes."""

import threading
from collections.abc import Hashable

_ENOUGH = 8
"""Followers that are observed before anything is concluded."""
_POINTLESS = 0.1
"""Share of what followers should have read from the cache, below which leaders are pointless."""


class Observed:
    """What the answers of one model at one endpoint have shown. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.has_cache = False
        """Whether it has told how many tokens came from a cache."""
        self.overflows: bool | None = None
        """Whether calls with another key, as above a rate, miss what those with the first key find; None if
        that is not known."""
        self._followers = 0
        self._expected = self._read = 0

    @property
    def is_pointless(self) -> bool:
        """Whether followers do not find what their leaders have sent."""
        return self._followers >= _ENOUGH and self._read < _POINTLESS * self._expected

    def forget(self) -> None:
        """Forget what answers have shown."""
        fresh = vars(Observed())
        with self._lock:
            vars(self).update(fresh, _lock=self._lock)

    def note_read(self) -> None:
        """Note that a call has read from the cache: if followers did not, they are observed again."""
        self.has_cache = True
        if self.is_pointless:
            with self._lock:
                self._followers = self._expected = self._read = 0

    def note_follower(self, expected: int, read: int) -> None:
        """Note what a follower has read from the cache.

        Args:
            expected: tokens of its prefix.
            read: tokens that it has read.
        """
        with self._lock:
            self._followers += 1
            self._expected += expected
            self._read += read

    def note_further(self, expected: int, read: int) -> None:
        """Note what the first call with a further key has read, when the prefix was warm for another key."""
        with self._lock:
            self.overflows = 2 * read < expected


_observed: dict[Hashable, Observed] = {}
_lock = threading.Lock()


def observed(endpoint: str, model: str) -> Observed:
    """Return what was observed of one model of one endpoint: always the same in this process."""
    with _lock:
        return _observed.setdefault((endpoint, model), Observed())


def forget_observed() -> None:
    """Forget what answers have shown."""
    with _lock:
        known = list(_observed.values())
    for seen in known:  # not the objects themselves: models hold them as long as their event loop lives
        seen.forget()
