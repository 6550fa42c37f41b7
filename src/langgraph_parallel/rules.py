"""Rules: what decides a vote. `rules.threshold(0.7)`, `rules.weighted({...})`, `rules.median()`.

A rule counts the ballots of a vote: one choice each (`majority`), a list of choices (`union`, `approval`),
all choices by preference (`borda`), a number (`median`, `mean`, `maximum`), or whether something is right, as
True and False or as a number (`at_least`, `pass_at`, `pass_power`). `elementwise` and `by_field` apply rules
to the parts of lists and records. A function from the list of choices to a choice is a rule as well.

>>> from langgraph_parallel import votes
>>> from langgraph_parallel.records import Ballot
>>> said = {"ann": 2, "ben": 4}
>>> ballots = [Ballot(voter=v, order=i, status="cast", choice=said[v]) for i, v in enumerate(said)]
>>> rules = [mean(), "max", lambda choices: choices[0]]
>>> [votes.replay(ballots, rule, "all_votes").verdict.choice for rule in rules]
[3, 4, 2]
"""

from langgraph_parallel.reducers.votes.rules.base import Rule
from langgraph_parallel.reducers.votes.rules.lists import approval, union
from langgraph_parallel.reducers.votes.rules.numeric import maximum, mean, median, minimum, mode, trimmed_mean
from langgraph_parallel.reducers.votes.rules.parts import by_field, elementwise
from langgraph_parallel.reducers.votes.rules.plurality import majority, weighted
from langgraph_parallel.reducers.votes.rules.ranked import borda, instant_runoff, schulze
from langgraph_parallel.reducers.votes.rules.scores import at_least, pass_at, pass_power
from langgraph_parallel.reducers.votes.rules.shares import threshold, unanimous
from langgraph_parallel.reducers.votes.rules.single import first_valid, most_similar

__all__ = [
    "Rule",
    "approval",
    "at_least",
    "borda",
    "by_field",
    "elementwise",
    "first_valid",
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
]
