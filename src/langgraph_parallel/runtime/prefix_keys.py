"""Keys of prompt caches: calls with a common prefix and one key are sent to the same machine.

An endpoint sends calls with one prefix and one key to the machine that has the prefix, up to a rate; what is
above it goes to a machine that has not. So calls above the rate get a further key, with a leader of its own:
it costs as much as each of them would else. Where it is not known whether an endpoint does so, that leader
waits for the first one, and shows it: either it finds the prefix, and further keys are pointless, or not.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Hashable
from heapq import heappop, heappush

PER_MINUTE = 15
"""Calls of one prefix and one key in a minute, above which OpenAI documents that others are asked."""
_MINUTE = 60.0
_MOST_KEPT = 1024


class _Family:
    """The calls with one prefix. Its keys are in one of two heaps each, so no choice looks at all of them."""

    __slots__ = ("_free", "_full", "_sent", "homes")

    def __init__(self) -> None:
        self._sent: list[deque[float]] = []
        """When the last calls were sent, for each key: as many as fill a minute."""
        self._free: list[int] = []
        """Keys that may take a call; one of them may be full by now."""
        self._full: list[tuple[float, int]] = []
        """Until when keys are full, and their numbers; they may have taken calls since."""
        self.homes: OrderedDict[Hashable, int] = OrderedDict()
        """Keys of the calls that have more in common."""

    def full_until(self, number: int) -> float:
        """Return until when a key takes no further call; a time that has passed if it takes one."""
        sent = self._sent[number]
        return sent[0] + _MINUTE if len(sent) == PER_MINUTE else 0.0

    def first_free(self, now: float) -> int:
        """Return the first key that takes a call; a new one if all are full."""
        while self._full and self._full[0][0] <= now:
            heappush(self._free, heappop(self._full)[1])
        while self._free and (until := self.full_until(self._free[0])) > now:
            heappush(self._full, (until, heappop(self._free)))
        return self._free[0] if self._free else len(self._sent)

    def note(self, number: int, now: float) -> None:
        """Note that a call is sent with a key, which may be a new one."""
        if number == len(self._sent):
            self._sent.append(deque(maxlen=PER_MINUTE))
            heappush(self._free, number)
        self._sent[number].append(now)


class CacheKeys:
    """Chooses keys. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._families: OrderedDict[Hashable, _Family] = OrderedDict()

    def choose(self, family: Hashable, group: Hashable, *, spread: bool) -> int:
        """Return the number of a call's key.

        Args:
            family: calls with the same prefix.
            group: those of them that have more in common, which get the same key where they can.
            spread: whether to use several keys.
        """
        now = time.monotonic()
        with self._lock:
            known = self._families.setdefault(family, _Family())
            self._families.move_to_end(family)
            if len(self._families) > _MOST_KEPT:
                self._families.popitem(last=False)
            number = self._number(known, group, now) if spread else 0
            known.homes[group] = number
            if len(known.homes) > _MOST_KEPT:
                known.homes.popitem(last=False)
            known.note(number, now)
            return number

    def forget(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._families.clear()

    @staticmethod
    def _number(known: _Family, group: Hashable, now: float) -> int:
        home = known.homes.get(group)
        if home is not None and known.full_until(home) <= now:
            return home
        return known.first_free(now)


keys = CacheKeys()
"""Those of this process."""
