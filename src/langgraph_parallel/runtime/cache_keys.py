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

PER_MINUTE = 15
"""Calls of one prefix and one key in a minute, above which OpenAI documents that others are asked."""
_MOST_KEPT = 1024


class _Family:
    """The calls with one prefix."""

    __slots__ = ("homes", "sent")

    def __init__(self) -> None:
        self.sent: list[deque[float]] = []
        """When the last calls were sent, for each key."""
        self.homes: OrderedDict[Hashable, int] = OrderedDict()
        """Keys of the calls that have more in common."""


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
            for sent in known.sent:
                while sent and sent[0] <= now - 60:
                    sent.popleft()
            number = self._number(known, group) if spread else 0
            if number == len(known.sent):
                known.sent.append(deque(maxlen=1000))
            known.homes[group] = number
            if len(known.homes) > _MOST_KEPT:
                known.homes.popitem(last=False)
            known.sent[number].append(now)
            return number

    def forget(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._families.clear()

    @staticmethod
    def _number(known: _Family, group: Hashable) -> int:
        home = known.homes.get(group)
        if home is not None and len(known.sent[home]) < PER_MINUTE:
            return home
        free = (number for number, sent in enumerate(known.sent) if len(sent) < PER_MINUTE)
        return next(free, len(known.sent))


keys = CacheKeys()
"""Those of this process."""
