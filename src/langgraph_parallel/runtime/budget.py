"""Budgets: what a run may spend, reserved before a call and settled after it.

Branches that check a budget at the same moment would all see that something is left. So an amount is reserved
before a request leaves, in one step over the run and all runs around it, and is replaced by what was used
afterwards. A call that does not fit waits while running calls may turn out cheaper than their reservations;
once none of them can make room, it fails.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from langgraph_parallel.counted import count
from langgraph_parallel.errors import BudgetSpent
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.waiting import Waiter

budgets_lock = threading.Lock()
"""One lock for all budgets: a reservation changes every budget of a chain, or none."""


@dataclass(slots=True)  # not frozen: that takes three times as long to build, several times for each call
class Amount:
    """An amount of requests, tokens and US dollars; it is not changed."""

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.calls + other.calls, self.tokens + other.tokens, self.usd + other.usd)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.calls - other.calls, self.tokens - other.tokens, self.usd - other.usd)


NO_AMOUNT = Amount()


class Budget:
    """What one run may spend, and what it has spent. Safe to use from any thread and any event loop.

    Args:
        limits: `budget_calls`, `budget_tokens` and `budget_usd`; None means unlimited.
        around: budgets of the runs around this one, which are charged as well.
    """

    def __init__(self, limits: Limits, around: Sequence["Budget"] = ()) -> None:
        self.calls, self.tokens, self.usd = limits.budget_calls, limits.budget_tokens, limits.budget_usd
        # Each once: the budget of a conversation is around a tool, and around the tools inside of it.
        rest = list(dict.fromkeys(around))
        self._chain: tuple[Budget, ...] = (self, *rest) if self._is_limited else tuple(rest)
        self.spent = NO_AMOUNT
        self._reserved = NO_AMOUNT
        self._waiting: tuple[Waiter, ...] = ()
        self.refused = ""
        """Why the last call was refused that did not fit; empty if none was."""

    @property
    def chain(self) -> Sequence["Budget"]:
        """All budgets that a call of this run is charged to; empty if none is limited."""
        return self._chain

    @property
    def reserved(self) -> Amount:
        """What calls that have not ended may take at most."""
        with budgets_lock:
            return self._reserved

    @property
    def _is_limited(self) -> bool:
        return not (self.calls is None and self.tokens is None and self.usd is None)

    async def reserve(
        self, amount: Amount, on_wait: Callable[[Literal["budget"]], None] | None = None
    ) -> None:
        """Reserve an amount, here and in the budgets around; wait if running calls may make room for it.

        Args:
            amount: to reserve.
            on_wait: called before a wait.

        Raises:
            BudgetSpent: the amount does not fit, and no running call can change that.
        """
        while self._chain:
            with budgets_lock:
                if (blocking := self._try_reserve(amount)) is None:
                    return
                waiter = blocking._wait_for_room(amount)
            if on_wait is not None:
                on_wait("budget")
            await waiter.wait()

    def recheck(self, reserved: Amount) -> None:
        """Check that a reservation still fits, because other calls may have used more than was reserved.

        Raises:
            BudgetSpent: it does not fit any more.
        """
        with budgets_lock:
            for budget in self._chain:
                if problem := budget._outgrown(reserved):
                    raise BudgetSpent(problem)

    def has_room(self, amount: Amount) -> bool:
        """Return whether an amount would fit beside what is spent and reserved."""
        with budgets_lock:
            return not any(b._lacks(amount, b.spent + b._reserved) for b in self._chain)

    def try_reserve(self, amount: Amount) -> bool:
        """Reserve an amount if it fits at once; return whether it does."""
        with budgets_lock:
            if (blocking := self._try_reserve(amount)) is not None:
                blocking._miss(amount)
            return blocking is None

    def settle(self, reserved: Amount, used: Amount) -> None:
        """Replace a reservation by what was used: `Amount()` if the request was never sent."""
        with budgets_lock:
            for budget in self._chain:
                budget._reserved -= reserved
                budget.spent += used
                budget._wake()

    def note_spent(self, amount: Amount) -> None:
        """Note what was spent before, as another process knows it: at least this much of each."""
        with budgets_lock:
            spent = self.spent
            self.spent = Amount(
                max(spent.calls, amount.calls), max(spent.tokens, amount.tokens), max(spent.usd, amount.usd)
            )

    def why_spent(self) -> str:
        """Return why not even the smallest call can start; empty while one may."""
        with budgets_lock:
            return self._lacks(Amount(calls=1, tokens=1, usd=1e-9), self.spent)

    def _try_reserve(self, amount: Amount) -> "Budget | None":
        """Reserve in all budgets of the chain and return None, or in none and return one that lacks it."""
        for budget in self._chain:
            if budget._lacks(amount, budget.spent + budget._reserved):
                return budget
        for budget in self._chain:
            budget._reserved += amount
        return None

    def _wait_for_room(self, amount: Amount) -> Waiter:
        """Return what waits until there may be room.

        Raises:
            BudgetSpent: nothing can make room.
        """
        # A running call may use fewer tokens and dollars than were reserved, but it is one call.
        certain = self.spent + Amount(calls=self._reserved.calls)
        if problem := self._lacks(amount, certain):
            self.refused = problem
            raise BudgetSpent(problem)
        self._waiting += (waiter := Waiter(),)
        return waiter

    def _wake(self) -> None:
        """Wake all that wait, not the first: amounts differ, and only their calls can tell what fits now."""
        waiting, self._waiting = self._waiting, ()
        for waiter in waiting:
            waiter.wake()

    def _miss(self, amount: Amount) -> None:
        """Note that an amount did not fit, and is not waited for."""

    def _outgrown(self, reserved: Amount) -> str:
        """Return why an amount that is reserved does not fit any more; empty if it does."""
        return self._lacks(reserved, self.spent)

    def _lacks(self, amount: Amount, taken: Amount) -> str:
        """Return why an amount does not fit beside what is taken already; empty if it fits."""
        if self.calls is not None and taken.calls + amount.calls > self.calls:
            return f"the budget of {count(self.calls, 'call')} is spent"
        if self.tokens is not None and taken.tokens + amount.tokens > self.tokens:
            if amount.tokens > self.tokens > 0:
                return _too_small(count(self.tokens, "token"), f"{amount.tokens:,}", "budget_tokens")
            tokens = count(self.tokens, "token")
            return f"the budget of {tokens} has less than {amount.tokens:,} left for another call"
        if self.usd is not None and taken.usd + amount.usd > self.usd:
            if amount.usd > self.usd > 0:
                return _too_small(f"${self.usd:g}", f"${amount.usd:.4g}", "budget_usd")
            return f"the budget of ${self.usd:g} has less than ${amount.usd:.4f} left for another call"
        return ""


def _too_small(budget: str, call: str, setting: str) -> str:
    """Return why no call of a size fits into a budget, whatever is spent."""
    return (
        f"the budget of {budget} is less than the {call} that this call alone reserves, for its prompt and "
        f"`answer_tokens`; raise {setting}, or lower answer_tokens"
    )
