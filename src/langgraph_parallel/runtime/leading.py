"""Leaders: of calls whose prompts begin alike, one goes first, so that the others find the prefix in a cache.

A provider reads a prefix from its cache once the first call with it has been answered in part. Calls that
leave together all miss it. So a call takes its turn before it takes budget or a slot, for each prefix of its
prompt that is worth it, from the shortest to the longest:

- cold: nobody has asked with it lately. The call becomes its leader, and goes.
- led: the leader has no token yet. The call waits; it holds nothing meanwhile but the prefixes that it leads
  itself, which are shorter. So waits have an order, and none is for ever.
- warm: it goes. A prefix is warm from the first token of its leader on (its answer, where there is no
  stream), for about as long as providers keep one after its last use.

A leader that fails, is cancelled or cut off hands over to the next that waits, at once. If several in a row
fail, all go: one after another they would wait for the timeouts of each other. A leader that has been sent
and has no token for long is thinking; its prompt has been read by then, so the others go. Nobody waits for a
leader of another run that is still in line itself, since that run may be slow on purpose.

All of this is of the process: of every run, thread and event loop.
"""

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Protocol

from langgraph_parallel.runtime.timers import call_later
from langgraph_parallel.runtime.waiting import Waiter

WARM_SECONDS = 240.0
"""Providers keep a prefix for 5 to 10 minutes after its last use."""
LONGEST_WAIT = 120.0
"""Seconds: a leader that has not begun then is in a long line, or in an event loop that nobody runs."""
MOST_FAILED = 2
"""Leaders in a row that may fail before all go."""
_MOST_KEPT = 4096
"""Prefixes of which the process remembers something."""


class Leader(Protocol):
    """A call that takes its turn."""

    run: Hashable
    """Of which run it is."""
    is_sent: bool
    """Whether its request has left."""


class PrefixState:
    """What is known of one prefix at one endpoint. Its registry's lock guards it."""

    __slots__ = ("failed", "goes_on", "last_used", "leader", "waiters", "warm_until")

    def __init__(self) -> None:
        self.leader: Leader | None = None
        self.waiters: OrderedDict[Waiter, None] = OrderedDict()
        """In the order in which they came."""
        self.warm_until = 0.0
        self.last_used = 0.0
        self.failed = 0
        """Leaders in a row that failed."""
        self.goes_on: Waiter | None = None
        """Who was woken to lead, and has not come yet."""

    @property
    def is_idle(self) -> bool:
        """Whether no call leads it or waits for it."""
        return self.leader is None and not self.waiters


