"""Rules: decide a vote from its ballots, once, at the join.

A rule is a small value that maps a `Tally` to a `Verdict`. For all rules:

* Only ballots that are cast, with a choice that the rule can read, count. All others are in the verdict's
  denominators and support nothing: a failure is never a "no".
* With fewer counting ballots than `quorum` the status is `no_quorum` and the choice None. `quorum` is at
  least 1, so that a vote without ballots is neither an error nor an answer.
* Nothing depends on the order of arrival. "Earliest" means the voters' own order.
* Choices are compared as JSON: 1 and 1.0 are equal; "1" and True differ from both.
* A function of the caller's without a `name` is a rule, too (see `FunctionRule`).
* A rule says when further ballots cannot change its choice (see `reducers.votes.stops`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from pydantic import JsonValue

from langgraph_parallel.reducers.votes.rules.base import (
    Form,
    GoesBy,
    Rule,
    as_counting,
    ballot_form,
    chooses,
    decides,
    goes_by,
)
from langgraph_parallel.reducers.votes.rules.lists import approval, union
from langgraph_parallel.reducers.votes.rules.numeric import maximum, mean, median, minimum, mode, trimmed_mean
from langgraph_parallel.reducers.votes.rules.parts import by_field, elementwise
from langgraph_parallel.reducers.votes.rules.plurality import majority, weighted
from langgraph_parallel.reducers.votes.rules.ranked import borda, instant_runoff, schulze
from langgraph_parallel.reducers.votes.rules.registry import RULES, RuleLike, as_rule
from langgraph_parallel.reducers.votes.rules.scores import at_least, pass_at, pass_power
from langgraph_parallel.reducers.votes.rules.shares import threshold, unanimous
from langgraph_parallel.reducers.votes.rules.single import first_valid, most_similar

RuleT = TypeVar("RuleT")

RULES.update(
    {
        rule.__name__: rule
        for rule in (
            majority,
            unanimous,
            threshold,
            weighted,
            union,
            approval,
            maximum,
            minimum,
            mean,
            median,
            mode,
            trimmed_mean,
            at_least,
            pass_at,
            pass_power,
            elementwise,
            by_field,
            borda,
            instant_runoff,
            schulze,
            most_similar,
            first_valid,
        )
    }
)


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
    "RuleLike",
    "approval",
    "as_counting",
    "as_rule",
    "at_least",
    "ballot_form",
    "borda",
    "by_field",
    "chooses",
    "decides",
    "elementwise",
    "first_valid",
    "goes_by",
    "instant_runoff",
    "majority",
    "maximum",
    "mean",
    "median",
    "minimum",
    "mode",
    "most_similar",
    "pass_at",
    "pass_power",
    "schulze",
    "threshold",
    "trimmed_mean",
    "unanimous",
    "union",
    "weighted",
    "with_candidates",
]
