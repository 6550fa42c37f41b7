"""Planners that ask a model: `plan.by_model("openai:gpt-5-mini")`."""

from langgraph_parallel.nodes.flow.planner import Planner, by_model

__all__ = ["Planner", "by_model"]
