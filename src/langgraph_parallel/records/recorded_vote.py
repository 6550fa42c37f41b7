"""A vote in the record of a run."""

from pydantic import Field

from langgraph_parallel.records.ballot import BallotStatus
from langgraph_parallel.records.base import JsonData, Record
from langgraph_parallel.records.verdict import DecidedBy, VerdictStatus


class RecordedBallot(Record):
    """A ballot, when it was counted."""

    voter: str
    """Who gave it."""
    order: int
    """Position of the voter in the electorate, from 0."""
    at: float
    """When, in seconds since the start of the record."""
    status: BallotStatus
    choice: JsonData = None
    """The normalised choice. Without contents, a choice that is not one of the vote's own choices is a label:
    `answer 1` for the first that is seen in the vote, and so on."""
    weight: float = Field(1.0, ge=0, allow_inf_nan=False)
    """Stated by the voter."""
    confidence: float | None = Field(None, ge=0, le=1)
    """Stated by the voter, 0 to 1."""
    kept: bool = False
    """Whether it was counted in an earlier invocation, and taken over."""


class RecordedVote(Record):
    """A vote: how it was built, its ballots in the order of counting, and what was decided."""

    rule: str
    """As text, which `rule=` of a graph takes; `function NAME` or `judge NAME` for what has no such text."""
    stop: str = ""
    """As text, such as `confident(0.95)`."""
    wave: str | int = "lossless"
    """How many are asked together."""
    race: bool = True
    """Whether voters of a wave that are not needed any more are cancelled."""
    ties_matter: bool = True
    """Whether a tie is told from a decision, so that a stop must tell them apart."""
    recounts: bool = False
    """Whether a fallback counts the ballots again where the rule is undecided: it needs all of them."""
    voters: list[str] = []
    """Those that may be asked, in the order of the electorate."""
    asking: list[str] = []
    """The same in the order of asking; empty if that is the electorate's."""
    choices: list[JsonData] | None = None
    """The valid answers; None for any."""
    ballots: list[RecordedBallot] = []
    stopped: str = ""
    """The stop that ended the vote before all were asked or heard; empty if none did."""
    stopped_at: float | None = None
    """When it fired first, in seconds since the start of the record."""
    status: VerdictStatus | None = None
    """Of the verdict; None if there is none yet."""
    choice: JsonData = None
    """The verdict's choice, labelled as those of the ballots."""
    decided_by: DecidedBy = "rule"
    k: int = 0
    """Ballots for the choice."""
    n: int = 0
    """Ballots that counted."""
    not_asked: int = 0
    """Voters that were not asked, because the vote had ended."""
