"""The bill: a line for each request that was worked on."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


@dataclass
class Line:
    """One request."""

    id: str
    model: str
    lane: str
    """`live` or `batch`."""
    prompt: int
    """Tokens of the prompt that were read, by the model or from the cache."""
    cached: int
    written: int
    output: int = 0
    reasoning: int = 0
    samples: int = 1
    usd: Decimal = Decimal(0)
    cut_off: bool = False
    """Whether the client went away before it had the answer."""
    key: str = ""
    machine: int = 0
    streamed: bool = False
    arrived: float = 0.0
    """Seconds of a clock that is the same for all lines."""
    first: float = 0.0
    """When the first token was sent."""
    ended: float = 0.0
    custom_id: str = ""
    """Of a request of a batch."""
    blocks: list[str] = field(default_factory=list)
    """Digests of the blocks of its prompt."""

    @property
    def tokens(self) -> dict[str, int]:
        """The tokens, for a price."""
        return {
            "prompt": self.prompt,
            "cached": self.cached,
            "written": self.written,
            "output": self.output,
        }


@dataclass
class Bill:
    """All lines, and what was refused or failed, for which nothing is charged."""

    lines: list[Line] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    """Number of requests by status."""
    in_flight: int = 0
    most_in_flight: int = 0
    posted: list[str] = field(default_factory=list)
    """`custom_id` of each request of each batch that was accepted."""

    def refuse(self, status: int) -> None:
        """Count a request that is not worked on."""
        self.refused[status] = self.refused.get(status, 0) + 1

    def as_json(self) -> dict[str, Any]:
        """Return the bill, with exact totals as text."""
        return {
            "lines": [vars(line) | {"usd": str(line.usd)} for line in self.lines],
            "usd": str(sum((line.usd for line in self.lines), Decimal(0))),
            "refused": {str(status): number for status, number in self.refused.items()},
            "most_in_flight": self.most_in_flight,
            "in_flight": self.in_flight,
            "posted": self.posted,
        }
