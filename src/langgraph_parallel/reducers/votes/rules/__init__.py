"""Rules: decide a vote from its ballots, once, at the join.

A rule is a small value that maps a `Tally` to a `Verdict`. For all rules:

* Only ballots that are cast, with a choice that the rule can read, count. All others are in the verdict's
  denominators and support nothing: a failure is never a "no".
* With fewer counting ballots than `quorum` the status is `no_quorum` and the choice None. `quorum` is at
  least 1, so that a vote without ballots is neither an error nor an answer.
* Nothing depends on the order of arrival. "Earliest" means the voters' own order.
* Choices are compared as JSON: 1 and 1.0 are equal; "1" and True differ from both.
* A rule says when further ballots cannot change its choice (see `reducers.votes.stops`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from pydantic import JsonValue

from langgraph_parallel.arguments import check_called
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

_RULES_AS_TEXT = [*(name for name in RULES if name != "threshold"), "threshold(share)"]


def as_rule(rule: str | Rule) -> Rule:
    """Return a rule, or read one from Python text: `majority`, `threshold(0.7)`, `union(2)`.

    Raises:
        UnknownRule: `rule` is neither a rule nor the text of one.
        UsageError: an argument in the text is out of range, or a rule of the caller's has no `name`.
    """
    if isinstance(rule, str):
        try:
            return read_policy(rule, RULES)
        except Unreadable:
            raise UnknownRule.for_name(rule, _RULES_AS_TEXT) from None
    check_called(rule)
    if not callable(rule):
        raise UnknownRule.for_name(rule, _RULES_AS_TEXT)
    if not isinstance(getattr(rule, "name", None), str):
        raise UsageError(f"{rule!r} has no `name`; give your rule a name for its verdicts")
    return rule


def with_candidates(rule: RuleT, choices: Sequence[JsonValue] | None) -> RuleT:
    """Return a ranked rule without candidates with `choices` as its candidates; any other value unchanged."""
    if choices is not None and getattr(rule, "candidates", choices) is None:
        return cast("RuleT", replace(cast("Any", rule), candidates=tuple(choices)))
    return rule


__all__ = [
    "RULES",
    "Form",
    "GoesBy",
    "Rule",
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
    "with_candidates",
]
