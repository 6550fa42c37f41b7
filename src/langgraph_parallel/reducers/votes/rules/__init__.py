"""Rules: what the ballots say, decided once, at the join.

A rule is a small value that is called with a `Tally` and returns a `Verdict`. What holds for all:

* Only ballots that are cast, and that hold a choice the rule can read, count. Every other ballot stands
  in the verdict's denominators and supports nothing: a failure is never a "no".
* With fewer counting ballots than `quorum` the status is `no_quorum` and the choice None. `quorum` is
  at least 1, so an empty vote is never an error and never an answer.
* Nothing depends on the order in which ballots arrive. "Earliest" means the voters' own order.
* Choices are compared as JSON: 1 and 1.0 are the same choice, "1" and True are others.
* Each can say when its choice is settled, whatever is still to come (`reducers.stops`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from pydantic import JsonValue

from langgraph_parallel.errors import UnknownRule, UsageError
from langgraph_parallel.reducers.policy_text import Unreadable, read_policy
from langgraph_parallel.reducers.votes.rules.base import (
    Form,
    GoesBy,
    Rule,
    as_counting,
    ballot_form,
    chooses,
    goes_by,
)
from langgraph_parallel.reducers.votes.rules.lists import approval, union
from langgraph_parallel.reducers.votes.rules.numeric import median, mode, trimmed_mean
from langgraph_parallel.reducers.votes.rules.plurality import majority, weighted
from langgraph_parallel.reducers.votes.rules.ranked import borda, instant_runoff, schulze
from langgraph_parallel.reducers.votes.rules.shares import threshold, unanimous
from langgraph_parallel.reducers.votes.rules.single import first_valid, most_similar

RuleT = TypeVar("RuleT")

RULES: Mapping[str, type[Rule]] = {
    rule.__name__: rule
    for rule in (
        majority,
        unanimous,
        threshold,
        weighted,
        union,
        approval,
        median,
        mode,
        trimmed_mean,
        borda,
        instant_runoff,
        schulze,
        most_similar,
        first_valid,
    )
}
"""Rules by name."""

_CHOOSE = [*(name for name in RULES if name != "threshold"), "threshold(share)"]


def as_rule(rule: str | Rule) -> Rule:
    """Take a rule, or read one as it is written in Python: `majority`, `threshold(0.7)`, `union(2)`.

    Raises:
        UnknownRule: it is neither.
    """
    if isinstance(rule, str):
        try:
            return read_policy(rule, RULES)
        except Unreadable:
            raise UnknownRule.of(rule, _CHOOSE) from None
    if isinstance(rule, type) or not callable(rule):
        raise UnknownRule.of(rule, _CHOOSE)
    if not isinstance(getattr(rule, "name", None), str):
        raise UsageError(f"{rule!r} has no `name`, which a rule of your own needs for its verdict")
    return rule


def among(rule: RuleT, choices: Sequence[JsonValue] | None) -> RuleT:
    """The rule that knows among which candidates to choose, where it wants to; anything else as it is."""
    if choices is not None and getattr(rule, "candidates", choices) is None:
        return cast("RuleT", replace(cast("Any", rule), candidates=tuple(choices)))
    return rule


__all__ = [
    "RULES",
    "Form",
    "GoesBy",
    "Rule",
    "among",
    "approval",
    "as_counting",
    "as_rule",
    "ballot_form",
    "borda",
    "chooses",
    "first_valid",
    "goes_by",
    "instant_runoff",
    "majority",
    "median",
    "mode",
    "most_similar",
    "schulze",
    "threshold",
    "trimmed_mean",
    "unanimous",
    "union",
    "weighted",
]
