"""Events of graphs: their plans, their votes, and how much is done."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from langgraph_parallel.records.ballot import BallotStatus
from langgraph_parallel.records.event_base import EventBase, PlannedSection
from langgraph_parallel.records.verdict import DecidedBy, VerdictStatus


class RunStarted(EventBase):
    """A graph has begun, or goes on after it was interrupted, killed or redriven."""

    event: Literal["run_started"]
    kind: str
    """The pattern: `voting`, `sectioning`."""
    parent: str | None = None
    """The `graph_run` of the graph around this one; None for the outermost."""
    node: str = ""
    """The node of your graph that runs it, as a path from your outermost graph on: `review`, `agent/tools`.
    Empty without a graph of yours around, and for graphs inside of one of ours."""
    thread: str | None = None
    """Thread of its checkpoints; runs of one thread continue each other. None without a thread."""
    resumed: bool = False
    """Whether it goes on with what an earlier run on the thread has stored."""
    limits: dict[str, JsonValue] = {}
    """The limits that are set; all others have their defaults."""
    completion: str | None = None
    """The completion policy of its branches; None for all of them."""
    versions: dict[str, str] = {}
    """Versions of `langgraph_parallel`, `langgraph` and `python`."""


class Planned(EventBase):
    """What is to be done: the sections of a plan or of a further round, or the voters that may be asked."""

    event: Literal["planned"]
    sections: list[PlannedSection] = []
    """Sections, in their order; with `more`, only those that are new."""
    voters: list[str] = []
    """Voters, in their order. Not all of them may be asked."""
    kept: list[str] = []
    """Ids that are not worked on again, since an earlier run did, whose events tell of them."""
    more: bool = False
    """Whether the sections are added to those planned before."""


class CountedBallot(BaseModel):
    """A ballot as the vote counts it."""

    model_config = ConfigDict(frozen=True)

    voter: str
    """Whose ballot it is."""
    order: int = 0
    """Position of the voter in the electorate, from 0."""
    status: BallotStatus = "cast"
    """How the voter ended. Only `cast` counts."""
    choice: JsonValue = None
    """The normalised choice; None for no choice."""
    weight: float = 1.0
    """Stated by the voter; only the rule `weighted` reads it."""
    confidence: float | None = None
    """Stated by the voter, 0 to 1."""


class VoteOpened(EventBase):
    """How a vote counts; told before its first ballot."""

    event: Literal["vote_opened"]
    rule: str
    """As text, which can be read again; `function NAME` or `judge NAME` for code that cannot."""
    stop: str
    """As text: when no further ballot is needed."""
    wave: str | int
    """How many are asked together."""
    race: bool
    """Whether voters of a wave that are not needed any more are cancelled."""
    ties_matter: bool
    """Whether a tie is handled in another way than a choice."""
    recounts: bool = False
    """Whether a fallback counts the ballots again where the rule is undecided: it needs all of them."""
    voters: list[str]
    """Those that may be asked, in the order of the electorate."""
    asking: list[str] = []
    """The same in the order of asking; empty if that is the electorate's."""
    choices: list[JsonValue] | None = None
    """The valid answers; None for any."""
    ballots: list[CountedBallot] = []
    """Ballots that an earlier run has counted, in the order of the electorate."""


class VoteProgress(CountedBallot, EventBase):
    """A ballot has been counted."""

    event: Literal["vote"]
    cast: int
    """Ballots that count so far."""
    heard: int
    """Voters that have ended so far, those that failed or abstained included."""
    of: int
    """Voters that may be asked."""
    leader: JsonValue = None
    """The choice that leads; None if there is none, or a judge decides. Of several with the same support, the
    one whose earliest voter comes first."""
    tied: bool = False
    """Whether another choice has the same support as the leader."""
    votes: int = 0
    """Ballots for the leader."""
    support: float = 0.0
    """Its support under the rule, as a sum: of the weights of its ballots, or of their points if they
    rank. It is not a share, as `k / n` of the verdict is."""
    stop: str = ""
    """The stop that has fired, so that nobody else is asked; empty while none has."""


class Decided(EventBase):
    """A rule, a judge, a fallback or a person has decided a vote, or could not."""

    event: Literal["verdict"]
    rule: str
    status: VerdictStatus
    choice: JsonValue = None
    k: int
    """Ballots for the choice."""
    n: int
    """Ballots that counted."""
    decided_by: DecidedBy = "rule"
    stopped: str = ""
    """The stop that ended the vote early; empty if none did."""
    not_asked: int = 0
    asked: int = 0
    cast: int = 0
    abstained: int = 0
    failed: int = 0
    timed_out: int = 0
    cancelled: int = 0
    skipped: int = 0


class Progress(EventBase):
    """How much is done."""

    event: Literal["progress"]
    done: int
    """Branches of the graph that have ended."""
    total: int
    """Branches that are planned so far."""
    share: float
    """Share of the graph that is done, 0 to 1, with parts of graphs inside of it."""
    run_share: float
    """The same for the whole run tree."""


class RunEnded(EventBase):
    """A graph has ended; a run that is cancelled does not tell it. The numbers are those of its report."""

    event: Literal["run_ended"]
    status: Literal["ok", "partial", "failed", "interrupted"]
    """`interrupted`: it waits for a person, or for whoever resumes it."""
    error: str | None = None
    """What the run raises, with secrets masked; None if it returns."""
    reason: str = ""
    """Why the fan-out ended."""
    wall_seconds: float | None = None
    sequential_seconds: float | None = None
    branches: dict[str, int] = {}
    """Leaf branches at all levels, by status."""
    failures: dict[str, str] = {}
    """Causes of what did not end ok, by name."""
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    """Tokens of the prompts that the provider read from its cache; included in `input_tokens`."""
    usd: float | None = None
    usd_alone: float | None = None
    """What the run would have cost without caches, samples, batches, kept answers and stops."""
    retries: int = 0
    hedges: int = 0
    calls_saved: int = 0
    """Voters and drafters that were not asked."""
    remarks: list[str] = []
    """What endpoints do not take of a request."""
