"""Location of the code that a model quotes.

Models quote reliably and count badly: the quote decides, and the line number only chooses between several
matches.
"""

import re
from collections.abc import Sequence

from langgraph_parallel.records import Lines

_GUTTER = re.compile(r"^\s*(?:L(?:ine)?\s*)?\d+\s*\+?\s*[|:]\s?|^\s*[+>]\s(?=\S|\s)")
"""The number and the bar that a line of code is shown with, or a mark of a diff."""
_MARKS = "`'\"\u201c\u201d*"
_PATH_MARKS = re.compile(r"^(?:=+\s*|(?:file|path):\s*|\./)+|\s*=+$", re.IGNORECASE)
_LINE_AFTER_PATH = re.compile(r"(?::\d+){1,2}(?:-\d+)?$|#L\d+.*$")
_MIN_PART = 4
"""Minimum characters of a quote that may match part of a line; a shorter one (`}`) must match all of it."""


def anchor(quote: str, near: int, lines: Sequence[str], *, first: int = 1) -> Lines | None:
    """Locate `quote` in `lines`, as close to line `near` as possible.

    Args:
        quote: one or more lines of code; white space is ignored.
        near: line number stated by the model.
        lines: the text shown to the model.
        first: line number of the first of `lines`.

    Returns:
        The quoted lines; None if the quote is empty or not in the text.

    >>> anchor("b  = 2", 9, ["a = 1", "b = 2", "c = 3"], first=10)
    Lines(first=11, last=11)
    """
    quoted = [text for line in quote.splitlines() if (text := _squeeze(line))]
    if not quoted:
        return None
    numbered = [(number, text) for number, line in enumerate(lines, first) if (text := _squeeze(line))]
    matches = [
        Lines(first=numbered[start][0], last=numbered[start + len(quoted) - 1][0])
        for start in range(len(numbered) - len(quoted) + 1)
        if all(_matches(text, numbered[start + i][1]) for i, text in enumerate(quoted))
    ]
    return min(matches, key=lambda place: (abs(place.first - near), place.first), default=None)


def find_quote(quote: str, near: int, lines: Sequence[str], *, first: int = 1) -> Lines | None:
    """Locate a quote as `anchor`, also one with what a model puts around it.

    That is the numbers and bars with which the code is shown, marks of a diff, backticks and quotation marks.

    >>> find_quote("`   2 | b = 2`", 1, ["a = 1", "b = 2"])
    Lines(first=2, last=2)
    """
    for text in (
        quote,
        _without_gutter(quote),
        _without_marks(quote),
        _without_gutter(_without_marks(quote)),
    ):
        if place := anchor(text, near, lines, first=first):
            return place
    return None


def match_path(path: str, known: Sequence[str]) -> str:
    """Return the known path that a model means; the path as it is if it means none, or several.

    >>> match_path("./src/a.py:12", ["src/a.py", "src/b.py"]), match_path("`b.py`", ["x/b.py", "y/b.py"])
    ('src/a.py', '`b.py`')
    """
    if path in known:
        return path
    bare = _PATH_MARKS.sub("", path.strip().strip(_MARKS)).replace("\\", "/")
    for meant in (bare, re.sub(r"^[ab]/", "", bare), _LINE_AFTER_PATH.sub("", bare)):
        alike = [name for name in known if name.replace("\\", "/") == meant]
        ending = [name for name in known if name.replace("\\", "/").endswith(f"/{meant}")]
        starting = [name for name in known if meant.endswith(f"/{name}")]
        for names in (alike, ending, starting):
            if len(names) == 1:
                return names[0]
    return path


def _without_gutter(quote: str) -> str:
    return "\n".join(_GUTTER.sub("", line) for line in quote.splitlines())


def _without_marks(quote: str) -> str:
    lines = [line for line in quote.strip().splitlines() if not line.strip().startswith("```")]
    return "\n".join(lines).strip().strip(_MARKS)


def _squeeze(line: str) -> str:
    return "".join(line.split())


def _matches(quoted: str, line: str) -> bool:
    return quoted == line or (len(quoted) >= _MIN_PART and quoted in line)
