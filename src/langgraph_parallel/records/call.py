"""One request, as it was made, and the sum of many."""

from collections.abc import Iterable
from typing import Literal

from pydantic import NonNegativeInt

from langgraph_parallel.records.base import Record


class Usage(Record):
    """Tokens of one call, or of many: a commutative monoid under `+`, with `Usage()` as its zero."""

    input_tokens: NonNegativeInt = 0
    output_tokens: NonNegativeInt = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )

    @classmethod
    def total(cls, parts: Iterable["Usage"]) -> "Usage":
        """Sum any number of usages; of none, the zero."""
        return sum(parts, start=cls())


class Call(Record):
    """One request to whatever did the work: a model, a static engine, or a plain function.

    Times are seconds since the epoch, taken around the request itself: waiting to retry is not in them.
    """

    id: str
    kind: Literal["model", "engine", "worker"]
    target: str
    """The model, engine or function that was called."""
    started: float
    ended: float
    attempt: int = 1
    """1 for the first request, 2 for its first retry, and so on."""
    ok: bool = True
    throttled: bool = False
    """The endpoint answered 429."""
    hedge: bool = False
    """A second request for a straggler; of the two the first answer counted."""
    usage: Usage = Usage()
    """As the provider counts. Of a call that was cut off, its prompt as estimated; of the loser of a hedge,
    as much as the winner's."""
    usd: float | None = None
    """What it cost, in US dollars; None where the price is not known."""

    @property
    def seconds(self) -> float:
        """How long the request took."""
        return max(0.0, self.ended - self.started)
