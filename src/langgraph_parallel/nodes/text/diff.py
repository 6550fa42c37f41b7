"""Diffs: the files that they change, and the lines that they add."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.text.diffs.account import FileDiff, Place
from langgraph_parallel.nodes.text.diffs.hunks import NOT_UTF8
from langgraph_parallel.nodes.text.diffs.names import root_of
from langgraph_parallel.nodes.text.diffs.prose import likely_format
from langgraph_parallel.nodes.text.diffs.reader import IN_SUBMODULE, Reading, read
from langgraph_parallel.records import Lines, Part, Skipped
from langgraph_parallel.records.review import DIFF
from langgraph_parallel.reducers.findings.source_code import is_code

NOT_UTF8_TEXT = "not UTF-8 text"
_POINTER = re.compile(r"version https://git-lfs\.github\.com/|oid sha256:|size [0-9]|ext-[0-9]-")
_WAY_OUT = "pass the output of `git diff` or `diff -u`"

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_DECLARED = re.compile(r"(?<=coding[:=])[ \t]*[-\w.]+")
"""The encoding that a Python file declares (PEP 263)."""


@dataclass
class Change:
    """One file of a diff, in its state after the change."""

    path: str
    """The path that its names most likely stand for."""
    hunks: list[dict[int, str]] = field(default_factory=list)
    """The lines of each hunk, by number."""
    added: list[int] = field(default_factory=list)
    """Numbers of the new lines."""
    paths: list[str] = field(default_factory=list)
    """All paths that its names may stand for, the most likely one first."""

    def lies_in(self, text: str) -> bool:
        """Return whether a text has all lines of the hunks, each at its number."""
        return self.fits(lines_of(text))

    def fits(self, lines: Sequence[str]) -> bool:
        """Return whether a file with these lines has all lines of the hunks, each at its number."""
        return all(
            number <= len(lines) and _is_alike(lines[number - 1].rstrip("\r"), line)
            for hunk in self.hunks
            for number, line in hunk.items()
        )

    def fragments(self, path: str) -> list[Part]:
        """Return the hunks with new lines, as parts of a file."""
        added, changed = set(self.added), ranges(self.added)
        return [
            Part(
                path=path,
                first=min(hunk),
                text="\n".join(line for _, line in sorted(hunk.items())) + "\n",
                whole=False,
                changed=changed,
            )
            for hunk in self.hunks
            if hunk.keys() & added
        ]


def lines_of(text: str) -> list[str]:
    """Return the lines of a file, which only line feeds end."""
    return text.removesuffix("\n").split("\n") if text else []


def read_diff(text: str) -> tuple[list[Change], list[Skipped]]:
    """Read a diff in the unified format, as programs and settings make it; merges have several columns.

    Returns:
        The files with new lines, in the order of the diff; and what is not reviewed, each with the reason:
        files without new lines, and lines that are not understood (`uncovered`). A deletion changes a file
        too, but leaves no line on which a finding could stand.

    Raises:
        InputError: nothing in the text is understood as a change of a file.
    """
    reading = read(text)
    _check(reading)
    changes, skipped = [], list(_outside(reading))
    _find_deleted(reading.files)
    for file in reading.files:
        change = _change(file)
        skipped += _unread(file, change)
        if reason := _why_not(file, change):
            skipped.append(reason)
        elif change.added:
            changes.append(change)
    return changes, skipped


def _check(reading: Reading) -> None:
    if any(file.hunks or (file.paths and not file.unread.items) for file in reading.files):
        return
    text = "\n".join(reading.lines)
    if not text.strip():
        return
    places = [place for file in reading.files for place in file.unread.items] or reading.unread.items
    why = str(places[0]) if places else "it names no file"
    if not reading.files and not places:
        why = "it names no file"
    if name := likely_format(text[:50_000]):
        why += f"; it looks like {name}"
    raise InputError(f"diff is not a unified diff: {why}; {_WAY_OUT}")


def _find_deleted(files: Sequence[FileDiff]) -> None:
    """Mark what is only in the folder before the change, as the names of the other files tell it."""
    named = [(file.old, file.new) for file in files if not (file.of_git or file.is_lone)]
    roots = {root_of(old, new) for old, new in named if old and new} - {None, ""}
    for file in files:
        if file.is_lone and not roots.isdisjoint(accumulate(re.findall("[^/]*/", file.new or ""))):
            file.is_deleted = True


def _outside(reading: Reading) -> Iterator[Skipped]:
    """Iterate over the lines that belong to no file."""
    for place in reading.before.items:
        yield Skipped(path=DIFF, lines=_lines(place), reason="text before the first file, as of a message")
    for place in reading.unread.items:
        yield Skipped(path=DIFF, lines=_lines(place), reason="not understood", uncovered=True)


def _lines(place: Place) -> Lines:
    return Lines(first=place.first, last=place.last)


def _change(file: FileDiff) -> Change:
    change = Change((file.paths or [DIFF])[0], paths=file.paths)
    for hunk in file.hunks:
        if hunk.lines:
            change.hunks.append(hunk.lines)
        change.added += hunk.added
    return change


def _unread(file: FileDiff, change: Change) -> Iterator[Skipped]:
    """Iterate over what of a file could not be read."""
    for place in file.unread.items:
        yield Skipped(path=change.path, reason=str(place), uncovered=True)
    if file.hunks and not file.paths:
        why = "the diff does not name the file"
        yield Skipped(path=DIFF, lines=Lines(first=file.first, last=file.last), reason=why, uncovered=True)
    odd = [n for hunk in file.hunks for n in hunk.added if NOT_UTF8.search(hunk.lines[n])]
    if odd:
        lines = Lines(first=min(odd), last=max(odd))
        yield Skipped(path=change.path, lines=lines, reason=NOT_UTF8_TEXT, uncovered=True)


def _why_not(file: FileDiff, change: Change) -> Skipped | None:
    """Return why a file is not reviewed; None if it is, or if what could not be read says so already."""
    new = [hunk.lines[number] for hunk in file.hunks for number in hunk.added]
    reason, uncovered = None, False
    if new and all(line.startswith("Subproject commit ") for line in new):
        reason = IN_SUBMODULE
    elif new and file.is_link and len(new) == 1:
        reason = "symbolic link"
    elif new and all(map(_POINTER.match, new)):
        reason, uncovered = "Git LFS pointer: its content is not in the diff", is_code(change.path)
    elif not new and not file.unread.items:
        reason, uncovered = _without_new_lines(file, change.path)
    return Skipped(path=change.path, reason=reason, uncovered=uncovered) if reason else None


def _without_new_lines(file: FileDiff, path: str) -> tuple[str, bool]:
    """Return why a file has no new line, and whether there is something to read all the same."""
    if file.is_deleted:
        return "deleted", False
    if file.is_binary:
        return "binary", is_code(path)
    if file.note:
        return file.note, file.hides
    if file.expects_hunks and not file.hunks:
        return "its change is missing in the diff", True
    return "no line is new", False


def without(diff: str, is_left_out: Callable[[Sequence[str]], bool]) -> tuple[str, list[str]]:
    """Take files out of a diff; the other lines keep their numbers.

    Args:
        diff: that `read_diff` understands.
        is_left_out: whether to take out a file, by the paths that its names may stand for.

    Returns:
        The rest of the diff, in plain text, and the most likely paths of the files that are no longer in it.
    """
    reading = read(diff)
    left_out = [file for file in reading.files if file.paths and is_left_out(file.paths)]
    for file in left_out:
        reading.lines[file.first - 1 : file.last] = [""] * (file.last - file.first + 1)
    return "\n".join([*reading.lines, ""]), [file.paths[0] for file in left_out]


def _is_alike(line: str, shown: str) -> bool:
    """Return whether a line of a file is that of a diff, which may have U+FFFD for what is not UTF-8.

    The file is decoded, and so declares to be UTF-8.
    """
    if line == shown:
        return True
    if "\ufffd" in shown or NOT_UTF8.search(shown):
        return _NOT_ASCII.sub("\ufffd", line) == _NOT_ASCII.sub("\ufffd", shown)
    return _DECLARED.sub("", line) == _DECLARED.sub("", shown)


def parts_under_review(files: Mapping[str, str], diff: str | None) -> tuple[list[Part], list[Skipped]]:
    """Return what to review, by path: the whole files, or what a diff changes; and the skipped files.

    Args:
        files: text by path; with a diff, only its files are reviewed.
        diff: a unified diff; None to review all files.

    Raises:
        InputError: `diff` is not a unified diff.
    """
    files = {readable(path): readable(text) for path, text in files.items()}
    if diff is None:
        return [Part(path=path, text=files[path]) for path in sorted(files)], []
    changes, skipped = read_diff(readable(diff))
    texts = Texts(files.get)
    located: dict[str, list[tuple[Change, bool]]] = defaultdict(list)
    for change in changes:
        path, fits = texts.locate(change)
        located[readable(path)].append((change, fits))
    parts: list[Part] = []
    for path, found in sorted(located.items()):
        fitting = [change.added for change, fits in found if fits]
        if fitting:
            changed = ranges(number for added in fitting for number in added)
            parts.append(Part(path=path, text=files[path], changed=changed))
        parts += [part for change, fits in found if not fits for part in change.fragments(path)]
    return parts, skipped


class Texts:
    """The texts of files, each looked up and split once.

    Args:
        text_of: returns the text of a file; None if there is none.
    """

    def __init__(self, text_of: Callable[[str], str | None]) -> None:
        self._text_of = text_of
        self._known: dict[str, tuple[str, list[str]] | None] = {}

    def locate(self, change: Change) -> tuple[str, bool]:
        """Return the path of a change, and whether the file there has its lines."""
        for path in change.paths:
            lines = self._lines(path)
            if lines is not None and change.fits(lines):
                return path, True
        return change.path, False

    def text(self, path: str) -> str | None:
        """Return the text of a file; None if there is none."""
        if path not in self._known:
            text = self._text_of(path)
            self._known[path] = None if text is None else (text, lines_of(text))
        known = self._known[path]
        return known[0] if known else None

    def _lines(self, path: str) -> list[str] | None:
        self.text(path)
        known = self._known[path]
        return known[1] if known else None


def readable(text: str) -> str:
    """Replace what UTF-8 cannot encode: lone surrogates, which undecodable file names contain."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text  # itself: a review holds all of its code, and need not hold it twice


def ranges(numbers: Iterable[int]) -> list[Lines]:
    """Return sorted line numbers as ranges of consecutive lines.

    >>> [str(lines) for lines in ranges([3, 1, 2, 7])]
    ['1-3', '7']
    """
    merged: list[Lines] = []
    for number in sorted(set(numbers)):
        if merged and merged[-1].last == number - 1:
            merged[-1] = Lines(first=merged[-1].first, last=number)
        else:
            merged.append(Lines(first=number, last=number))
    return merged
