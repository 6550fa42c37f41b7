"""Calls, and their token usage."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import NonNegativeInt

from langgraph_parallel.records.base import Record

Lane = Literal["live", "batch"]
"""How a request is sent: by itself, or in a batch."""


class Usage(Record):
    """Tokens of one or more calls: a commutative monoid under `+`, with zero `Usage()`."""

    input_tokens: NonNegativeInt = 0
    """Tokens of the prompts."""
    output_tokens: NonNegativeInt = 0
    """Tokens of the answers."""
    cache_read_tokens: NonNegativeInt = 0
    """Tokens of the prompts that the provider read from its cache; included in `input_tokens`."""
    cache_write_tokens: NonNegativeInt = 0
    """Tokens of the prompts that the provider wrote to its cache at a price of their own; included in
    `input_tokens`."""
    cache_hour_tokens: NonNegativeInt = 0
    """Those of them that the provider keeps for an hour, at a higher price; included in
    `cache_write_tokens`."""
    reasoning_tokens: NonNegativeInt = 0
    """Tokens of the answers that are the model's thinking; included in `output_tokens`."""

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show what there is of the prompt and of the answer."""
        for name, value in super().__repr_args__():
            if value or name in ("input_tokens", "output_tokens"):
                yield name, value

    def __add__(self, other: "Usage") -> "Usage":
        return Usage.total([self, other])

    @classmethod
    def total(cls, parts: Iterable["Usage"]) -> "Usage":
        """Add up usages; `Usage()` if there are none."""
        # In plain numbers: a record for the sum of each two would take most of the time.
        read = written = cached = stored = kept = thought = 0
        for part in parts:
            read, written = read + part.input_tokens, written + part.output_tokens
            cached, stored = cached + part.cache_read_tokens, stored + part.cache_write_tokens
            kept, thought = kept + part.cache_hour_tokens, thought + part.reasoning_tokens
        return cls(
            input_tokens=read,
            output_tokens=written,
            cache_read_tokens=cached,
            cache_write_tokens=stored,
            cache_hour_tokens=kept,
            reasoning_tokens=thought,
        )


class Savings(Record):
    """US dollars by which something was cheaper, by cause: a commutative monoid under `+`.

    A part is negative where it cost more, as a prefix does that is written to a cache and not read again.
    """

    caching: float = 0.0
    """The provider's cache of prompt prefixes, less its surcharge for writing."""
    samples: float = 0.0
    """Several answers to one request, whose prompt is billed once."""
    batch: float = 0.0
    """The price of a batch."""
    answers: float = 0.0
    """Answers that the cache of answers had."""
    stopping: float = 0.0
    """Calls that were not made, because their vote had ended: each as much as the mean call of the run."""

    def __add__(self, other: "Savings") -> "Savings":
        return Savings(**{name: getattr(self, name) + getattr(other, name) for name in Savings.model_fields})

    @property
    def total(self) -> float:
        """The sum of all parts."""
        return math.fsum(getattr(self, name) for name in Savings.model_fields)


class Call(Record):
    """One request to a model, or one run of a static engine or a function.

    Times are taken around the request itself; waiting for a retry is not included.
    """

    id: str
    """Unique; for a model, the LangChain run id."""
    kind: Literal["model", "engine", "worker"]
    """`worker`: a branch with code of the caller's, such as a function, in which no model call was seen."""
    target: str
    """Name of the model or engine; for `worker`, the name of the branch."""
    step: str = ""
    """The step of an agent or a graph of others that made the call: `model`, `researcher/model`,
    `tools/summary/write`."""
    started: float
    """Start, in seconds since the epoch."""
    ended: float
    """End, in seconds since the epoch."""
    attempt: int = 1
    """1 for the first request, 2 for its first retry, and so on."""
    ok: bool = True
    """Whether the call returned."""
    throttled: bool = False
    """Whether the endpoint answered 429."""
    hedge: bool = False
    """Whether this is the second request for a straggler; of the two, the first answer wins."""
    usage: Usage = Usage()
    """Tokens as counted by the provider. For a cancelled call: its prompt, estimated; for the loser of a
    hedge: as much as for the winner."""
    usd: float | None = None
    """Cost in US dollars; None if the price is unknown."""
    saved: Savings | None = None
    """By how much it was cheaper than the same call alone, at the full price; None for nothing, or if the
    price is unknown."""
    samples: int = 1
    """Number of answers that its request asked for: each is a call, with its share of the tokens."""
    lane: Lane = "live"
    """Whether it was sent by itself, or in a batch."""
    kept: bool = False
    """Whether the cache of answers had the answer, so that nothing was sent."""
    instead_of: str = ""
    """Name of the model that was to be asked; empty unless this call is a fallback."""

    @property
    def seconds(self) -> float:
        """Duration in seconds, >= 0."""
        return max(0.0, self.ended - self.started)
