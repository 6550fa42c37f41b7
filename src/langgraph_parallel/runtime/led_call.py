"""The turn of one attempt at a call: which of its prefixes are led, and by whom (`runtime.leading`)."""

import asyncio
import time
from collections.abc import Hashable
from functools import partial
from typing import TYPE_CHECKING, Any

from langgraph_parallel.errors import NotStarted
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.leading import leading
from langgraph_parallel.runtime.open_call import OpenCall
from langgraph_parallel.runtime.prefix_cost import CacheRates, levels, tokens_of
from langgraph_parallel.runtime.prefix_keys import keys
from langgraph_parallel.runtime.prefix_observed import Observed, observed
from langgraph_parallel.runtime.prefix_terms import cache_rates, may_overflow
from langgraph_parallel.runtime.rendered import Prefix, Rendered
from langgraph_parallel.runtime.retry import AskAgain
from langgraph_parallel.runtime.sender import PLAIN, PrefixCaching, Sending
from langgraph_parallel.runtime.timers import call_later

if TYPE_CHECKING:
    from langgraph_parallel.runtime.calling import Calling

_SHORTEST = 4096
"""Bytes of a prefix below which no provider keeps it."""
_BYTES_PER_ESTIMATED = 3
"""Bytes of a token, as prompts are estimated (`runtime.tokens`)."""
_READING_SECONDS, _READ_PER_SECOND = 5.0, 2000
"""When a prompt has been read at the latest: after some seconds, and one more for so many tokens."""
LOOK_SECONDS = 0.02
"""How long a leader looks for siblings, where it pays for being one: by then those of its step have come."""
_LOOKS_EVERY = LOOK_SECONDS / 10
"""Seconds between two looks: at every turn of the event loop, they would take all of its time."""
_MOST_MARKS = 4


class Turn:
    """The turn of a call that shares no prefix: it goes at once."""

    __slots__ = ()

    async def come(self, call: OpenCall) -> None:
        """Wait until the call may take budget and a slot.

        Args:
            call: not opened yet.
        """

    def sending(self, call: OpenCall) -> Sending:
        """Return how the request of a call is sent, which leaves now."""
        return PLAIN

    def answered(self, usage: Usage) -> None:
        """Note that the request was answered."""

    def __enter__(self) -> "Turn":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        pass


NO_TURN = Turn()


def turn_of(calling: "Calling[Any]", prompt: Rendered, tokens: int) -> Turn:
    """Return the turn of an attempt.

    Args:
        calling: how the call goes.
        prompt: of the call.
        tokens: of the prompt, estimated.
    """
    if not prompt.prefixes or calling.limits.leader == "off" or prompt.prefixes[-1].size < _SHORTEST:
        return NO_TURN
    caching = calling.sender.prefix_caching()
    if caching is None:
        return NO_TURN
    seen = observed(calling.endpoint, calling.target)
    rates = cache_rates(calling.priced, calling.limits, caching.minimum, seen)
    if rates is None:
        return _Watching(seen)
    if calling.limits.leader == "auto" and seen.is_pointless:
        calling.run.note(
            f"{calling.target} at {calling.endpoint}: what a first call has sent is not found in the cache "
            "by those that follow it, so none goes first any more"
        )
        return _Watching(seen)
    whole = max(tokens_of(_BYTES_PER_ESTIMATED * tokens), tokens_of(prompt.prefixes[-1].size))
    chosen = levels([tokens_of(prefix.size) for prefix in prompt.prefixes], whole, rates)
    return (
        _Led(calling, [prompt.prefixes[i] for i in chosen], rates, seen, tokens)
        if chosen
        else _Watching(seen)
    )


class _Watching(Turn):
    """The turn of a call that goes at once, and shows whether the endpoint has a cache."""

    __slots__ = ("_seen",)

    def __init__(self, seen: Observed) -> None:
        self._seen = seen

    def answered(self, usage: Usage) -> None:
        """Note that the request was answered."""
        if usage.cache_read_tokens:
            self._seen.note_read()


