"""Unified diffs: the files that they change, and the lines that they add."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph_parallel.errors import InputError
from langgraph_parallel.records import Lines, Part, Skipped

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_DECLARED = re.compile(r"(?<=coding[:=])[ \t]*[-\w.]+")
"""The encoding that a Python file declares (PEP 263)."""


@dataclass
class Change:
    """One file of a diff, in its state after the change."""

    path: str
    hunks: list[dict[int, str]] = field(default_factory=list)
    """The lines of each hunk, by number."""
    added: list[int] = field(default_factory=list)
    """Numbers of the new lines."""

    def lies_in(self, text: str) -> bool:
        """Return whether a text has all lines of the hunks, each at its number."""
        lines = text.removesuffix("\n").split("\n") if text else []
        return all(
            number <= len(lines) and _is_alike(lines[number - 1].rstrip("\r"), line)
            for hunk in self.hunks
            for number, line in hunk.items()
        )

    def parts(self, text: str | None) -> list[Part]:
        """Return what to review: the whole file if `text` has the hunks, else the hunks with new lines."""
        changed = ranges(self.added)
        if text is not None and self.lies_in(text):
            return [Part(path=self.path, text=text, changed=changed)]
        added = set(self.added)
        return [
            Part(
                path=self.path,
                first=min(hunk),
                text="\n".join(line for _, line in sorted(hunk.items())) + "\n",
                whole=False,
                changed=changed,
            )
            for hunk in self.hunks
            if hunk.keys() & added
        ]


def read_diff(text: str) -> tuple[list[Change], list[Skipped]]:
    """Read a unified diff.

    Returns:
        The files with new lines, in the order of the diff, and the files without, each with the reason. A
        deletion changes a file too, but leaves no line on which a finding could stand.

    Raises:
        InputError: the text is not a unified diff.
    """
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    try:
        patch = PatchSet(text)
    except UnidiffParseError as error:
        raise InputError(f"diff is not a unified diff: {error}; pass the output of `git diff`") from error
    if not patch and text.strip():
        raise InputError("diff is not a unified diff: it names no file; pass the output of `git diff`")
    changes, skipped = [], []
    for file in patch:
        change = _read_change(file)
        if change.added:
            changes.append(change)
        else:
            skipped.append(Skipped(path=change.path, reason=_reason_to_skip(file)))
    return changes, skipped


def _read_change(file: Any) -> Change:
    change = Change(plain_path(file.path))
    for hunk in file:
        lines = {line.target_line_no: line.value.rstrip("\r\n") for line in hunk if line.target_line_no}
        if lines:
            change.hunks.append(lines)
        change.added += [line.target_line_no or 0 for line in hunk if line.is_added]
    return change


def _reason_to_skip(file: Any) -> str:
    if file.is_removed_file:
        return "deleted"
    return "binary" if file.is_binary_file else "no line is new"


def _is_alike(line: str, shown: str) -> bool:
    """Return whether a line of a file is that of a diff, which has U+FFFD for what is not UTF-8.

    The file is decoded, and so declares to be UTF-8.
    """
    if line == shown:
        return True
    if "\ufffd" in shown:
        return _NOT_ASCII.sub("\ufffd", line) == _NOT_ASCII.sub("\ufffd", shown)
    return _DECLARED.sub("", line) == _DECLARED.sub("", shown)


def plain_path(path: str) -> str:
    """Return a path without git's quotes and octal escapes, and without a trailing carriage return."""
    path = path.rstrip("\r")
    if len(path) > 1 and path.startswith('"') and path.endswith('"'):
        octets = path[1:-1].encode().decode("unicode_escape").encode("latin-1", errors="replace")
        path = octets.decode(errors="replace")
        path = path[2:] if path.startswith(("a/", "b/")) else path
    return path


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
    ordered = sorted(changes, key=lambda change: change.path)
    return [part for change in ordered for part in change.parts(files.get(change.path))], skipped


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
