"""Engines that need no model: static analysers as voters, patterns, and a sentiment lexicon."""

from langgraph_parallel.offline.families import (
    ACCEPTED,
    BLIND_SPOTS,
    FAMILIES,
    IN_TESTS,
    UNREAD_MARK,
    UPHELD,
    families_for,
    installed_engines,
)
from langgraph_parallel.offline.voter import StaticVoter

__all__ = [
    "ACCEPTED",
    "BLIND_SPOTS",
    "FAMILIES",
    "IN_TESTS",
    "UNREAD_MARK",
    "UPHELD",
    "StaticVoter",
    "families_for",
    "installed_engines",
]
