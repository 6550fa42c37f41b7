"""What parts of a replay share: the clock, the endpoints, the settings, and what is noted."""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from langgraph_parallel.records.replayed import NotKnown
from langgraph_parallel.records.run_record import RecordedCall, RunRecord
from langgraph_parallel.replays.changes import OFF, Changes
from langgraph_parallel.replays.client import Client
from langgraph_parallel.replays.clock import Act, Clock, Timer
from langgraph_parallel.replays.endpoint import Bounds, Endpoint
from langgraph_parallel.replays.rules import Outcome, VoteReader

_NEAR_SHARE, _NEAR = 0.02, 0.02
"""Of a deadline, and in seconds at least: how far apart the same call ends in two runs, since a client does
one thing after another, and is held up by what else the machine does."""

Done = Callable[[str], object]
"""Called with how something ended: `ok`, `timed_out`, `skipped`, `cancelled`."""

Prepare = Callable[[Act], Timer]
"""Has something done once the client has prepared it."""


def margin(deadline: float) -> float:
    """Return how many seconds from a deadline are near it."""
    return max(_NEAR, _NEAR_SHARE * deadline)


class Running(Protocol):
    """A part of the run while it runs."""

    def start(self) -> None:
        """Begin."""
        ...

    def cut(self) -> None:
        """End it at once; nobody is told."""
        ...

    def expire(self) -> None:
        """End its requests because the deadline has passed; graphs close on what they have."""
        ...


class Around(Protocol):
    """What a part of the run is in."""

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        ...

    def lose(self, inner: object, why: str) -> None:
        """Note that the record does not tell how something inside goes on."""
        ...


@dataclass(frozen=True)
class Sent:
    """A request that was sent, and what it took. None stands for what is not known."""

    input_tokens: int | None
    output_tokens: int | None
    usd: float | None


@dataclass
class Course:
    """One replay.

    Args:
        record: of the run.
        changes: under which it is replayed.
        reader: of votes.
        turnaround: as of `Endpoint`.
        seed: of what is drawn.
        shift: margins by which all deadlines are moved: -1, 0 or 1.
    """

    record: RunRecord
    changes: Changes
    reader: VoteReader
    turnaround: float
    seed: int = 0
    shift: int = 0
    clock: Clock = field(default_factory=Clock)
    client: Client = field(init=False)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    answered: dict[str, bool] = field(default_factory=dict)
    """Whether each request that was sent was answered, and not cut off, by the id of its call."""
    more_calls: int = 0
    """Calls that may come on top, of voters that nothing is known of."""
    time_is_open: bool = False
    """Whether the wall time depends on what is not known."""
    cost_is_open: bool = False
    """Whether tokens and cost do."""
    unknown: list[NotKnown] = field(default_factory=list)
    late: list[list[str]] = field(default_factory=list)
    outcomes: dict[str, tuple[tuple[str, ...], Outcome | None]] = field(default_factory=dict)
    """Path and outcome of each vote, by the id of its graph; None for one that is not known."""
    waiting: dict[object, Callable[[str], object]] = field(default_factory=dict)
    """Requests of which it is not known when they would end."""
    drawn: int = 0
    """Number of durations that were drawn."""

    def __post_init__(self) -> None:
        """Set the client up on the same clock."""
        self.client = Client(self.clock)

    def endpoint(self, target: str) -> Endpoint:
        """Return the endpoint of a model."""
        if target not in self.endpoints:
            self.endpoints[target] = Endpoint(self.clock, self.turnaround)
        return self.endpoints[target]

    def limits(self, graph: int) -> Mapping[str, Any]:
        """Return the recorded limits of a graph."""
        return self.record.graphs[graph].limits

    def bounds(self, graph: int) -> Bounds:
        """Return what bounds the requests of a graph."""
        limits, changes = self.limits(graph), self.changes
        rate = limits.get("requests_per_minute") if changes.rate is None else changes.rate
        concurrency = changes.concurrency or int(limits.get("concurrency") or 64)
        return Bounds(concurrency, None if rate == OFF else rate, limits.get("tokens_per_minute"))

    def note(self, path: tuple[str, ...], graph: str, why: str) -> None:
        """Note what cannot be known."""
        known = NotKnown(path=[*path], graph=graph, why=why)
        if known not in self.unknown:
            self.unknown.append(known)

    def draw_seconds(self, call: RecordedCall) -> float:
        """Return a duration for a second request: one of those of the same model, drawn by the call's id."""
        self.drawn += 1
        chance = random.Random(f"{self.seed} {call.id}")  # noqa: S311
        return chance.choice(self._durations[call.target] or [call.seconds])

    @cached_property
    def _durations(self) -> Mapping[str, list[float]]:
        known: dict[str, list[float]] = defaultdict(list)
        for call in self.record.calls:
            if call.ok and call.kind == "model" and not call.kept and call.lane == "live":
                known[call.target].append(call.seconds)
        return known
