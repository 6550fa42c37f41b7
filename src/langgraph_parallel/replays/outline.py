"""The outline of a recorded run: what followed what, and how long each part took by itself.

A block is a graph or a branch. Its steps are requests, branches, nested graphs and at most one poll of
voters. A step follows those that it needs, or else all that had ended before it began. The time in between is
kept as it was, but for waits for a slot or a rate, which are replayed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

from langgraph_parallel.records import Ballot
from langgraph_parallel.records.recorded_vote import RecordedVote
from langgraph_parallel.records.run_record import RecordedBranch, RecordedCall, RecordedGraph

Work = Union["Request", "Block", "Poll"]


@dataclass(frozen=True)
class Request:
    """A request to a model with its hedge, or the run of an engine or of code of the caller's."""

    call: RecordedCall
    second: RecordedCall | None = None
    """Its hedge."""
    holds_slot: bool = True
    """Whether it waits for a slot: models do, unless their answer was kept or came with another one's."""
    is_known: bool = True
    """Whether it had ended by itself, and was not cut off, so that it is known how long it takes."""
    ends_with_run: bool = False
    """Whether it was in flight when its invocation was ended from outside, as it is in a replay, too."""
    held: float | None = None
    """Seconds for which it was held up by others that the client prepared in one go with it; None for one
    that it did not prepare so."""
    is_made_up: bool = False
    """Whether it stands for a request that was never sent: that of a voter that was not asked. `call` is that
    of another voter."""

    @property
    def seconds(self) -> float:
        """How long it took; if it was cut off, how long it was waited for."""
        return 0.0 if self.is_made_up else self.call.seconds


@dataclass(frozen=True)
class Step:
    """A part of a block."""

    work: Work
    after: tuple[int, ...]
    """Positions of the steps that it follows; none for the start of the block."""
    delay: float
    """Seconds from their end to its start."""
    cut_by: int | None = None
    """Position of the step whose end cut it off, where a completion policy or a check did."""


@dataclass(frozen=True)
class Block:
    """A graph, or a branch."""

    row: RecordedGraph | RecordedBranch
    path: tuple[str, ...]
    """Ids of the branches around it, for a branch its own included."""
    graph: str
    """Name of the graph that it is, or is in."""
    steps: Sequence[Step]
    tail: float
    """Seconds from the end of the last step to its own; its duration if it has no steps."""

    @property
    def is_leaf(self) -> bool:
        """Whether it is a branch without a graph inside."""
        return isinstance(self.row, RecordedBranch) and all(isinstance(s.work, Request) for s in self.steps)

    @property
    def requests(self) -> int:
        """Number of requests to models in it and below."""
        counts = (
            step.work.requests if isinstance(step.work, Block | Poll) else sent(step.work)
            for step in self.steps
        )
        return sum(counts)


@dataclass(frozen=True)
class Voter:
    """A voter that may be asked."""

    name: str
    order: int
    block: Block | None
    """Its branch, or one like those of its siblings if it was not asked; None if nothing is known of it."""
    ballot: Ballot | None
    """None if it was never heard."""
    prepare: float = 0.0
    """Seconds that the client takes to prepare its first request, one voter after another."""
    lag: float = 0.0
    """Seconds from its end to the count of its ballot."""


@dataclass(frozen=True)
class Poll:
    """The voters of a vote."""

    row: RecordedGraph
    vote: RecordedVote
    path: tuple[str, ...]
    voters: Sequence[Voter]
    """In the order of asking, those that were asked in an earlier invocation left out."""
    kept: Sequence[Ballot]
    """Of an earlier invocation."""
    gap: float
    """Seconds from the end of a wave to the start of the next one."""
    spacing: float
    """Seconds between the starts of two voters of a wave."""
    call_lag: float
    """Seconds from a ballot to the start of a voter that waited for its turn."""

    @property
    def requests(self) -> int:
        """Number of requests to models that are known of its voters."""
        return sum(voter.block.requests for voter in self.voters if voter.block and voter.ballot)


def sent(request: Request) -> int:
    """Return how many requests to models it is."""
    is_sent = request.call.kind == "model" and not request.call.kept
    return is_sent + (request.second is not None)
