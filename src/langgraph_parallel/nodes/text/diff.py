"""Unified diffs: which lines of which files are new."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from langgraph_parallel.errors import InputError
from langgraph_parallel.records import Lines, Part, Skipped


@dataclass
class Change:
    """One file of a diff, as it is after the change."""

    path: str
    hunks: list[dict[int, str]] = field(default_factory=list)
    """Lines that the diff shows, by number, for each hunk."""
    added: list[int] = field(default_factory=list)
    """Numbers of the lines that are new."""

    def lies_in(self, text: str) -> bool:
        """Whether a text is the file after the change, as far as the diff shows it."""
        lines = text.removesuffix("\n").split("\n") if text else []
        return all(
            number <= len(lines) and lines[number - 1].rstrip("\r") == line
            for hunk in self.hunks
            for number, line in hunk.items()
        )

    def parts(self, text: str | None) -> list[Part]:
        """What there is to review: the file, if it is at hand, else what the hunks show of it."""
        changed = ranges(self.added)
        if text is not None and self.lies_in(text):
            return [Part(path=self.path, text=text, changed=changed)]
        return [
            Part(
                path=self.path,
                first=min(hunk),
                text="\n".join(line for _, line in sorted(hunk.items())) + "\n",
                whole=False,
                changed=changed,
            )
            for hunk in self.hunks
            if hunk.keys() & set(self.added)
        ]


def read_diff(text: str) -> tuple[list[Change], list[Skipped]]:
    """Read a unified diff.

    Returns:
        Files with new lines, in the diff's order, and files that have none, with the reason. Deleting
        lines changes a file too, but leaves no line on which a finding could stand.

    Raises:
        InputError: it is no unified diff.
    """
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    try:
        patch = PatchSet(text)
    except UnidiffParseError as error:
        raise InputError(f"this is no unified diff: {error}") from error
    if not patch and text.strip():
        raise InputError("this is no unified diff: there is no file in it")
    changes, skipped = [], []
    for file in patch:
        change = Change(plain_path(file.path))
        for hunk in file:
            shown = {line.target_line_no: line.value.rstrip("\r\n") for line in hunk if line.target_line_no}
            if shown:
                change.hunks.append(shown)
            change.added += [line.target_line_no or 0 for line in hunk if line.is_added]
        if change.added:
            changes.append(change)
        else:
            reason = (
                "deleted" if file.is_removed_file else "binary" if file.is_binary_file else "no line is new"
            )
            skipped.append(Skipped(path=change.path, reason=reason))
    return changes, skipped


def plain_path(path: str) -> str:
    """A path without git's quotes and octal escapes, and without the end of its line."""
    path = path.rstrip("\r")
    if len(path) > 1 and path.startswith('"') and path.endswith('"'):
        octets = path[1:-1].encode().decode("unicode_escape").encode("latin-1", errors="replace")
        path = octets.decode(errors="replace")
        path = path[2:] if path.startswith(("a/", "b/")) else path
    return path


def parts_under_review(files: Mapping[str, str], diff: str | None) -> tuple[list[Part], list[Skipped]]:
    """Settle what is under review: whole files, or the changes that a diff makes.

    Raises:
        InputError: the diff is none.
    """
    files = {readable(path): readable(text) for path, text in files.items()}
    if diff is None:
        return [Part(path=path, text=files[path]) for path in sorted(files)], []
    changes, skipped = read_diff(readable(diff))
    ordered = sorted(changes, key=lambda change: change.path)
    return [part for change in ordered for part in change.parts(files.get(change.path))], skipped


def readable(text: str) -> str:
    """A text without what UTF-8 has no form for: lone surrogates, as undecodable file names have them."""
    return text.encode(errors="replace").decode()


def ranges(numbers: Iterable[int]) -> list[Lines]:
    """Put line numbers together where they follow one another.

    >>> [str(lines) for lines in ranges([3, 1, 2, 7])]
    ['1-3', '7']
    """
    found: list[Lines] = []
    for number in sorted(set(numbers)):
        if found and found[-1].last == number - 1:
            found[-1] = Lines(first=found[-1].first, last=number)
        else:
            found.append(Lines(first=number, last=number))
    return found
