"""The rates that bound a request, and the slot that lets it leave."""

import math
from collections.abc import Hashable
from dataclasses import dataclass

from langgraph_parallel.arguments import above_zero, at_least, check_fields
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.pace import Launch


@dataclass(frozen=True)
class Rates:
    """Bounds that the user sets for the requests of one call to an endpoint."""

    concurrency: int = 64
    """Requests in flight, over all calls."""
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    longest_pause: float = math.inf
    """Seconds; the call does not wait in line through a longer pause."""

    def __post_init__(self) -> None:
        check_fields(self)
        at_least(self.concurrency, "concurrency")
        for name in ("requests_per_minute", "tokens_per_minute"):
            if (rate := getattr(self, name)) is not None:
                above_zero(rate, name)

    @property
    def shared(self) -> frozenset[object]:
        """The rates that are set; all calls with the same value of one share it."""
        rates = (("requests", self.requests_per_minute), ("tokens", self.tokens_per_minute))
        return frozenset((kind, rate) for kind, rate in rates if rate is not None)

    @classmethod
    def of(cls, limits: Limits) -> "Rates":
        """Return the rates in a worker's limits."""
        return cls(
            limits.concurrency,
            limits.requests_per_minute,
            limits.tokens_per_minute,
            limits.retry_after_ceiling,
        )


class Slot:
    """The right to have one request in flight."""

    __slots__ = ("concurrency", "launch", "longest_pause", "run", "tokens")

    def __init__(
        self,
        launch: Launch,
        tokens: int,
        concurrency: int,
        run: Hashable,
        longest_pause: float = math.inf,
    ) -> None:
        self.launch = launch
        self.tokens = tokens
        """Tokens that the request was estimated to take, in and out."""
        self.concurrency = concurrency
        self.run = run
        self.longest_pause = longest_pause
        """Seconds of a pause after which an endpoint is asked again, whatever it said."""
