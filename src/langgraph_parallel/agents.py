"""Agents and graphs of others as workers and voters. `agents.adapt(graph, input=..., output=...)`."""

from langgraph_parallel.nodes.work.adapter import adapt

__all__ = ["adapt"]
