"""What a review asks its voters."""

from pydantic import PositiveInt

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.finding import Lines


class Aspect(Record):
    """One point of view of a review: what to look for, as Markdown that may instruct the model."""

    name: str
    title: str
    criteria: str


class Part(Record):
    """A file under review, or consecutive lines of one."""

    path: str
    first: PositiveInt = 1
    """The number of its first line."""
    text: str
    whole: bool = True
    """Whether it is all of the file."""
    changed: list[Lines] | None = None
    """The lines that are under review; None for all of them."""

    @property
    def lines(self) -> list[str]:
        """Its lines, without their ends."""
        return self.text.removesuffix("\n").split("\n")

    @property
    def span(self) -> Lines:
        """Its place in the file."""
        return Lines(first=self.first, last=self.first + len(self.lines) - 1)

    def line(self, number: int) -> str:
        """One line by its number in the file, without the white space around it; empty outside."""
        index = number - self.first
        return self.lines[index].strip() if 0 <= index < len(self.lines) else ""

    def under_review(self, lines: Lines) -> bool:
        """Whether these lines were changed, where only changes are reviewed."""
        return self.changed is None or any(change.overlaps(lines) for change in self.changed)


class ReviewQuestion(Record):
    """One section of a review, as its voters get it: one aspect of some parts."""

    id: str
    title: str
    aspect: Aspect
    parts: list[Part]
    voters: list[str]
    """Who votes on it."""

    @property
    def label(self) -> str:
        """What its voters are called in traces: `vote[security#2]`."""
        return self.aspect.name
