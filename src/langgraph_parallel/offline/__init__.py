"""Engines that need no model: static analysers as voters of the same graphs."""

from langgraph_parallel.offline.families import BLIND_SPOTS, FAMILIES, families_of, installed_engines
from langgraph_parallel.offline.voter import StaticVoter

__all__ = ["BLIND_SPOTS", "FAMILIES", "StaticVoter", "families_of", "installed_engines"]
