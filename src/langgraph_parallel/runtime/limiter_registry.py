"""The limiters of this process: one for each endpoint and model."""

import threading
from contextvars import ContextVar

from langgraph_parallel.runtime.dialect import forget_dialects
from langgraph_parallel.runtime.leading import leading
from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.prefix_keys import keys
from langgraph_parallel.runtime.prefix_observed import forget_observed
from langgraph_parallel.runtime.resting import detours, rests

current_limiter: ContextVar[Limiter | None] = ContextVar("current_limiter", default=None)
"""The limiter of the request in progress: rate limit headers in its response are meant for it."""

_limiters: dict[tuple[str, str], Limiter] = {}
_lock = threading.Lock()


def get_limiter(endpoint: str, model: str) -> Limiter:
    """Return the limiter of one model of one endpoint: always the same one in this process."""
    key = (endpoint, model)
    with _lock:
        if key not in _limiters:
            _limiters[key] = Limiter()
        return _limiters[key]


def requests_in_flight() -> int:
    """Return the number of requests of this process that are in flight, at all endpoints."""
    with _lock:
        return sum(limiter.in_flight for limiter in _limiters.values())


def reset_limits() -> None:
    """Forget what was learned about all endpoints.

    That is paces, pauses, ceilings, durations, lengths of answers, failures, rests, and what they take of a
    request or keep of a prompt.
    For a process that goes on after an endpoint's quota has changed, and for tests. Safe at any time, from
    any thread: runs in progress keep their limiters, so requests in flight still count against `concurrency`,
    and calls in line stay there. Limits that the user sets are kept, as are those shared through Redis.
    """
    with _lock:
        limiters = list(_limiters.values())
    for limiter in limiters:
        limiter.forget_learned()
    rests.forget()
    detours.forget()
    forget_dialects()
    forget_observed()
    keys.forget()
    leading.forget()
