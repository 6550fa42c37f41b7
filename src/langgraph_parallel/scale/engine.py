"""Engines: where rows are run. The driver hands out chunks; results come back as each row ends."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

from langgraph_parallel.report.wording import visible
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Result, Row

if TYPE_CHECKING:
    from langgraph_parallel.scale.line.ledger import Ledger

_MOST_OF_A_KEY = 40
"""Characters of a key that are shown."""
Deliver = Callable[[Sequence[Result]], Awaitable[None]]
"""Takes results of rows as they end; waits while the sink is behind. Called on the driver's event loop."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that are handed to an engine together."""

    number: int
    """Counts from 1; no two chunks of a run have the same."""
    rows: Sequence[Row]

    @property
    def name(self) -> str:
        """What a person sees of it: `rows 1 to 200`, by the keys of the first and the last, or `row 7`.

        Keys come from the data: long ones are cut, and control characters are escapes.
        """
        first, last = (_short(self.rows[place].key) for place in (0, -1))
        return f"row {first}" if len(self.rows) == 1 else f"rows {first} to {last}"


def _short(key: str) -> str:
    key = visible(key)
    return key if len(key) <= _MOST_OF_A_KEY else f"{key[: _MOST_OF_A_KEY - 3]}..."


@dataclass(frozen=True, kw_only=True)
class Job:
    """One command: what its workers need to know."""

    id: str
    """Of the map: the same for each command that goes on with it."""
    program: Program
    spent: float = 0.0
    """US dollars that earlier commands have spent, open reservations included."""
    spent_calls: int = 0
    spent_tokens: int = 0
    ledger: "Ledger | None" = field(default=None, repr=False, compare=False)
    """Has the sink know of what is granted of a budget; stays in the process of the driver."""


@dataclass(slots=True)
class WorkerState:
    """What is known of one worker, for the progress."""

    name: str
    running: int = 0
    """Rows that it runs now."""
    in_flight: int = 0
    """Requests to models that are in flight."""
    done: int = 0
    """Rows that it has ended."""

    def told(self) -> dict[str, Any]:
        """Return it as it travels over a line; the name is known at the other end."""
        return {"running": self.running, "in_flight": self.in_flight, "done": self.done}

    @classmethod
    def of(cls, name: str, told: Mapping[str, Any]) -> Self:
        """Return what a worker has told of itself; zeros if it has told nothing yet."""
        return cls(name, told.get("running", 0), told.get("in_flight", 0), told.get("done", 0))


class WorkerLost(Exception):
    """The worker of a chunk has ended before the chunk; rows without a result are to be run again."""

    def __init__(self, why: str, begun: Sequence[str] | None = None) -> None:
        super().__init__(why)
        self.begun = begun
        """Keys of the rows that it had begun, and not delivered; None if that is not known."""


class Engine(Protocol):
    """Runs chunks somewhere."""

    @property
    def name(self) -> str:
        """As a person reads it: `this process`, `4 processes`, `Dask at tcp://...`."""

    async def open(self, job: Job, deliver: Deliver) -> None:
        """Start, or connect to, the workers.

        Raises:
            UsageError: they cannot be reached, or lack something.
        """

    @property
    def capacity(self) -> int:
        """Number of chunks that may be in flight now; it changes as workers come and go."""

    async def run(self, chunk: Chunk) -> str | None:
        """Run a chunk; return once every row of it that has a result was delivered.

        Rows may have none: drained, or out of budget. Cancelling it stops the rows that have not ended.

        Returns:
            Why no more rows can be run, in one line: a budget is spent, the endpoint refuses every call. None
            or empty if they can, or if the engine was drained.

        Raises:
            WorkerLost: its worker has died, or is gone.
            EngineLost: all of its workers are out of reach.
            UsageError: the program cannot be loaded there.
        """

    async def drain(self) -> None:
        """Begin no more rows anywhere; rows that run end by themselves within the grace of the limits.

        Raises:
            EngineLost: all of the workers are out of reach.
        """

    def workers(self) -> Sequence[WorkerState]:
        """Return what is known of the workers."""

    @property
    def open_reservations(self) -> Amount:
        """What calls in flight and dead workers have reserved, and rows without a result have spent."""

    async def close(self) -> None:
        """End what `open` has started."""


class LineEnded(ConnectionError):
    """There is nobody to ask any more, as it should be: the command has ended, or this worker is closing."""


class Line(Protocol):
    """How a worker asks the coordinator: over TCP, or through the scheduler of an engine."""

    async def ask(self, op: str, data: dict[str, Any]) -> dict[str, Any]:
        """Ask, and wait for the answer.

        Raises:
            OSError: the coordinator is gone; `LineEnded` if that is no loss.
            UsageError: it does not know the operation: another version is installed there.
        """
