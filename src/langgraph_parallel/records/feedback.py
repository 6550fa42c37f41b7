"""Feedback: one row for each text, and the totals."""

from typing import Literal

from langgraph_parallel.records.base import Record

Sentiment = Literal["positive", "negative", "neutral", "mixed"]
Urgency = Literal["high", "medium", "low"]


class Quote(Record):
    """A quote from one text."""

    item: str
    """Name of the text."""
    text: str
    """The quoted words, exactly as in the text."""


class Entity(Record):
    """A person, thing or value that a text names."""

    kind: str
    """Its type, such as `person` or `money`."""
    name: str
    """Its name, as written in the text."""


class FeedbackRow(Record):
    """The analysis of one text; None for a dimension that was not judged."""

    item: str
    """Name of the text."""
    text: str
    """The text itself."""
    sentiment: Sentiment | None = None
    """`mixed` if parts of a long text differ, too; None if not judged."""
    urgency: Urgency | None = None
    """The highest of all parts of a long text; None if not judged."""
    topics: list[str] | None = None
    """Topics in lower case, each once; None if not judged."""
    entities: list[Entity] | None = None
    """Entities, each once; None if not judged."""
    quotes: list[str] = []
    """The words that support the judgements, exactly as in the text."""
    notes: list[str] = []
    """What engines say of a judgement, or of a missing one, after the name of the dimension."""


class Feedback(Record):
    """The analysis of all texts. Counts are numbers of texts."""

    rows: list[FeedbackRow]
    """One row for each text, in the order of the input."""
    sentiments: dict[str, int]
    """Number of texts by sentiment, the most frequent first."""
    urgencies: dict[str, int]
    """Number of texts by urgency, the most frequent first."""
    topics: dict[str, int]
    """Number of texts by topic, the most frequent first."""
    entities: dict[str, int]
    """Number of texts by `kind: name`, the most frequent first."""
    quotes: dict[str, list[Quote]]
    """At most two quotes for each topic."""
    not_judged: dict[str, int]
    """Number of texts that were not judged, by dimension; complete dimensions are left out."""
    notice: str = ""
    """How the texts were judged, if not by a model; else empty."""
