"""The questions that a review asks its voters."""

from pydantic import PositiveInt

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.finding import Lines

STATIC_VOTER = "static"
"""Name of the voter that stands for all engines of an aspect, when models vote too."""
_MODEL_PREFIX = "model#"


def model_voter(number: int) -> str:
    """Return the name of a model voter; numbers start at 1.

    >>> model_voter(2)
    'model#2'
    """
    return f"{_MODEL_PREFIX}{number}"


def is_model_voter(name: str) -> bool:
    """Return whether a voter of a review is a model, not an engine."""
    return model_voter_number(name) is not None


def model_voter_number(name: str) -> int | None:
    """Return the number of a model voter, or None if the voter is not a model.

    >>> model_voter_number("model#2"), model_voter_number("bandit")
    (2, None)
    """
    digits = name.removeprefix(_MODEL_PREFIX)
    return int(digits) if name.startswith(_MODEL_PREFIX) and digits.isdecimal() else None


class Aspect(Record):
    """What one vote of a review looks for."""

    name: str
    """Unique key, such as `security`; part of section ids and of traces."""
    title: str
    """Display name, such as `Security`."""
    criteria: str
    """What to look for, as Markdown. It is trusted: it may instruct the model."""


class Part(Record):
    """A file under review, or consecutive lines of it."""

    path: str
    """Path of the file, as given."""
    first: PositiveInt = 1
    """Line number of the first line, from 1."""
    text: str
    """The lines, with their line ends."""
    whole: bool = True
    """Whether the part is the whole file."""
    changed: list[Lines] | None = None
    """The line ranges under review; None if all lines are."""

    @property
    def lines(self) -> list[str]:
        """The lines, without line ends."""
        return self.text.removesuffix("\n").split("\n")

    @property
    def span(self) -> Lines:
        """The line range of the part in the file."""
        return Lines(first=self.first, last=self.first + len(self.lines) - 1)

    def line(self, number: int) -> str:
        """Return the stripped line with this number in the file, or an empty text outside the part."""
        index = number - self.first
        return self.lines[index].strip() if 0 <= index < len(self.lines) else ""

    def under_review(self, lines: Lines) -> bool:
        """Return whether any of these lines is under review."""
        return self.changed is None or any(change.overlaps(lines) for change in self.changed)


class ReviewQuestion(Record):
    """One question of a review: one aspect of one batch of parts."""

    id: str
    """Unique within the review: the aspect and a number, such as `security/2`."""
    title: str
    """Display name: the first path, and the number of further parts."""
    aspect: Aspect
    parts: list[Part]
    """The parts under review; at least one."""
    voters: list[str]
    """Names of the voters: `model#1`, `static`, or a family of engines."""

    @property
    def label(self) -> str:
        """The name of its votes in traces: `security` in `vote[security#2]`."""
        return self.aspect.name
