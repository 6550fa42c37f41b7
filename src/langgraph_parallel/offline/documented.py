"""How much of a project is documented: the share of its public things that have a docstring."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice, takewhile
from pathlib import PurePosixPath
from typing import NamedTuple

from langgraph_parallel.offline.file_kinds import is_test_file

THRESHOLD = 0.75
"""Share from which a project documents itself, so that a missing docstring is an exception."""
FEWEST = 10
"""Public things below which a share says nothing."""
_SAMPLE = 2_000_000
"""Characters that are read: of a larger project every second file, every third, and so on."""
_MOST = 20_000
"""Public things that are counted."""
_HEADER = re.compile(r"^([ \t]*)(?:async[ \t]+)?(def|class)[ \t]+(\w+)", re.M)
_MOST_HEADER = 3000
"""Characters in which the header of a definition must end."""
_BEFORE_BODY = re.compile(r"(?:\s|#[^\n]*\n)*")
_DOCSTRING = re.compile(r"[rRuU]?[\"']")
_NOT_ASKED = re.compile(r"@(?:\w+\.)?(?:overload|override)\b|@\w+\.(?:setter|deleter|getter)\b")


class Documented(NamedTuple):
    """Public things of a project, and those with a docstring."""

    documented: int
    public: int

    @property
    def share(self) -> float:
        """The share, from 0 to 1; 1 if there is too little to tell."""
        return self.documented / self.public if self.public >= FEWEST else 1.0


def measure_documented(texts: Mapping[str, str]) -> Documented:
    """Count the public modules, classes, functions and methods of a project, and their docstrings.

    Tests, private names, nested functions and overloads do not count.

    Args:
        texts: the source by path.
    """
    paths = sorted(path for path in texts if not is_test_file(path))
    step = 1 + sum(len(texts[path]) for path in paths) // _SAMPLE
    flags = list(islice((flag for path in paths[::step] for flag in _docstrings(path, texts[path])), _MOST))
    return Documented(sum(flags), len(flags))


def _docstrings(path: str, text: str) -> Iterator[bool]:
    """Iterate over the public things of a module: whether each has a docstring."""
    if not text.strip():
        return
    if not PurePosixPath(path).name.startswith("_"):
        yield _begins_with_docstring(text, 0)
    outer: list[tuple[int, bool]] = []  # indentation of the definitions around, and whether they are public
    for match in _HEADER.finditer(text):
        indent, kind, name = len(match[1].expandtabs(8)), match[2], match[3]
        while outer and outer[-1][0] >= indent:
            outer.pop()
        is_public = not name.startswith("_") and all(public for _, public in outer)
        outer.append((indent, is_public and kind == "class"))
        if is_public and not _NOT_ASKED.search(_decorators(text, match.start())):
            body = _end_of_header(text, match.end())
            yield body is not None and _begins_with_docstring(text, body)


def _decorators(text: str, start: int) -> str:
    """Return the lines before a definition that are its decorators."""
    before = text[max(0, start - 300) : start].rstrip("\n").split("\n")
    decorators = takewhile(lambda line: line.lstrip().startswith("@"), reversed(before))
    return "\n".join(decorators)


def _end_of_header(text: str, start: int) -> int | None:
    """Return the position after the colon that ends the header of a definition."""
    depth = 0
    for position in range(start, min(len(text), start + _MOST_HEADER)):
        char = text[position]
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == ":" and depth <= 0:
            return position + 1
        elif char == "\n" and depth <= 0:
            break
    return None


def _begins_with_docstring(text: str, start: int) -> bool:
    body = _BEFORE_BODY.match(text, start)
    return bool(_DOCSTRING.match(text, body.end() if body else start))
