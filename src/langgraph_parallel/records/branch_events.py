"""Events of branches: what each one does, waits for, calls, and how it ends."""

from typing import Literal

from pydantic import JsonValue

from langgraph_parallel.records.branch import EndedBy, Status
from langgraph_parallel.records.call import Lane
from langgraph_parallel.records.event_base import Cost, EventBase


class Started(EventBase):
    """A branch has begun: what it needs is there, and it works or waits for a slot."""

    event: Literal["started"]
    kind: Literal["section", "voter"]
    name: str
    """As in traces, such as `review[security] app.py` or `vote[security#2]`."""
    order: int
    """Position in the plan, from 0."""
    attempt: int = 1
    """1 at first; a redrive adds 1."""


WaitsOn = Literal["needs", "slot", "rate", "budget", "retry", "rest", "leader", "batch", "person"]
"""`needs`: other branches; `slot`: requests in flight, or for code of the caller's others of it at work;
`rate`: a pause or a pace of the endpoint, or a rate that is set; `budget`: calls that may turn out cheaper;
`retry`: the time before the next attempt; `rest`: an endpoint that failed again and again; `leader`: the
first token of a call whose prompt begins alike; `batch`: the endpoint's batch that it is in; `person`: an
answer, for which the run is interrupted."""


class Waiting(EventBase):
    """A branch, or a call in it, waits.

    The next event with the same call ends its wait; `started`, `working` or `ended` that of a branch.
    """

    event: Literal["waiting"]
    on: WaitsOn
    call: str | None = None
    """Id of the call that waits; None if the branch does, or before a retry, which is a call of its own."""
    needs: list[str] = []
    """Ids of the branches that are waited for."""
    seconds: float | None = None
    """Seconds that the wait takes, where that is known beforehand."""
    batch: str = ""
    """The endpoint's id of the batch that is waited for."""
    calls: int = 0
    """Number of calls in that batch."""
    since: float = 0.0
    """When that batch was submitted, in seconds since the epoch."""


class Working(EventBase):
    """A branch that has waited works again: for a slot of its own code, or before its next attempt."""

    event: Literal["working"]


class Calling(EventBase):
    """A request to a model leaves."""

    event: Literal["calling"]
    call: str
    """Its id, which `called` repeats; also LangChain's run id."""
    target: str
    """Name of the model."""
    step: str = ""
    """The step of an agent that makes it; empty without an agent."""
    attempt: int = 1
    """1 for the first request, 2 for its first retry."""
    hedge: bool = False
    """Whether it is the second request for a straggler."""
    instead_of: str = ""
    """Name of the model that was to be asked, if this is its fallback."""
    prompt_tokens: int = 0
    """Tokens of its prompt, estimated: what it counts if it is cut off."""
    prompt_usd: float | None = None
    """What these cost in US dollars; None if the price is unknown."""


class Called(EventBase):
    """A request has ended, or a call of another kind: a worker's own code, or an engine."""

    event: Literal["called"]
    call: str
    kind: Literal["model", "engine", "worker"] = "model"
    target: str
    step: str = ""
    started: float
    """When the request left, in seconds since the epoch."""
    ended: float
    """When it ended, in seconds since the epoch."""
    attempt: int = 1
    ok: bool = True
    """Whether there was an answer."""
    throttled: bool = False
    """Whether the endpoint answered 429."""
    hedge: bool = False
    instead_of: str = ""
    """Name of the model that was to be asked, if this is its fallback."""
    kept: bool = False
    """Whether the cache of answers had the answer, so that nothing was sent."""
    counted: bool = True
    """Whether it counts as a call: of a request for several voters that failed, one does."""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    """Tokens of the prompt that the provider read from its cache; included in `input_tokens`."""
    cache_write_tokens: int = 0
    """Tokens of the prompt that it wrote to its cache at a price of their own; included in `input_tokens`."""
    cache_hour_tokens: int = 0
    """Those of them that it keeps for an hour, at a higher price; included in `cache_write_tokens`."""
    reasoning_tokens: int = 0
    """Tokens of the answer that are the model's thinking; included in `output_tokens`."""
    samples: int = 1
    """Number of answers that its request asked for: each is a call, with its share of the tokens."""
    lane: Lane = "live"
    """Whether it was sent by itself, or in a batch."""
    usd: float | None = None
    """Cost in US dollars; None if the price is unknown."""
    saved_usd: float | None = None
    """US dollars by which it was cheaper than alone, at the full price; None for nothing, or if the price is
    unknown."""
    savings: dict[str, float] = {}
    """The same by cause, as in `records.Savings`; what is 0 is left out."""
    cause: str | None = None
    """Kind of the failure, as in `records.Branch`; None if it was answered or cut off."""
    cost: Cost | None = None
    """What the run tree has cost so far."""


class Ended(EventBase):
    """A branch has ended, in whatever way.

    It has not started if there was nothing to do: a section whose needs failed is skipped, and a join passes
    on what is alone, or takes its earlier result.
    """

    event: Literal["ended"]
    kind: Literal["section", "voter"]
    name: str
    order: int
    status: Status
    error: str | None = None
    """Why it did not end ok, with secrets masked."""
    cause: str | None = None
    """Kind of the failure, as in `records.Branch`."""
    ended_by: EndedBy | None = None
    """What ended it early."""
    attempt: int = 1
    started: float = 0.0
    """In seconds since the epoch."""
    ended: float = 0.0
    """In seconds since the epoch."""
    leaves: dict[str, int] = {}
    """Number of leaf branches below, by status; empty if it is a leaf itself."""
    saved: int = 0
    """Voters below that were not asked, because their vote had ended."""
    asks_person: int = 0
    """Number of votes below that wait for a person, who is asked once the other branches have ended."""
    value: JsonValue = None
    """What the worker returned; left out in a review, whose values are large."""
