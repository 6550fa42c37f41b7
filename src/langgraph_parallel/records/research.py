"""A research report, with its references."""

from langgraph_parallel.records.base import Record


class Reference(Record):
    """A source of one statement of the report."""

    number: int
    """The number by which the text cites it, from 1."""
    claim: str
    """The finding in one sentence; empty without a model."""
    source: str
    """The tool, and its name for the source: for files, the document and the line."""
    quote: str
    """The quoted words of the source."""
    shown: str = ""
    """The quoted words as a reader sees them, without markup; empty for quotes of a model."""


class Research(Record):
    """The report on a question."""

    question: str
    """The question, as given in the input."""
    text: str
    """The report; it cites references by numbers in square brackets."""
    references: list[Reference]
    """The references that the text cites."""
    topics: list[str]
    """Titles of the topics with a result."""
    missing: list[str]
    """Titles of the topics that failed, or about which nothing was found."""
    uncited: list[str]
    """Titles of the topics with findings, none of which the text cites."""
    notice: str = ""
    """How the report was made, if not by a model; else empty."""
