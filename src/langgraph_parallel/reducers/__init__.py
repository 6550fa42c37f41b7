"""Pure joins: channel reducers, rules, and the union of findings. No LangGraph or LangChain here."""

from langgraph_parallel.reducers.aliases import canonical_rule
from langgraph_parallel.reducers.anchoring import anchor
from langgraph_parallel.reducers.channels import add_usage, merge_branches, merge_calls, union_claims
from langgraph_parallel.reducers.counting import canonical
from langgraph_parallel.reducers.rules import (
    RULES,
    Rule,
    majority,
    median,
    mode,
    rule_of,
    threshold,
    unanimous,
    union,
    weighted,
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
    "majority",
    "median",
    "mode",
    "rule_of",
    "threshold",
    "unanimous",
    "union",
    "weighted",
    # findings
    "Panel",
    "anchor",
    "canonical_rule",
    "near_misses",
    "unite",
    # keys
    "canonical",
]
