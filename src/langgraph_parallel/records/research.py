"""A report on a question, and what it rests on."""

from langgraph_parallel.records.base import Record


class Reference(Record):
    """What a report rests on in one place."""

    number: int
    claim: str
    source: str
    """The tool, and the document with its line, or whatever else the tool calls it."""
    quote: str
    """Words of the source."""


class Research(Record):
    """What was found out."""

    question: str
    text: str
    """With the numbers of its references in square brackets."""
    references: list[Reference]
    """Those that the text cites."""
    topics: list[str]
    """What was looked into."""
    missing: list[str]
    """Topics that could not be looked into, or of which nothing was found."""
    uncited: list[str]
    """Topics of which findings were made, and none is cited."""
    notice: str = ""
    """What the reader must know about who did the work."""
