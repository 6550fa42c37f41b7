"""Rates that an endpoint names in the headers of its answers: how much it allows, and how much is left."""

import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import NamedTuple

from langgraph_parallel.runtime.waits import seconds_until

heard_headers: ContextVar[dict[str, str] | None] = ContextVar("heard_headers", default=None)
"""Collects the headers of rates in the responses to our requests, if it is set; the latest win."""
_PREFIXES = ("x-ratelimit", "ratelimit", "anthropic-ratelimit")
_KINDS = {"requests": "requests", "tokens": "tokens", "input-tokens": "prompt tokens", "": "requests"}
"""What is counted, as it stands in names of headers and in words. Gateways that say nothing mean requests."""
_LONGEST = 100
"""Characters of a header that are looked at."""


class SeenRate(NamedTuple):
    """One rate, as the latest response named it."""

    of: str
    """What is counted: `requests`, `tokens`."""
    limit: float | None
    left: float | None
    reset: float | None
    """Seconds until it is whole again."""


def hear(headers: Mapping[str, str]) -> None:
    """Collect the headers of rates in a response, if somebody listens.

    Args:
        headers: whose names are found in any case.
    """
    heard = heard_headers.get()
    if heard is not None:
        named = ((str(name).lower(), str(value)) for name, value in headers.items())
        heard.update({name: value[:_LONGEST] for name, value in named if "ratelimit" in name})


def seen_rates(headers: Mapping[str, str], now: float | None = None) -> list[SeenRate]:
    """Read the rates that headers name.

    Args:
        headers: by names in lower case.
        now: seconds since the epoch; None for the current time.

    >>> seen_rates({"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499"})
    [SeenRate(of='requests', limit=500.0, left=499.0, reset=None)]
    """
    now = time.time() if now is None else now
    rates: dict[str, SeenRate] = {}
    for prefix in _PREFIXES:
        for kind, words in _KINDS.items():
            limit, left = (_number(_find(headers, prefix, part, kind)) for part in ("limit", "remaining"))
            if words not in rates and not (limit is None and left is None):
                reset = seconds_until(_find(headers, prefix, "reset", kind), now)
                rates[words] = SeenRate(words, limit, left, reset)
    return list(rates.values())


def _find(headers: Mapping[str, str], prefix: str, part: str, kind: str) -> str:
    """Return a header; OpenAI's names end in the kind, Anthropic's in the part."""
    names = (f"{prefix}-{part}-{kind}", f"{prefix}-{kind}-{part}") if kind else (f"{prefix}-{part}",)
    return next((headers[name] for name in names if name in headers), "")


def _number(text: str) -> float | None:
    """Read a count; standards drafts write `100;w=60`, and `100, 100;w=60`."""
    head = text.partition(";")[0].partition(",")[0].strip()
    return float(head) if head.isascii() and head.isdecimal() else None
