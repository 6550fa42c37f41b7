"""Rules: what decides a vote. `rules.threshold(0.7)`, `rules.weighted({...})`, `rules.median()`."""

from langgraph_parallel.reducers.votes.rules.base import Rule
from langgraph_parallel.reducers.votes.rules.lists import approval, union
from langgraph_parallel.reducers.votes.rules.numeric import median, mode, trimmed_mean
from langgraph_parallel.reducers.votes.rules.plurality import majority, weighted
from langgraph_parallel.reducers.votes.rules.ranked import borda, instant_runoff, schulze
from langgraph_parallel.reducers.votes.rules.shares import threshold, unanimous
from langgraph_parallel.reducers.votes.rules.single import first_valid, most_similar

__all__ = [
    "Rule",
    "approval",
    "borda",
    "first_valid",
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
