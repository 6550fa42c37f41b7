"""What all calls of a conversation may spend, and what they have spent.

One `Limits` object is one ledger, for all tools that it is passed to, with a budget for each conversation. In
this process the budget is charged as calls are made. What was spent before, or in another process, is read
from the artifacts of the conversation's tool messages.
"""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, ToolMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.budget import Amount, Budget
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.settings import as_settings, unknown_key

ARTIFACT = "langgraph_parallel"
"""Key of an artifact that says whose it is."""
_FIELDS = {"budget_calls", "budget_tokens", "budget_usd"}
_MOST = 10_000
"""Conversations whose budgets are remembered; of others the messages tell."""


class Ledger:
    """Budgets of conversations under the same limits.

    Args:
        limits: budgets only.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.tools: set[str] = set()
        """Names of the tools whose calls are charged."""
        self._budgets: OrderedDict[Hashable, Budget] = OrderedDict()
        self._lock = threading.Lock()

    def budget(self, config: RunnableConfig | None, messages: Sequence[Any]) -> Budget:
        """Return the budget of the conversation that a call is part of.

        Args:
            config: of the call; its `thread_id` names the conversation.
            messages: of the conversation, as far as they are known.
        """
        thread = ((config or {}).get("configurable") or {}).get("thread_id")
        first = next((one.id for one in messages if isinstance(one, BaseMessage) and one.id), None)
        key = (thread, None) if thread is not None else (None, first)
        with self._lock:
            # Without a thread or a message, every call is a conversation of its own.
            budget = self._budgets.get(key) if key != (None, None) else None
            if budget is None:
                budget = self._budgets[key] = Budget(self.limits)
            self._budgets.move_to_end(key)
            while len(self._budgets) > _MOST:
                self._budgets.popitem(last=False)
        budget.note_spent(self._spent(messages))
        return budget

    def _spent(self, messages: Sequence[Any]) -> Amount:
        """Return what earlier calls have spent, as their messages tell."""
        by_run: dict[str, Amount] = {}
        for message in messages:
            artifact = message.artifact if isinstance(message, ToolMessage) else None
            if (
                isinstance(artifact, Mapping)
                and artifact.get("by") == ARTIFACT
                and message.name in self.tools
            ):
                calls, tokens, usd = (_number(artifact.get(name)) for name in ("calls", "tokens", "usd"))
                by_run[str(artifact.get("run"))] = Amount(int(calls), int(tokens), usd)
        return sum(by_run.values(), Amount())


def _number(value: object) -> float:
    """Return a number of an artifact; 0 for anything else: messages may come from a client."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e12 else 0.0  # type: ignore[operator, arg-type]


_ledgers: "weakref.WeakValueDictionary[int, Ledger]" = weakref.WeakValueDictionary()
"""By the identity of their limits, which they keep alive."""
_lock = threading.Lock()


def ledger_of(given: Limits | Mapping[str, Any] | None, tool: str) -> Ledger | None:
    """Return the ledger of the limits that a tool was given; None without limits.

    Args:
        given: limits of all calls of a conversation.
        tool: name of the tool, which is charged.

    Raises:
        UsageError: they are not valid, or hold something else than budgets.
    """
    if given is None:
        return None
    for key in given if isinstance(given, Mapping) else ():
        if key not in Limits.model_fields:
            raise UsageError(unknown_key(key, sorted(_FIELDS), "conversation_limits"))
    limits = as_settings(given, Limits, "conversation_limits")
    if (others := limits.model_fields_set - _FIELDS) or not limits.model_fields_set:
        found = f"has {sorted(others)[0]}" if others else "sets nothing"
        raise UsageError(
            f"conversation_limits {found}; expected some of {', '.join(sorted(_FIELDS))}: what bounds "
            "a single call belongs into limits"
        )
    with _lock:
        ledger = _ledgers.get(id(limits)) or Ledger(limits)
        _ledgers[id(limits)] = ledger
    ledger.tools.add(tool)
    return ledger
