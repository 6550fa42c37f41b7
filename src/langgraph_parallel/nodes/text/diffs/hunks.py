"""Hunks: the lines of a file around its changes, by number; also those of a merge, with several columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_PLAIN = re.compile(r"@@ -([0-9]{1,9})(?:,([0-9]{1,9}))? \+([0-9]{1,9})(?:,([0-9]{1,9}))? @@")
_COMBINED = re.compile(r"(@{3,32})((?: -[0-9]{1,9}(?:,[0-9]{1,9})?)+) \+([0-9]{1,9})(?:,([0-9]{1,9}))? \1")
_PROPERTY = re.compile(r"## -([0-9]{1,9})(?:,([0-9]{1,9}))? \+([0-9]{1,9})(?:,([0-9]{1,9}))? ##")
_PARENT = re.compile(r"-[0-9]+(?:,([0-9]+))?")
_MARKS = frozenset(" +-")
NOT_UTF8 = re.compile("[\udc80-\udcff]")
"""What stands for a byte that is not UTF-8."""


class NotUnderstood(Exception):
    """A hunk is not as its header says."""


@dataclass
class Hunk:
    """The lines of a hunk after the change."""

    lines: dict[int, str] = field(default_factory=dict)
    """By number, without line ends."""
    added: list[int] = field(default_factory=list)
    """Numbers of the new ones."""


@dataclass
class _Header:
    first: int
    new: int
    """Number of lines after the change that are still to come."""
    old: list[int]
    """The same before the change, for each parent."""

    @property
    def is_met(self) -> bool:
        return not self.new and not any(self.old)


def is_hunk(line: str) -> bool:
    """Return whether a line starts like the header of a hunk."""
    return line.startswith("@@ -") or bool(_COMBINED.match(line))


def is_property_hunk(line: str) -> bool:
    """Return whether a line is the header of a change of a property, as Subversion writes it."""
    return bool(_PROPERTY.match(line))


def read_hunk(lines: Sequence[str], at: int) -> tuple[Hunk, int]:
    """Read a hunk.

    Args:
        lines: of the diff.
        at: index of the hunk's header.

    Returns:
        The hunk, and the index after its last line.

    Raises:
        NotUnderstood: the lines are not those that the header announces. The message says why.
    """
    header = _read_header(lines[at])
    hunk, number, changes = Hunk(), header.first, 0
    at += 1
    while not header.is_met:
        if at == len(lines):
            raise NotUnderstood("the diff ends within the hunk")
        line = lines[at]
        at += 1
        if line.startswith("\\"):
            continue
        marks, text = _split(line, len(header.old))
        if "-" not in marks:
            if "+" in marks:
                hunk.added.append(number)
            hunk.lines[number] = text.rstrip("\r")
            number += 1
        changes += marks.strip() != ""
        _count_off(header, marks)
    if not changes:
        raise NotUnderstood("no line of the hunk is marked as changed, as in a diff by words")
    while at < len(lines) and lines[at].startswith("\\"):
        at += 1
    return hunk, at


def _read_header(line: str) -> _Header:
    if match := _PLAIN.match(line) or _PROPERTY.match(line):
        _, old, first, new = match.groups()
        header = _Header(int(first), int(new or 1), [int(old or 1)])
    elif match := _COMBINED.match(line):
        at_signs, parents, first, new = match.groups()
        header = _Header(int(first), int(new or 1), [int(old or 1) for old in _PARENT.findall(parents)])
        if len(header.old) != len(at_signs) - 1:
            raise NotUnderstood("the header of the hunk names another number of parents than it has signs")
    else:
        raise NotUnderstood("the header of the hunk has no valid numbers")
    if header.new and not header.first:
        raise NotUnderstood("the hunk has lines, but starts at line 0")
    return header


def _split(line: str, parents: int) -> tuple[str, str]:
    """Return the marks of a line, and its text. An editor may have cut off the marks of an empty line."""
    marks = line[:parents]
    if not line.strip("\r"):
        return " " * parents, ""
    if not _MARKS.issuperset(marks):
        raise NotUnderstood("a line of the hunk has no mark")
    return marks.ljust(parents), line[parents:]


def _count_off(header: _Header, marks: str) -> None:
    """Count a line off those that the header announces."""
    removed = "-" in marks
    header.new -= not removed
    for parent, mark in enumerate(marks):
        header.old[parent] -= mark == ("-" if removed else " ")
    if header.new < 0 or min(header.old) < 0:
        raise NotUnderstood("the hunk has other lines than its header says")
