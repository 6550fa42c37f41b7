"""What texts say: one row for each, and what they say together."""

from typing import Literal

from langgraph_parallel.records.base import Record

Sentiment = Literal["positive", "negative", "neutral", "mixed"]
Urgency = Literal["high", "medium", "low"]


class Quote(Record):
    """Words of one text."""

    item: str
    text: str


class Entity(Record):
    """Something that a text names."""

    kind: str
    name: str


class FeedbackRow(Record):
    """One text, by every dimension; None where a dimension could not be judged."""

    item: str
    text: str
    sentiment: Sentiment | None = None
    urgency: Urgency | None = None
    topics: list[str] | None = None
    entities: list[Entity] | None = None
    quotes: list[str] = []
    """Words that show it, which the text holds."""


class Feedback(Record):
    """What all texts say together. Counts are of texts, each once."""

    rows: list[FeedbackRow]
    sentiments: dict[str, int]
    urgencies: dict[str, int]
    topics: dict[str, int]
    """The most frequent first."""
    entities: dict[str, int]
    """By `kind: name`, the most frequent first."""
    quotes: dict[str, list[Quote]]
    """By topic, two at most."""
    not_judged: dict[str, int]
    """By dimension: texts without a judgement."""
    notice: str = ""
    """What the reader must know about who judged."""
