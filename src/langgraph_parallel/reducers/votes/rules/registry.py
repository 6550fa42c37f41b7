"""The rules by name, and how what a caller passes is read as a rule."""

import inspect
from collections.abc import Callable
from typing import Any

from langgraph_parallel.arguments import check_called
from langgraph_parallel.errors import UnknownRule, UsageError
from langgraph_parallel.records import Tally
from langgraph_parallel.reducers.policy_text import Unreadable, read_policy
from langgraph_parallel.reducers.votes.rules.base import Rule
from langgraph_parallel.reducers.votes.rules.function import FunctionRule

RuleLike = str | Rule | Callable[[list[Any]], Any] | Callable[[Tally], Any]
"""A rule, the text of one, or a function from the list of choices to a choice (see `FunctionRule`)."""

RULES: dict[str, Callable[..., Rule]] = {}
"""Rules by name. The package fills it: rules of parts read their rules here."""
_SHORT = {"max": "maximum", "min": "minimum"}
"""Names in text only: as Python names they would hide the built-in functions."""
_ARGUMENTS = {
    "threshold": "share",
    "at_least": "k",
    "pass_at": "k",
    "pass_power": "k",
    "elementwise": "rule",
    "by_field": "rules",
}
"""Rules that need an argument."""


def as_rule(rule: RuleLike) -> Rule:
    """Return a rule, read one from Python text, or make one of a function of the choices.

    Texts are such as `majority`, `threshold(0.7)`, `union(2)`, `elementwise('median')`.

    Raises:
        UnknownRule: `rule` is neither a rule nor the text of one.
        UsageError: an argument in the text is out of range, or a function is async.
    """
    if isinstance(rule, str):
        known = RULES | {short: RULES[name] for short, name in _SHORT.items()}
        try:
            return read_policy(rule, known)
        except Unreadable:
            raise UnknownRule.for_name(rule, _as_text()) from None
    check_called(rule)
    if not callable(rule):
        raise UnknownRule.for_name(rule, _as_text())
    if any(map(inspect.iscoroutinefunction, (rule, type(rule).__call__))):
        raise UsageError(
            f"rule {rule!r} is async; a rule only counts, so pass a plain function; what has to wait or to "
            "ask a model is a voter, a Judge, or a worker as on_undecided"
        )
    return rule if isinstance(getattr(rule, "name", None), str) else FunctionRule(rule)  # type: ignore[return-value]


def _as_text() -> list[str]:
    return [f"{name}({_ARGUMENTS[name]})" if name in _ARGUMENTS else name for name in RULES]
