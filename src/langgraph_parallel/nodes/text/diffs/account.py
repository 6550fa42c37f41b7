"""What a reader makes of a diff: the files in it, and the lines that belong to none."""

import re
from dataclasses import dataclass, field

from langgraph_parallel.nodes.text.diffs.hunks import Hunk
from langgraph_parallel.nodes.text.diffs.names import NO_FILE, possible_paths

_MOST_PLACES = 50
"""Places that are named one by one; what comes after them is one place."""
_EMPTY_BLOBS = ("e69de29", "473a0f4")
_INDEX = re.compile(r"([0-9a-f,]{4,})\.\.([0-9a-f]{4,})(?: ([0-7]{6}))?$")


@dataclass
class Place:
    """Consecutive lines of a diff, by number from 1, and what is wrong with the first."""

    first: int
    last: int
    why: str = ""

    def __str__(self) -> str:
        where = f"line {self.first}" if self.first == self.last else f"lines {self.first}-{self.last}"
        return f"{where} of the diff not understood" + (f": {self.why}" if self.why else "")


@dataclass
class Places:
    """Places in a diff, in order; those that follow each other are one."""

    items: list[Place] = field(default_factory=list)
    _blank: int = 0

    def add(self, line: int, why: str = "") -> None:
        """Add a line."""
        latest = self.items[-1] if self.items else None
        if latest and (max(latest.last, self._blank) >= line - 1 or len(self.items) == _MOST_PLACES):
            latest.last = line
        else:
            self.items.append(Place(line, line, why))

    def bridge(self, line: int) -> None:
        """Let an empty line be between lines of one place, if others follow."""
        if self.items and max(self.items[-1].last, self._blank) == line - 1:
            self._blank = line


@dataclass
class FileDiff:
    """What a diff says of one file."""

    first: int
    """Number of its first line in the diff."""
    last: int
    """Number of its last line."""
    of_git: bool = False
    old: str | None = None
    new: str | None = None
    """Names as written, without quotes; None where they are not known."""
    has_names: bool = False
    """Whether the names come from lines that hold little else."""
    is_exact: bool = False
    """Whether the new name has no prefix."""
    modes: list[str] = field(default_factory=list)
    is_new: bool = False
    is_deleted: bool = False
    is_binary: bool = False
    expects_hunks: bool = False
    note: str | None = None
    """Why it has no hunks; None if that is not known."""
    hides: bool = False
    """Whether the note means that there are changes which the diff does not show."""
    is_lone: bool = False
    """Whether it is in one of two folders only; the name says in which one."""
    hunks: list[Hunk] = field(default_factory=list)
    unread: Places = field(default_factory=Places)

    @property
    def paths(self) -> list[str]:
        """The paths that it may stand for, the most likely one first; empty without a name."""
        if self.is_exact and self.new:
            return [self.new]
        return possible_paths(self.old, self.new, of_git=self.of_git)

    @property
    def says_something(self) -> bool:
        """Whether its lines say more than a name."""
        return bool(
            self.of_git
            or self.has_names
            or self.modes
            or self.is_deleted
            or self.note
            or self.expects_hunks
            or self.is_exact
        )

    @property
    def is_link(self) -> bool:
        """Whether the file is a symbolic link."""
        return "120000" in self.modes[-1:]

    def take_names(self, old: str, new: str) -> None:
        """Take the names of the lines `---` and `+++`; one of them may say that there is no file."""
        self.expects_hunks = True
        self.is_new |= old == NO_FILE
        self.is_deleted |= new == NO_FILE
        self.has_names = True
        self.old = self.old if old == NO_FILE else old
        self.new = self.new if new == NO_FILE or self.is_exact else new

    def take_index(self, text: str) -> None:
        """Take a line such as `index 1111111..2222222 100644`."""
        if match := _INDEX.match(text):
            before, after, mode = match.groups()
            self.modes += [mode] if mode else []
            is_empty = (self.is_new and after.startswith(_EMPTY_BLOBS)) or (
                self.is_deleted and before.startswith(_EMPTY_BLOBS)
            )
            self.expects_hunks |= before != after and not is_empty
