"""A budget whose room comes from a purse that several processes share, in grants.

The purse is kept elsewhere: by the coordinator of a run (`scale.line`), or in Redis (`runtime.redis_budget`).
Whoever talks to it tells it now and then what was spent of the grants and what is held of them (`told`), and
brings what it grants (`take`). A call that does not fit waits for that; it fails once what all processes have
spent leaves no room.

What is held without being reserved is what the calls of a tenth of a second take, so that little is lost with
a process that dies: all that it held counts as spent, since it may have reserved all of it.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langgraph_parallel.errors import BudgetSpent
from langgraph_parallel.runtime.budget import Amount, Budget, budgets_lock
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.waiting import Waiter

Units = tuple[int, int, int]
"""Calls, tokens, and billionths of a US dollar: whole numbers, whose sums are exact."""
NOTHING: Units = (0, 0, 0)
_BILLION = 1_000_000_000
_AHEAD = 0.1
"""Seconds of calls that are held ahead."""
_RATE_OVER = 0.5
"""Seconds over which the number of calls in a second is averaged."""
_LEAST_AHEAD = 2
"""Calls that are held ahead at least."""
_IDLE_RATE = 0.2
"""Calls in a second below which nothing is held ahead while none runs."""
_FIRST_PART = 100
"""Part of the whole that is asked for before the size of a call is known."""


def units_of(amount: Amount) -> Units:
    """Return an amount in whole numbers; a part of a billionth of a dollar counts as one."""
    return amount.calls, amount.tokens, math.ceil(round(amount.usd * _BILLION, 3))


def amount_of(units: Sequence[int]) -> Amount:
    """Return whole numbers as an amount."""
    return Amount(units[0], units[1], units[2] / _BILLION)


def caps_of(limits: Limits) -> tuple[int | None, int | None, int | None]:
    """Return the budgets of limits in whole numbers; None for what is not limited."""
    usd = limits.budget_usd
    return limits.budget_calls, limits.budget_tokens, None if usd is None else units_of(Amount(usd=usd))[2]


class GrantedBudget(Budget):
    """A budget of several processes, of which this one spends what it was granted.

    Args:
        limits: `budget_calls`, `budget_tokens` and `budget_usd` of all processes together.
        on_need: called, from any thread, when a call does not fit into what was granted.
    """

    def __init__(self, limits: Limits, on_need: Callable[[], None]) -> None:
        super().__init__(limits)
        self._on_need = on_need
        self._whole = Budget(limits)
        """What all may spend, and have spent as far as it is known here."""
        self._caps = caps_of(limits)
        self._limited = tuple(most is not None for most in self._caps)
        self._room: Units = NOTHING
        """What this process may have spent and reserved at most."""
        self._before: Units = NOTHING
        """Of it, what the purse has counted as spent, because it took this process for dead."""
        self._need: Amount | None = None
        """Of a call that waits."""
        self._size: Units | None = None
        """What one call reserves, of late; None before the first."""
        self._begun, self._rate, self._told_at = 0, 0.0, time.monotonic()
        """Calls begun, those per second, and when they were counted last."""
        self._last_told = NOTHING, NOTHING
        """What had been spent or reserved when the purse was told last, and what of it had been spent."""
        self._is_tight = False
        """Whether nothing is to be held but what is reserved, since little is left."""
        self._closed = ""
        """Why nothing is granted any more; empty while it is."""
        self._resting = list[Waiter]()
        """Those who wait until all that is not reserved was given back."""
        self._giving_back = list[Waiter]()
        """Those of them of whom the purse was told, and has not answered."""
        self._set_room(NOTHING)

    @property
    def is_in_need(self) -> bool:
        """Whether a call waits for a grant, or somebody until all that is not reserved was given back."""
        return self._need is not None or bool(self._resting)

    @property
    def has_news(self) -> bool:
        """Whether there is something to tell: of calls that have begun or ended, or of what nobody uses.

        A call that was spent as it was reserved is news, too: others may wait for what it was to leave.
        """
        return self._now() != self._last_told or any(map(int.__gt__, self._room, self._taken()))

    @property
    def half_lasts(self) -> float:
        """Seconds in which half of what is held ahead is likely to be used: until then it is to be told."""
        return max(_AHEAD, _LEAST_AHEAD / self._rate) / 2 if self._rate > 0 else math.inf

    def told(self, *, all_of_it: bool = False) -> dict[str, Any]:
        """Return what the purse is to know, and give back what is not needed soon.

        Args:
            all_of_it: give back all that is not reserved, and ask for nothing.
        """
        with budgets_lock:
            all_of_it = all_of_it or bool(self._resting)
            self._giving_back, self._resting = self._giving_back + self._resting, []
            self._count_begun()
            taken, ahead = self._taken(), NOTHING if self._is_tight or all_of_it else self._ahead()
            self._last_told = self._now()
            kept = each(min, _minus(self._room, taken), ahead)
            self._set_room(each(max, each(int.__add__, taken, kept), self._before))
            spent = each(max, units_of(self.spent), self._before)
            need = NOTHING if self._need is None or all_of_it else units_of(self._need)
            return {
                "spent": _minus(spent, self._before),
                "held": _minus(self._room, spent),
                "needs": _minus(need, kept),
                "like": _minus(each(int.__add__, ahead, _times(len(self._waiting), self._size)), kept),
            }

    def take(self, answer: Mapping[str, Any]) -> None:
        """Take what the purse grants, and go on with the calls that wait."""
        with budgets_lock:
            before, self._whole.spent = self._whole.spent, amount_of(answer["spent"])
            self._is_tight, self._closed = bool(answer["tight"]), ""
            granted: Sequence[int] = answer["granted"]
            self._set_room(each(int.__add__, self._room, granted))
            # Else nothing has changed, and those that wait would ask again at once.
            if any(granted) or before != self._whole.spent:
                self._need = None
                self._wake()
            self._end_rests()

    async def rest(self) -> None:
        """Give back all that is not reserved, as no calls are to come soon; return once the purse has it."""
        with budgets_lock:
            if self._closed or (self._now() == self._last_told and self._taken() == self._room):
                return
            self._resting.append(waiter := Waiter())
        self._on_need()
        await waiter.wait()

    def begin_again(self) -> None:
        """Go on after the purse has counted all that is reserved here as spent, and taken the rest."""
        with budgets_lock:
            self._before = self._taken()
            self._set_room(self._before)
            self._end_rests()

    def close(self, why: str) -> None:
        """Let no call wait for a grant any more."""
        with budgets_lock:
            self._closed = why
            self._wake()
            self._giving_back += self._resting
            self._resting = []
            self._end_rests()

    def why_spent(self) -> str:
        """Return why not even the smallest call can start; empty while one may."""
        return self._closed or self._whole.why_spent()

    def _wait_for_room(self, amount: Amount) -> Waiter:
        if problem := self._closed or self._whole._lacks(amount, self._whole.spent):
            self.refused = problem
            raise BudgetSpent(problem)
        self._waiting += (waiter := Waiter(),)
        self._miss(amount)
        return waiter

    def _miss(self, amount: Amount) -> None:
        self._need = amount
        self._size = each(max, self._size or NOTHING, units_of(amount))
        self._on_need()

    def _outgrown(self, reserved: Amount) -> str:
        if not super()._outgrown(reserved):
            return ""
        most = each(max, units_of(self.spent), units_of(self._whole.spent))
        return self._whole._lacks(reserved, amount_of(most))

    def _end_rests(self) -> None:
        waiters, self._giving_back = self._giving_back, []
        for waiter in waiters:
            waiter.wake()

    def _now(self) -> tuple[Units, Units]:
        return self._taken(), units_of(self.spent)

    def _taken(self) -> Units:
        return units_of(self.spent + self._reserved)

    def _set_room(self, room: Units) -> None:
        self._room = room
        calls, tokens, usd = self._limited
        self.calls = room[0] if calls else None
        self.tokens = room[1] if tokens else None
        # A billionth more than that: sums of floats may be a little above the number that they mean.
        self.usd = (room[2] + 1) / _BILLION if usd else None

    def _count_begun(self) -> None:
        """Note how many calls begin in a second, and what each of them reserves."""
        now, begun = time.monotonic(), self.spent.calls + self._reserved.calls
        if (seconds := now - self._told_at) > 0:
            share = min(1.0, seconds / _RATE_OVER)
            self._rate += share * ((begun - self._begun) / seconds - self._rate)
        self._begun, self._told_at = begun, now
        if in_flight := self._reserved.calls:
            tokens, usd = units_of(self._reserved)[1:]
            self._size = 1, -(-tokens // in_flight), -(-usd // in_flight)

    def _ahead(self) -> Units:
        """Return what is to be held beyond what is reserved."""
        if self._size is None:
            calls, tokens, usd = (0 if most is None else most // _FIRST_PART for most in self._caps)
            return calls, tokens, usd
        if self._rate < _IDLE_RATE and not self._reserved.calls:
            return NOTHING
        return _times(max(_LEAST_AHEAD, math.ceil(self._rate * _AHEAD)), self._size)


def each(function: Callable[[int, int], int], one: Sequence[int], other: Sequence[int]) -> Units:
    """Return what a function makes of two amounts, each of their numbers with that of the other."""
    return function(one[0], other[0]), function(one[1], other[1]), function(one[2], other[2])


def _times(number: int, size: Units | None) -> Units:
    calls, tokens, usd = size or NOTHING
    return number * calls, number * tokens, number * usd


def _minus(one: Sequence[int], other: Sequence[int]) -> Units:
    """Return a difference, of each at least 0."""
    return each(lambda a, b: max(0, a - b), one, other)
