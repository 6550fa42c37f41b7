"""Calls, and their token usage."""

from collections.abc import Iterable
from typing import Literal

from pydantic import NonNegativeInt

from langgraph_parallel.records.base import Record


class Usage(Record):
    """Tokens of one or more calls: a commutative monoid under `+`, with zero `Usage()`."""

    input_tokens: NonNegativeInt = 0
    """Tokens of the prompts."""
    output_tokens: NonNegativeInt = 0
    """Tokens of the answers."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )

    @classmethod
    def total(cls, parts: Iterable["Usage"]) -> "Usage":
        """Add up usages; `Usage()` if there are none."""
        read, written = 0, 0  # a record for the sum of each two would take most of the time
        for part in parts:
            read, written = read + part.input_tokens, written + part.output_tokens
        return cls(input_tokens=read, output_tokens=written)


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

    @property
    def seconds(self) -> float:
        """Duration in seconds, >= 0."""
        return max(0.0, self.ended - self.started)
