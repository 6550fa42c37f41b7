"""Cut a text into pieces under a token ceiling, without losing any of it."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from langgraph_parallel.arguments import at_least
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.tokens import CountTokens, estimate_tokens


class Piece(NamedTuple):
    """Consecutive lines of a text."""

    first: int
    """Number of the first line, from 1."""
    text: str


class NumberedPiece(NamedTuple):
    """A piece of a text, with its position among all pieces and in the text."""

    number: int
    """From 1."""
    total: int
    """Number of all pieces."""
    first: int
    """Number of the first line, from 1."""
    offset: int
    """Index of the first character in the text."""
    text: str

    def title(self, name: str) -> str:
        """Return the name of the text, numbered if it has several pieces."""
        return number_title(name, self.number, self.total)


def number_title(name: str, number: int, total: int) -> str:
    """Return the title of one of several parts: `name (2/3)`; the name itself for a single part."""
    return f"{name} ({number}/{total})" if total > 1 else name


def split_lines(text: str) -> list[str]:
    r"""Return the lines with their ends, as editors and compilers count them: they end at `\n` only.

    `str.splitlines` also breaks at form feeds and Unicode separators, which would shift line numbers.
    """
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def check_ceiling(max_tokens: int, overlap: int = 0) -> None:
    """Check that a text can be cut with these settings.

    Raises:
        UsageError: `max_tokens` is less than 1, or `overlap` is not from 0 to half of it.
    """
    at_least(max_tokens, "max_tokens")
    if not 0 <= overlap <= max_tokens // 2:
        raise UsageError(f"overlap is {overlap}; expected 0 to {max_tokens // 2}, half of max_tokens")


def cut_numbered(text: str, max_tokens: int) -> list[NumberedPiece]:
    """Cut a text as `cut` does without overlap, and number its pieces."""
    pieces = cut(text, max_tokens)
    numbered, offset = [], 0
    for number, piece in enumerate(pieces, 1):
        numbered.append(NumberedPiece(number, len(pieces), piece.first, offset, piece.text))
        offset += len(piece.text)
    return numbered


def cut(
    text: str,
    max_tokens: int,
    *,
    overlap: int = 0,
    count: CountTokens = estimate_tokens,
    good_break: Callable[[Sequence[str], int], bool] | None = None,
) -> list[Piece]:
    r"""Cut a text at line ends into pieces of at most `max_tokens`.

    Without overlap, the joined pieces equal the text, to the character. A line longer than the ceiling is cut
    within, down to single characters. With overlap, a piece starts with whole lines of the previous one.

    Args:
        text: any text; an empty one has no pieces.
        max_tokens: maximum tokens of a piece, at least 1.
        overlap: maximum tokens that a piece repeats, 0 to half of `max_tokens`.
        count: counts the tokens of a text; it must not count more for two joined texts than for both apart.
        good_break: whether a piece should preferably start at a line, given all lines and its index; by
            default at lines that are not indented and follow a blank line.

    >>> [piece.first for piece in cut("a\n" * 6, max_tokens=2)]
    [1, 3, 5]
    """
    check_ceiling(max_tokens, overlap)
    atoms = list(_atoms(text, max_tokens, count))
    lines, sizes = [atom.text for atom in atoms], [count(atom.text) for atom in atoms]
    prefer = good_break or _follows_blank
    pieces = []
    start = end = 0
    while end < len(atoms):
        covered = end
        end = _fill(sizes, start, max_tokens)
        if end <= covered:  # the repeated lines leave no room for a new one, so they give way
            start = covered
            end = max(_fill(sizes, start, max_tokens), start + 1)
        if end < len(atoms):
            earliest = max(covered + 1, start + (end - start) // 2)
            end = next((i for i in range(end, earliest - 1, -1) if prefer(lines, i)), end)
        pieces.append(Piece(atoms[start].first, "".join(lines[start:end])))
        start = _step_back(sizes, start, end, overlap)
    return pieces


def _fill(sizes: Sequence[int], start: int, max_tokens: int) -> int:
    """Return the end of the longest piece from `start` under the ceiling."""
    end, tokens = start, 0
    while end < len(sizes) and tokens + sizes[end] <= max_tokens:
        tokens += sizes[end]
        end += 1
    return end


def _follows_blank(lines: Sequence[str], i: int) -> bool:
    return not lines[i - 1].strip() and bool(lines[i].strip()) and not lines[i][0].isspace()


def _step_back(sizes: Sequence[int], start: int, end: int, overlap: int) -> int:
    """Return the start of the next piece: as many whole lines before `end` as the overlap allows."""
    back, tokens = end, 0
    while overlap and back - 1 > start and tokens + sizes[back - 1] <= overlap:
        back -= 1
        tokens += sizes[back]
    return back


def _atoms(text: str, max_tokens: int, count: CountTokens) -> Iterator[Piece]:
    """Yield the lines, and the parts of lines above the ceiling."""
    for number, line in enumerate(split_lines(text), 1):
        for part in _halve(line, max_tokens, count):
            yield Piece(number, part)


def _halve(line: str, max_tokens: int, count: CountTokens) -> Iterator[str]:
    """Yield a line in parts under the ceiling, halving it as often as needed."""
    if len(line) < 2 or count(line) <= max_tokens:
        yield line
        return
    middle = len(line) // 2
    yield from _halve(line[:middle], max_tokens, count)
    yield from _halve(line[middle:], max_tokens, count)
