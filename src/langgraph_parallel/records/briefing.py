"""A briefing: what several documents say together, and where each of it stands."""

from langgraph_parallel.records.base import Record


class Citation(Record):
    """A place in a document, which has been looked up: `text[start:end]` is the quote."""

    document: str
    start: int
    end: int
    line: int
    """Where it begins, from 1."""
    quote: str


class Theme(Record):
    """What several places say on one matter."""

    title: str
    text: str
    citations: list[Citation]


class Conflict(Record):
    """Two documents say what cannot both be so."""

    about: str
    explanation: str
    first: Citation
    second: Citation


class Digest(Record):
    """What one document says, in a few points, each with its place."""

    document: str
    points: list[str]
    citations: list[Citation]
    """The place of each point, in the same order."""


class Briefing(Record):
    """What the documents say together."""

    summary: str
    themes: list[Theme]
    """Each rests on at least one citation."""
    conflicts: list[Conflict]
    digests: list[Digest]
    """One for each document that says anything of weight."""
    documents: list[str]
    """Those that were read."""
    missing: list[str]
    """Documents, or parts of them, that could not be read, or hold nothing."""
    uncited: list[str]
    """Documents that were read, and that nothing in the briefing refers to."""
    unsupported: list[str]
    """Titles of themes and conflicts that were left out: they rest on nothing that a document says."""
    notice: str = ""
    """What the reader must know about who wrote it."""
