"""What is known of an endpoint's cache of prefixes: what it keeps, how it bills, and where it sends calls."""

import json
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from langgraph_parallel.answers.schema import json_schema
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.dialect import CACHE_KEY, Dialect
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import model_name
from langgraph_parallel.runtime.prefix_cost import LEAST_KEPT, CacheRates
from langgraph_parallel.runtime.prefix_observed import Observed
from langgraph_parallel.runtime.prices import Priced
from langgraph_parallel.runtime.sender import PrefixCaching
from langgraph_parallel.runtime.transport import is_instance, is_openai

_SAMPLE = 10_000
_MINIMA = (
    (re.compile(r"haiku-4|opus-4-[5-9]|opus-[5-9]|haiku-[5-9]"), 4096),
    (re.compile(r"haiku"), 2048),
)
"""Least tokens that Anthropic keeps, by model, where it is not 1,024."""


def caching_of(model: BaseChatModel, schema: type[BaseModel] | None, dialect: Dialect) -> PrefixCaching:
    """Return what requests to a model have to do with its provider's cache.

    Args:
        model: that is asked.
        schema: of its answers; None for text.
        dialect: of its endpoint.
    """
    preface = ""
    if schema is not None and dialect.format != "text":
        preface = f"{dialect.format} {json.dumps(json_schema(schema), sort_keys=True)}"
    if is_instance(model, "langchain_anthropic.chat_models", "ChatAnthropic"):
        name = model_name(model).lower()
        minimum = next((least for pattern, least in _MINIMA if pattern.search(name)), LEAST_KEPT)
        return PrefixCaching(preface, marked=True, minimum=minimum)
    return PrefixCaching(preface, keyed=is_openai(model) and CACHE_KEY not in dialect.without)


def tells_of_cache(answer: AIMessage) -> bool:
    """Return whether an answer says how many tokens came from a cache, none included."""
    counted: Mapping[str, Any] = answer.usage_metadata or {}
    return "cache_read" in (counted.get("input_token_details") or {})


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
