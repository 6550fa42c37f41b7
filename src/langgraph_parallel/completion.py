"""Completion policies: when a fan-out has enough. `completion.min_success(0.8) | completion.deadline(30)`."""

from langgraph_parallel.reducers.completion import (
    Completion,
    deadline,
    min_success,
    required,
    tolerated_failures,
)

__all__ = ["Completion", "deadline", "min_success", "required", "tolerated_failures"]