class _Led(_Watching):
    """The turn of a call whose prefixes are led, by itself or by another.

    Args:
        calling: how the call goes.
        prefixes: that are worth a leader, shortest first.
        rates: of the provider's cache.
        seen: what was observed of it.
        tokens: of the prompt, estimated.
    """

    __slots__ = (
        "_calling",
        "_is_further",
        "_leads",
        "_names",
        "_number",
        "_prefixes",
        "_rates",
        "_timer",
        "_tokens",
        "is_sent",
        "run",
    )

    def __init__(
        self,
        calling: "Calling[Any]",
        prefixes: list[Prefix],
        rates: CacheRates,
        seen: Observed,
        tokens: int,
    ) -> None:
        super().__init__(seen)
        self.run: Hashable = calling.run.line
        self.is_sent = False
        self._calling, self._prefixes, self._rates, self._tokens = calling, prefixes, rates, tokens
        self._leads: list[Hashable] = []
        """Names of the prefixes that it leads."""
        self._names: list[Hashable] = []
        """Those of all its prefixes."""
        self._number = 0
        """Of its key."""
        self._is_further = False
        """Whether it leads with a further key what is warm for the first one."""
        self._timer: asyncio.TimerHandle | None = None

    async def come(self, call: OpenCall) -> None:
        """Wait until the call may take budget and a slot: it leads its prefixes, or they are warm."""
        caching = self._caching()
        overflows = may_overflow(self._calling.endpoint, self._seen)
        group = self._prefixes[-1].digest
        spread = caching.keyed and overflows is not False
        self._number = keys.choose(self._name(self._prefixes[0]), group, spread=spread)
        if self._number and overflows is None:
            await self._follow_the_first(call)
        for prefix in self._prefixes:
            name, leads = await leading.turn(partial(self._numbered, prefix), self, partial(_tell, call))
            self._names.append(name)
            if leads and name not in self._leads:
                self._leads.append(name)
        self._is_further = self._is_further and self._names[0] in self._leads
        if caching.marked and self._leads:
            await self._look_for_siblings()

    def sending(self, call: OpenCall) -> Sending:
        """Return how the request of a call is sent, which leaves now."""
        caching = self._caching()
        key = f"{self._prefixes[0].digest}-{self._number}" if caching.keyed else ""
        marks = self._mark() if caching.marked else ()
        if call.hedge or not self._leads:
            return Sending(key, marks=marks)
        self.is_sent = True
        seconds = _READING_SECONDS + self._tokens / _READ_PER_SECOND
        self._timer = call_later(asyncio.get_running_loop(), seconds, self._first)
        return Sending(key, on_first=self._first, marks=marks)

    def answered(self, usage: Usage) -> None:
        """Note that the request was answered."""
        super().answered(usage)
        if usage.input_tokens and (self._is_further or not self._leads):
            share = min(1.0, self._prefixes[0].size / (_BYTES_PER_ESTIMATED * self._tokens))
            expected = self._rates.blocks(int(share * usage.input_tokens))
            note = self._seen.note_further if self._is_further else self._seen.note_follower
            note(expected, usage.cache_read_tokens)
        for name in self._names:
            leading.used(name)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Hand over what the call leads and has not begun to answer."""
        if self._timer is not None:
            self._timer.cancel()
        failed = _is_failure(error)
        for name in self._leads:
            leading.lost(name, self, failed=failed)

    def _first(self) -> None:
        """Let the others go: the first token is there."""
        for name in self._leads:
            leading.used(name)

    def _numbered(self, prefix: Prefix) -> Hashable:
        return self._name(prefix), self._number

    def _name(self, prefix: Prefix) -> Hashable:
        calling = self._calling
        # A provider keeps prefixes for each account: with a key of another run, nothing would be found.
        account = calling.account, id(calling.run.root) if calling.account.keys_vary else None
        return calling.endpoint, calling.target, account, self._caching().preface, prefix.digest

    def _caching(self) -> PrefixCaching:
        caching = self._calling.sender.prefix_caching()
        assert caching is not None
        return caching

    async def _follow_the_first(self, call: OpenCall) -> None:
        """Wait until the prefix is warm for the first key: it may be warm for all keys then.

        So the first call with a further key finds out whether machines have caches of their own, and costs
        no more than a leader if they have.
        """
        number, self._number = self._number, 0
        name, leads = await leading.turn(
            partial(self._numbered, self._prefixes[0]), self, partial(_tell, call)
        )
        if leads:  # whoever led it before is gone
            self._leads.append(name)
            return
        self._number, self._is_further = number, True

    async def _look_for_siblings(self) -> None:
        """Let those come that start at the same time: a prefix is paid for if others share it."""
        give_up_at = time.perf_counter() + LOOK_SECONDS
        while not all(map(leading.is_shared, self._leads)) and time.perf_counter() < give_up_at:  # noqa: ASYNC110
            await asyncio.sleep(_LOOKS_EVERY)

    def _mark(self) -> tuple[int, ...]:
        """Return the sizes of the prefixes to be kept: a prefix is paid for if others share it.

        What is not marked is not kept. Nobody need wait for it, and the next call with it knows of this one.
        """
        for name in list(self._leads):
            if not leading.is_shared(name):
                self._leads.remove(name)
                self._names.remove(name)
                leading.note_use(name)
                leading.lost(name, self, failed=False)
        kept = [prefix.size for prefix in self._prefixes if self._numbered(prefix) in self._names]
        return tuple(kept[:_MOST_MARKS])


def _tell(call: OpenCall) -> None:
    """Tell those who listen that a call waits for its leader."""
    call.waits("leader")


def _is_failure(error: BaseException | None) -> bool:
    """Return whether an attempt failed by its endpoint, in a way that another would, too."""
    if not isinstance(error, Exception) or isinstance(error, NotStarted | AskAgain):
        return False
    return not classify(error).says_later
