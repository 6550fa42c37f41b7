"""Pure joins: channel reducers, rules, stops, and the union of findings. No LangGraph or LangChain here."""

from langgraph_parallel.reducers.aliases import canonical_rule
from langgraph_parallel.reducers.anchoring import anchor
from langgraph_parallel.reducers.channels import add_usage, merge_branches, merge_calls, union_claims
from langgraph_parallel.reducers.counting import canonical
from langgraph_parallel.reducers.rules import (
    RULES,
    Rule,
    approval,
    borda,
    first_valid,
    instant_runoff,
    majority,
    median,
    mode,
    most_similar,
    rule_of,
    schulze,
    threshold,
    trimmed_mean,
    unanimous,
    union,
    weighted,
)
from langgraph_parallel.reducers.stops import (
    STOPS,
    Stop,
    adaptive,
    ahead_by,
    all_votes,
    confident,
    decided,
    no_new_findings,
    stop_of,
    window,
)
from langgraph_parallel.reducers.uniting import Panel, near_misses, unite

__all__ = [  # noqa: RUF022 - in groups
    # run on every update of a channel
    "add_usage",
    "merge_branches",
    "merge_calls",
    "union_claims",
    # run once, at the join
    "RULES",
    "Rule",
    "approval",
    "borda",
    "first_valid",
    "instant_runoff",
    "majority",
    "median",
    "mode",
    "most_similar",
    "rule_of",
    "schulze",
    "threshold",
    "trimmed_mean",
    "unanimous",
    "union",
    "weighted",
    # asked whether a vote may stop
    "STOPS",
    "Stop",
    "adaptive",
    "ahead_by",
    "all_votes",
    "confident",
    "decided",
    "no_new_findings",
    "stop_of",
    "window",
    # findings
    "Panel",
    "anchor",
    "canonical_rule",
    "near_misses",
    "unite",
    # keys
    "canonical",
]
