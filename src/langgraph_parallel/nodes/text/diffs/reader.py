"""Reader of diffs: what git, diff, Mercurial, Subversion and others write, and what their mails add.

Every line has one of four fates. It belongs to a file: to its header, or to a hunk whose lines are as many as
its header says. It is known to hold no code: the message of a commit, the header of a mail. It is text before
the first file, which every program that applies diffs skips. Or it is not understood, and named.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from langgraph_parallel.nodes.text.diffs import prose
from langgraph_parallel.nodes.text.diffs.account import FileDiff, Places
from langgraph_parallel.nodes.text.diffs.hunks import (
    NotUnderstood,
    is_hunk,
    is_property_hunk,
    read_hunk,
)
from langgraph_parallel.nodes.text.diffs.names import git_names, name_after, names_around, unquote
from langgraph_parallel.nodes.text.diffs.plain import plain_text
from langgraph_parallel.nodes.text.diffs.prose import Zone

_DETAIL = re.compile(
    r"(index|old mode|new mode|mode|new file mode|deleted file mode|similarity index|dissimilarity index|"
    r"copy from|copy to|rename from|rename to) (.+)"
)
_BINARY = re.compile(r"Binary files (.+ and .+) differ$|Binary file (.+) has changed$")
_DIFFER = re.compile(r"Files (.+ and .+) differ$")
_ONLY_IN = re.compile(r"Only in (.+?): (.+)$")
_SUBMODULE = re.compile(r"Submodule (.+) (?:[0-9a-f]{7,}\.{2,3}[0-9a-f]{7,}|contains |[0-9a-f]{7,})")
_PROPERTIES = re.compile(r"Property changes on: (.+)$")
_PROPERTY_LINE = re.compile(r"(?:Added|Modified|Deleted|Name): |   [-+] |_{20,}$")
_BINARY_LINES = ("GIT binary patch", "Binary files differ", "Cannot display: file marked as a binary type.")
_BINARY_START = re.compile(r"(?:literal|delta) [0-9]+$|svn:mime-type = ")
_BASE85 = re.compile(r"[A-Za-z][0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]{5,65}$")
_LONGEST = 8192
"""Characters of a line with names."""
IN_SUBMODULE = "submodule at another commit: its code is not in the diff"


@dataclass
class Reading:
    """A diff, read."""

    lines: list[str]
    """The lines, in plain text."""
    files: list[FileDiff] = field(default_factory=list)
    """In the order of the diff; a file may come more than once."""
    before: Places = field(default_factory=Places)
    """Text before the first file."""
    unread: Places = field(default_factory=Places)
    """Lines outside of files that are not understood."""


def read(text: str) -> Reading:
    """Read a diff; never fails."""
    lines = plain_text(text).split("\n")
    if lines[-1] == "":
        lines.pop()
    return _Reader(lines).read()


class _Reader:
    """Reads line after line; each rule takes the lines that it knows, and says whether it took any."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0
        self._zone = Zone.start
        self._reading = Reading(lines)
        self._file: FileDiff | None = None
        self._rules: tuple[Callable[[str], bool], ...] = (
            self._blank, self._hunk, self._command, self._names, self._without_hunks, self._properties,
            self._opens_zone, self._known,
        )  # fmt: skip

    def read(self) -> Reading:
        """Read all lines."""
        while self._at < len(self._lines):
            line = self._lines[self._at].rstrip("\r")
            if not any(rule(line) for rule in self._rules):
                self._not_understood(line)
        return self._reading

    def _following(self, steps: int) -> str:
        """Return the line after so many, without its end; empty beyond the last one."""
        at = self._at + steps
        return self._lines[at].rstrip("\r") if at < len(self._lines) else ""

    def _take(self, lines: int = 1) -> bool:
        self._at += lines
        if self._file is not None and self._zone is Zone.file:
            self._file.last = self._at
        return True

    def _begin(self, *, of_git: bool = False) -> FileDiff:
        """Begin a file; a line before it that has said nothing but its name is its own."""
        file = FileDiff(first=self._at + 1, last=self._at + 1, of_git=of_git)
        earlier, line = self._fresh(), self._following(0)
        if (
            earlier
            and not earlier.says_something
            and line.startswith("diff ")
            and (earlier.new or "") in line
        ):
            file.first = earlier.first
            self._reading.files.pop()
        self._reading.files.append(file)
        self._file, self._zone = file, Zone.file
        return file

    def _blank(self, line: str) -> bool:
        if line.strip():
            return False
        places = self._reading.unread if self._file is None else self._file.unread
        places.bridge(self._at + 1)
        return self._take()

    def _hunk(self, line: str) -> bool:
        """Read a hunk; if it is not as announced, name its header, and look for the next one after it."""
        if self._file is None or self._zone is not Zone.file or not is_hunk(line):
            return False
        try:
            hunk, self._at = read_hunk(self._lines, self._at)
        except NotUnderstood as error:
            self._file.unread.add(self._at + 1, str(error))
            return self._take()
        self._file.hunks.append(hunk)
        return self._take(0)

    def _command(self, line: str) -> bool:
        """Read the command that a program writes before each file, and the details after it."""
        if line.startswith("diff --git "):
            file = self._begin(of_git=True)
            file.old, file.new = git_names(line.removeprefix("diff --git ")) or (None, None)
        elif line.startswith(("diff --cc ", "diff --combined ")):
            file = self._begin(of_git=True)
            file.old = file.new = unquote(line.split(" ", 2)[2])
            file.is_exact = True
        elif line.startswith("Index: "):
            file = self._begin()
            file.old = file.new = line.removeprefix("Index: ").removesuffix(" (deleted)")
            file.is_deleted = line.endswith(" (deleted)")
        elif re.match(r"diff -\S", line):
            file = self._begin()
            file.new = (
                unquote(line[line.rfind(' "') + 1 :]) if line.endswith('"') else line.rpartition(" ")[2]
            )
        else:
            return False
        self._take()
        self._details(file)
        return True

    def _details(self, file: FileDiff) -> None:
        # git says what becomes of a file, if only its mode; a header that says nothing was cut off.
        file.expects_hunks = file.of_git and not _DETAIL.fullmatch(self._following(0))
        while match := _DETAIL.fullmatch(self._following(0)):
            kind, value = match.groups()
            if kind == "index":
                file.take_index(value)
            elif kind.endswith("mode"):
                file.is_new |= kind == "new file mode"
                file.is_deleted |= kind == "deleted file mode"
                file.modes.append(value[-6:])
            elif kind in ("rename to", "copy to"):
                file.new, file.is_exact = unquote(value), True
            self._take()

    def _names(self, line: str) -> bool:
        """Read the lines with the names of a file; they begin a file where no command did."""
        if not line.startswith("--- "):
            return False
        new, after, file = self._following(1), self._following(2), self._fresh()
        if file and file.of_git and not file.has_names and new.startswith("--- "):
            return self._take()  # one for each parent of a merge
        if not new.startswith("+++ ") or not (is_hunk(after) or (file and not file.has_names)):
            return False
        if file is None or file.has_names:
            file = self._begin()
        file.take_names(name_after("--- ", line), name_after("+++ ", new))
        return self._take(2)

    def _fresh(self) -> FileDiff | None:
        """Return the file whose header this is; None beyond its header."""
        file = self._file if self._zone is Zone.file else None
        return file if file and not (file.hunks or file.unread.items or file.is_binary) else None

    def _without_hunks(self, line: str) -> bool:
        """Read what stands for the change of a file that a diff does not show."""
        if self._zone is Zone.message or len(line) > _LONGEST:
            return False
        return self._binary(line) or self._told(line) or self._submodule(line)

    def _binary(self, line: str) -> bool:
        file = self._fresh()
        if match := _BINARY.match(line):
            old, new = names_around(match[1]) if match[1] else (match[2], match[2])
            if file is None or file.has_names:
                file = self._begin()
            if not file.of_git:
                file.take_names(old, new)
        elif file is None or line not in _BINARY_LINES:
            return False
        file.is_binary = True
        self._take()
        while _BINARY_START.match(self._following(0)):
            self._take()
            while _BASE85.match(self._following(0)):
                self._take()
            if not self._following(0):
                self._take()
        return True

    def _told(self, line: str) -> bool:
        """Read what `diff -r` says of files that it does not compare line by line."""
        if match := _DIFFER.match(line):
            old, new = names_around(match[1])
            file = self._begin()
            file.note, file.hides = "the diff says that it differs, and not how", True
        elif match := _ONLY_IN.match(line):
            old = new = f"{unquote(match[1]).rstrip('/')}/{unquote(match[2])}"
            file = self._begin()
            file.note, file.hides, file.is_lone = (
                "the diff says that it is new, and does not show it",
                True,
                True,
            )
        else:
            return False
        file.take_names(old, new)
        return self._take()

    def _submodule(self, line: str) -> bool:
        if not (match := _SUBMODULE.match(line)):
            return False
        if self._following(1).startswith("diff "):  # --submodule=diff: its files follow
            self._zone, self._file = Zone.log, None
            return self._take()
        file = self._begin()
        file.new, file.is_exact, file.note = match[1], True, IN_SUBMODULE
        self._take()
        while self._following(0).startswith(("  > ", "  < ")):
            self._take()
        return True

    def _properties(self, line: str) -> bool:
        """Read changes of properties, as Subversion has them."""
        if not (match := _PROPERTIES.match(line)):
            return False
        file = self._fresh() or self._begin()
        file.new, file.is_exact, file.note = match[1], True, "its properties are not reviewed"
        self._take()
        while self._property():
            pass
        return True

    def _property(self) -> bool:
        line = self._following(0)
        if not is_property_hunk(line):
            return bool(_PROPERTY_LINE.match(line)) and self._take()
        try:
            _, self._at = read_hunk(self._lines, self._at)
        except NotUnderstood:
            return False
        return self._take(0)

    def _opens_zone(self, line: str) -> bool:
        zone = prose.zone_after(line, self._zone)
        if zone is None:
            return False
        self._zone, self._file = zone, None
        return self._take()

    def _known(self, line: str) -> bool:
        return prose.is_known(line, self._zone) and self._take()

    def _not_understood(self, line: str) -> None:
        """Name a line."""
        number = self._at + 1
        if self._file is not None:
            in_excess = self._file.hunks and line.startswith((" ", "+", "-"))
            self._file.unread.add(number, "more lines than the hunk's header says" if in_excess else "")
        elif self._zone is Zone.start and not prose.looks_like_a_change(line):
            self._reading.before.add(number)
        else:
            self._reading.unread.add(number)
        self._take()
