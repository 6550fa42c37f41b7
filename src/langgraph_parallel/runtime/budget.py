"""Budgets: what a run may spend, reserved before a call and settled after it.

Branches that check a budget at the same moment would all see that something is left. So an amount is set
aside before a request leaves, in one step over the run and all runs around it, and what was really used
takes its place afterwards. A call that does not fit waits while others that are running may turn out
cheaper than was set aside for them; when nothing is running, it never will fit.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from langgraph_parallel.errors import BudgetSpent
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.waiting import Waiter

_lock = threading.Lock()


@dataclass(frozen=True)
class Amount:
    """Of requests, tokens and US dollars."""

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.calls + other.calls, self.tokens + other.tokens, self.usd + other.usd)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.calls - other.calls, self.tokens - other.tokens, self.usd - other.usd)


class Budget:
    """What one run may spend, and what it has. Safe to use from any thread and event loop.

    Args:
        limits: `budget_calls`, `budget_tokens`, `budget_usd`; what is not set has no end.
        around: budgets of the runs around this one: they are charged as well.
    """

    def __init__(self, limits: Limits, around: Sequence["Budget"] = ()) -> None:
        self.calls, self.tokens, self.usd = limits.budget_calls, limits.budget_tokens, limits.budget_usd
        self._chain: list[Budget] = [self, *around] if self._bounds else list(around)
        self.spent = Amount()
        self._held = Amount()
        self._waiting: list[Waiter] = []

    @property
    def chain(self) -> Sequence["Budget"]:
        """All budgets that a call of this run is charged to; empty where nothing is bounded."""
        return self._chain

    @property
    def _bounds(self) -> bool:
        return not (self.calls is None and self.tokens is None and self.usd is None)

    async def reserve(self, amount: Amount) -> None:
        """Set an amount aside, here and in the budgets around; wait where what is running may leave enough.

        Raises:
            BudgetSpent: it does not fit, and nothing that is running can change that.
        """
        while self._chain:
            with _lock:
                if (blocking := self._try(amount)) is None:
                    return
                certain = blocking.spent + Amount(calls=blocking._held.calls)  # what is set aside is made
                if problem := blocking._lacks(amount, certain):
                    raise BudgetSpent(problem)
                waiter = Waiter()
                blocking._waiting.append(waiter)
            await waiter.told()

    def recheck(self, reserved: Amount) -> None:
        """Make sure that what is set aside still fits: calls may have used more than was expected of them.

        Raises:
            BudgetSpent: it does not.
        """
        with _lock:
            for budget in self._chain:
                if problem := budget._lacks(reserved, budget.spent):
                    raise BudgetSpent(problem)

    def try_reserve(self, amount: Amount) -> bool:
        """Set an amount aside if it fits at once."""
        with _lock:
            return self._try(amount) is None

    def settle(self, reserved: Amount, used: Amount) -> None:
        """Put what was used in the place of what was set aside; nothing, for a call that was never made."""
        with _lock:
            for budget in self._chain:
                budget._held -= reserved
                budget.spent += used
                waiting, budget._waiting = budget._waiting, []
                for waiter in waiting:
                    waiter.tell()

    def _try(self, amount: Amount) -> "Budget | None":
        """Set aside everywhere, or nowhere; then the budget that has too little."""
        for budget in self._chain:
            if budget._lacks(amount, budget.spent + budget._held):
                return budget
        for budget in self._chain:
            budget._held += amount
        return None

    def _lacks(self, amount: Amount, taken: Amount) -> str:
        """What is too little for an amount beside what is taken; empty if it fits."""
        if self.calls is not None and taken.calls + amount.calls > self.calls:
            return f"the budget of {self.calls} calls is spent"
        if self.tokens is not None and taken.tokens + amount.tokens > self.tokens:
            return f"the budget of {self.tokens:,} tokens has no {amount.tokens:,} left for another call"
        if self.usd is not None and taken.usd + amount.usd > self.usd:
            return f"the budget of ${self.usd:g} has no ${amount.usd:.4f} left for another call"
        return ""
