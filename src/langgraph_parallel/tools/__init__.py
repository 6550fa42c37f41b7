"""Graphs as tools of agents: the tool, its compact answer, and the rest of the output in pieces."""
