"""A briefing on several documents, with citations."""

from langgraph_parallel.records.base import Record


class Citation(Record):
    """A verified quote from a document: `text[start:end]`."""

    document: str
    """Name of the document."""
    start: int
    """Index of the first character, from 0."""
    end: int
    """Index after the last character."""
    line: int
    """Line number of the first character, from 1."""
    quote: str
    """The quoted text, exactly as in the document."""
    shown: str = ""
    """The quoted text as a reader sees it, on one line: link texts without addresses, no other markup."""


class Theme(Record):
    """A theme of the documents."""

    title: str
    """A few words."""
    text: str
    """What the documents say about it; empty without a model."""
    citations: list[Citation]
    """The places that support it."""


class Conflict(Record):
    """A contradiction between two documents."""

    about: str
    """What the documents disagree about."""
    explanation: str
    """How they differ."""
    first: Citation
    """One side."""
    second: Citation
    """The other side, from another document."""


class Digest(Record):
    """The main points of one document."""

    document: str
    """Name of the document."""
    points: list[str]
    """One sentence each."""
    citations: list[Citation]
    """The place that supports each point, in the order of `points`."""


class Briefing(Record):
    """A summary of several documents, with the places that support it."""

    summary: str
    """A few sentences."""
    themes: list[Theme]
    """Themes with at least one citation, the most important first."""
    contradictions: list[Conflict]
    """Contradictions between documents."""
    digests: list[Digest]
    """One for each document with at least one point."""
    documents: list[str]
    """Names of the documents that were read."""
    missing: list[str]
    """Documents, or parts of them, that were not used: unreadable, empty, or too long."""
    uncited: list[str]
    """Documents that were read, but are not cited in a theme or a conflict."""
    unsupported: list[str]
    """Titles of themes and contradictions that were dropped because no document supports them."""
    notice: str = ""
    """How the briefing was written, if not by a model; else empty."""
