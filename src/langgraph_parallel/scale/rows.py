"""Rows: what goes into a run over many items, and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import JsonValue

RowStatus = Literal["ok", "failed"]
"""How a row ended. A row that was not begun, or was stopped by a drain, a budget or the end of its worker,
has no result: it is run when the same command goes on."""


@dataclass(frozen=True, slots=True)
class Row:
    """An item: its key, and its columns."""

    key: str
    """Identifies the item, in this input and in the sink."""
    data: Mapping[str, Any]
    """Its columns: JSON values."""
    error: str = ""
    """Why the source could not read it, in one line; such a row fails without being run."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What the calls of one row, or of a part of a run, took."""

    calls: int = 0
    """Requests to models, retries included."""
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0
    """US dollars; None if a price is unknown."""
    throttled: int = 0
    """Calls that were answered 429."""

    def __add__(self, other: "Spent") -> "Spent":
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        return Spent(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            usd,
            self.throttled + other.throttled,
        )


NOTHING_SPENT = Spent()


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one row."""

    key: str
    status: RowStatus
    output: Mapping[str, JsonValue] = field(default_factory=dict)
    """Columns of the output; none for a row that failed."""
    error: str = ""
    """Why it failed, in one line."""
    spent: Spent = NOTHING_SPENT
    """What this attempt took."""
    seconds: float = 0.0
    """How long it ran."""
    worker: str = ""
    """Where it ran, as a person reads it: `host:1234`."""
    attempts: int = 1
    """How many times it was run, over all commands; counted by the sink."""


def failed(key: str, error: str) -> Result:
    """Return what becomes of a row that fails without having been run to its end."""
    return Result(key, "failed", error=error)
