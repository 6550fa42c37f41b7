"""The public data model: frozen values that do not depend on LangGraph."""

from collections.abc import Collection
from typing import Any, Protocol, TypeVar

from langgraph_parallel.records.appraisal import (
    AlikePair,
    Appraisal,
    EffectiveVotes,
    PanelChoice,
    VoterWorth,
)
from langgraph_parallel.records.ballot import Ballot, BallotStatus, Tally
from langgraph_parallel.records.base import Record
from langgraph_parallel.records.best_of import Draft
from langgraph_parallel.records.brainstorm import Idea
from langgraph_parallel.records.branch import STATUSES, Below, Branch, EndedBy, Status
from langgraph_parallel.records.briefing import Briefing, Citation, Conflict, Digest, Theme
from langgraph_parallel.records.call import Call, Savings, Usage
from langgraph_parallel.records.debate import Turn
from langgraph_parallel.records.escalation import Answer, Escalation
from langgraph_parallel.records.estimate import Estimate
from langgraph_parallel.records.feedback import Entity, Feedback, FeedbackRow, Quote, Sentiment, Urgency
from langgraph_parallel.records.finding import (
    SEVERITIES,
    Claim,
    Contradiction,
    Finding,
    Lines,
    Position,
    Severity,
)
from langgraph_parallel.records.labeling import Label
from langgraph_parallel.records.market_study import Forecast, MarketStudy
from langgraph_parallel.records.moderation import CheckOutcome, CheckStatus, Moderation, Span
from langgraph_parallel.records.research import Reference, Research
from langgraph_parallel.records.review import AspectOutcome, Coverage, LeftOut, Review, Skipped
from langgraph_parallel.records.review_question import (
    STATIC_VOTER,
    Aspect,
    Part,
    ReviewQuestion,
    is_model_voter,
    model_voter,
    model_voter_number,
)
from langgraph_parallel.records.run_report import RunReport
from langgraph_parallel.records.section import Section
from langgraph_parallel.records.trial import Trial
from langgraph_parallel.records.verdict import (
    Count,
    DecidedBy,
    Dissent,
    Interval,
    Support,
    Verdict,
    VerdictStatus,
)


class _Saver(Protocol):
    """A checkpointer of LangGraph, which the records know nothing of."""

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> Any: ...


SaverT = TypeVar("SaverT", bound=_Saver)


def record_types() -> list[type[Record]]:
    """Return all record classes defined so far, for code that reads checkpoints itself.

    JsonPlusSerializer(allowed_msgpack_modules=record_types())

    A serializer like this one reads no other types. To tell a checkpointer of records, besides what it reads
    already, use `allow_records`.
    """
    types: list[type[Record]] = []
    pending: list[type[Record]] = [Record]
    while pending:
        subclasses = pending.pop().__subclasses__()
        types += subclasses
        pending += subclasses
    return types


def allow_records(checkpointer: SaverT) -> SaverT:
    """Return a checkpointer that reads the records of this package back, besides what it read before.

    Only needed for records in keys of your own graph's state that are not annotated with them, if types are
    restricted (LANGGRAPH_STRICT_MSGPACK, `allowed_msgpack_modules`):

    builder.compile(checkpointer=allow_records(InMemorySaver()))

    Args:
        checkpointer: any of LangGraph's; it stays as it is, and shares what it stores.
    """
    names = [(kind.__module__, kind.__name__) for kind in record_types()]
    allowing: SaverT = checkpointer.with_allowlist(names)
    return allowing


__all__ = [
    "SEVERITIES",
    "STATIC_VOTER",
    "STATUSES",
    "AlikePair",
    "Answer",
    "Appraisal",
    "Aspect",
    "AspectOutcome",
    "Ballot",
    "BallotStatus",
    "Below",
    "Branch",
    "Briefing",
    "Call",
    "CheckOutcome",
    "CheckStatus",
    "Citation",
    "Claim",
    "Conflict",
    "Contradiction",
    "Count",
    "Coverage",
    "DecidedBy",
    "Digest",
    "Dissent",
    "Draft",
    "EffectiveVotes",
    "EndedBy",
    "Entity",
    "Escalation",
    "Estimate",
    "Feedback",
    "FeedbackRow",
    "Finding",
    "Forecast",
    "Idea",
    "Interval",
    "Label",
    "LeftOut",
    "Lines",
    "MarketStudy",
    "Moderation",
    "PanelChoice",
    "Part",
    "Position",
    "Quote",
    "Reference",
    "Research",
    "Review",
    "ReviewQuestion",
    "RunReport",
    "Savings",
    "Section",
    "Sentiment",
    "Severity",
    "Skipped",
    "Span",
    "Status",
    "Support",
    "Tally",
    "Theme",
    "Trial",
    "Turn",
    "Urgency",
    "Usage",
    "Verdict",
    "VerdictStatus",
    "VoterWorth",
    "allow_records",
    "is_model_voter",
    "model_voter",
    "model_voter_number",
    "record_types",
]