class Leading:
    """The prefixes of this process. Safe to use from any thread and any event loop."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._prefixes: OrderedDict[Hashable, PrefixState] = OrderedDict()

    async def turn(
        self, key: Callable[[], Hashable], leader: Leader, on_wait: Callable[[], None]
    ) -> tuple[Hashable, bool]:
        """Wait until the prefix is warm, or the call's to lead; return its key, and whether it is the latter.

        Args:
            key: returns what identifies the prefix; asked again after a wait.
            leader: the call.
            on_wait: called before the first wait.
        """
        waits = False
        while True:
            waiter = self._enter(name := key(), leader)
            if isinstance(waiter, bool):
                return name, waiter
            timer = call_later(waiter.loop, LONGEST_WAIT, waiter.wake)
            try:
                if not waits:
                    waits = True
                    on_wait()
                await waiter.wait()
            except BaseException:  # cancelled, or its event loop is gone
                self._gave_up(name, waiter)
                raise
            finally:
                timer.cancel()
            if self._is_waiting(name, waiter):
                self._gave_up(name, waiter)
                return name, False

    def used(self, key: Hashable) -> None:
        """Note that a prefix is warm from now on: a call that has it has been answered, at least in part."""
        with self._lock:
            if (prefix := self._prefixes.get(key)) is None:
                return
            prefix.last_used = time.monotonic()
            prefix.warm_until = prefix.last_used + WARM_SECONDS
            prefix.failed, prefix.leader, prefix.goes_on = 0, None, None
            self._wake_all(prefix)

    def lost(self, key: Hashable, leader: Leader, *, failed: bool) -> None:
        """Hand a prefix over to the next call that waits for it, if this one still leads it.

        Args:
            key: of the prefix.
            leader: which ended without a token.
            failed: whether the endpoint failed; else the call was not wanted any more, or not the time.
        """
        with self._lock:
            prefix = self._prefixes.get(key)
            if prefix is None or prefix.leader is not leader:
                return
            prefix.leader = None
            prefix.failed += failed
            if prefix.failed >= MOST_FAILED:
                self._wake_all(prefix)
            else:
                self._wake_next(prefix)

    def is_shared(self, key: Hashable) -> bool:
        """Return whether others wait for a prefix, or have used it lately: it has siblings."""
        with self._lock:
            prefix = self._prefixes.get(key)
            return prefix is not None and (bool(prefix.waiters) or self._is_recent(prefix))

    def note_use(self, key: Hashable) -> None:
        """Note that a call with a prefix was answered, without a cache that keeps it."""
        with self._lock:
            if (prefix := self._prefixes.get(key)) is not None:
                prefix.last_used = time.monotonic()

    def forget(self) -> None:
        """Forget what is warm, and what failed; calls that lead or wait go on."""
        with self._lock:
            for key in [key for key, prefix in self._prefixes.items() if prefix.is_idle]:
                del self._prefixes[key]
            for prefix in self._prefixes.values():
                prefix.warm_until, prefix.failed = 0.0, 0

    def _enter(self, key: Hashable, leader: Leader) -> Waiter | bool:
        """Return whether a call goes as the leader of a prefix; or what it has to wait for."""
        with self._lock:
            prefix = self._prefixes.get(key)
            if prefix is None:
                prefix = self._prefixes[key] = PrefixState()
                self._drop_oldest()
            self._prefixes.move_to_end(key)
            if prefix.warm_until > time.monotonic() or prefix.failed >= MOST_FAILED:
                return False
            if prefix.leader is None or prefix.leader is leader:
                prefix.leader, prefix.goes_on = leader, None
                return True
            if not prefix.leader.is_sent and prefix.leader.run != leader.run:
                return False
            waiter = Waiter()
            prefix.waiters[waiter] = None
            return waiter

    def _is_waiting(self, key: Hashable, waiter: Waiter) -> bool:
        """Return whether nobody has woken a call but its own timer."""
        with self._lock:
            prefix = self._prefixes.get(key)
            return prefix is not None and waiter in prefix.waiters

    def _gave_up(self, key: Hashable, waiter: Waiter) -> None:
        """Take a call out of those that wait; if it was to lead and never will, the next one does."""
        with self._lock:
            if (prefix := self._prefixes.get(key)) is None:
                return
            prefix.waiters.pop(waiter, None)
            if prefix.goes_on is waiter and prefix.leader is None:
                self._wake_next(prefix)

    @staticmethod
    def _is_recent(prefix: PrefixState) -> bool:
        return bool(prefix.last_used) and time.monotonic() - prefix.last_used < WARM_SECONDS

    @staticmethod
    def _wake_all(prefix: PrefixState) -> None:
        waiters, prefix.waiters = prefix.waiters, OrderedDict()
        for waiter in waiters:
            _wake(waiter)

    @staticmethod
    def _wake_next(prefix: PrefixState) -> None:
        prefix.goes_on = None
        while prefix.waiters:
            waiter, _ = prefix.waiters.popitem(last=False)
            if not waiter.loop.is_closed():
                prefix.goes_on = waiter
                _wake(waiter)
                return

    def _drop_oldest(self) -> None:
        """Forget the prefixes that were used longest ago, where there are too many."""
        if len(self._prefixes) > _MOST_KEPT:
            idle = [key for key, prefix in self._prefixes.items() if prefix.is_idle]
            for key in idle[: _MOST_KEPT // 4]:  # many at once, since each look costs as much as all of them
                del self._prefixes[key]


def _wake(waiter: Waiter) -> None:
    with contextlib.suppress(RuntimeError):  # its event loop was closed at this moment
        waiter.wake()


leading = Leading()
"""That of this process."""
