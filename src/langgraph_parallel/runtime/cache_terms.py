"""What is known of an endpoint's cache of prefixes: how it bills, and where it sends calls."""

import time
from functools import lru_cache
from urllib.parse import urlsplit

from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.cache_observed import Observed
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.prefix_cost import CacheRates
from langgraph_parallel.runtime.prices import Priced

_SAMPLE = 10_000


def cache_rates(priced: Priced, limits: Limits, minimum: int, seen: Observed) -> CacheRates | None:
    """Return how the cache of an endpoint bills; None if it is not known to have one.

    Args:
        priced: the model, with the prices that the limits set.
        limits: of the call.
        minimum: least tokens of a prefix that is kept.
        seen: what was observed of the endpoint.
    """
    read, write = _ratios(priced, int(time.time() // 3600))
    if read < 1:
        return CacheRates(read, write, minimum)
    if seen.has_cache or limits.leader == "on":
        return CacheRates(minimum=minimum)
    return None


def may_overflow(endpoint: str, seen: Observed) -> bool | None:
    """Return whether calls above a rate are sent to machines that have not seen their prefix.

    None if that is not known, of an endpoint whose answers have not shown it yet.
    """
    if seen.overflows is None and (urlsplit(endpoint).hostname or "").endswith(".openai.com"):
        return True
    return seen.overflows


@lru_cache(maxsize=256)
def _ratios(priced: Priced, hour: int) -> tuple[float, float]:
    """Return the prices of reading and writing, relative to that of input; 1 for those that are not known."""
    full = priced.usd(Usage(input_tokens=_SAMPLE))
    if not full:
        return 1.0, 1.0
    read = priced.usd(Usage(input_tokens=_SAMPLE, cache_read_tokens=_SAMPLE))
    written = priced.usd(Usage(input_tokens=_SAMPLE, cache_write_tokens=_SAMPLE))
    return (full if read is None else read) / full, (full if written is None else written) / full
