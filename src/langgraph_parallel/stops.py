"""Stops: when no further ballot is needed. `stops.confident(0.95)`, `stops.decided() | stops.ahead_by(3)`."""

from langgraph_parallel.reducers.votes.stops.base import Stop, all_votes
from langgraph_parallel.reducers.votes.stops.chance import adaptive, confident
from langgraph_parallel.reducers.votes.stops.exact import ahead_by, decided, no_new_findings, window

__all__ = [
    "Stop",
    "adaptive",
    "ahead_by",
    "all_votes",
    "confident",
    "decided",
    "no_new_findings",
    "window",
]
