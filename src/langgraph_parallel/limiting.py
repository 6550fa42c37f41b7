"""Limits beyond one graph: around several, the limiter by itself, sharing it over processes, resetting it.

And where kept answers are stored, for stores of your own.
"""

from langgraph_parallel.runtime.answer_store import AnswerStore
from langgraph_parallel.runtime.around import around
from langgraph_parallel.runtime.langchain_limiter import PacedRateLimiter
from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.limiter_registry import reset_limits
from langgraph_parallel.runtime.redis_limits import share_limits
from langgraph_parallel.runtime.slots import Rates

__all__ = ["AnswerStore", "Limiter", "PacedRateLimiter", "Rates", "around", "reset_limits", "share_limits"]
