"""Cut a text into pieces under a token ceiling, without losing any of it."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.tokens import CountTokens, estimate_tokens


class Piece(NamedTuple):
    """Consecutive lines of a text."""

    first: int
    """The number of its first line, from 1."""
    text: str


def split_lines(text: str) -> list[str]:
    r"""Lines with their ends, as editors and compilers count them: at `\n` only.

    `str.splitlines` also breaks at form feeds and Unicode separators, which would shift line numbers.
    """
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def check_ceiling(max_tokens: int, overlap: int = 0) -> None:
    """Make sure that pieces can be cut at all.

    Raises:
        UsageError: the ceiling is not positive, or the overlap takes half of it or more.
    """
    if max_tokens < 1:
        raise UsageError(f"max_tokens is {max_tokens}; it must be at least 1")
    if not 0 <= overlap <= max_tokens // 2:
        raise UsageError(f"overlap is {overlap}; it must be from 0 to half of max_tokens ({max_tokens})")


def cut(
    text: str,
    max_tokens: int,
    *,
    overlap: int = 0,
    count: CountTokens = estimate_tokens,
    good_break: Callable[[Sequence[str], int], bool] | None = None,
) -> list[Piece]:
    r"""Cut a text at line ends into pieces of at most `max_tokens`.

    Without overlap the pieces joined are the text, to the character. A line that is longer than the
    ceiling by itself is cut within, down to single characters. `overlap` repeats that many tokens of whole
    lines, at the most, at the start of the next piece.

    Args:
        text: any text; an empty one gives no pieces.
        max_tokens: ceiling for each piece.
        overlap: tokens of the piece before that are shown again.
        count: tokens of a text; it must not count more for two texts joined than for both apart.
        good_break: whether a piece should rather begin at this line; by default after a blank line,
            where the text is not indented.

    >>> [piece.first for piece in cut("a\n" * 6, max_tokens=2)]
    [1, 3, 5]
    """
    check_ceiling(max_tokens, overlap)
    atoms = list(_atoms(text, max_tokens, count))
    lines, sizes = [atom.text for atom in atoms], [count(atom.text) for atom in atoms]
    prefer = good_break or _after_blank
    pieces = []
    start = end = 0
    while end < len(atoms):
        covered = end
        end = _fill(sizes, start, max_tokens)
        if end <= covered:  # what is repeated leaves no room for anything new
            start = covered
            end = max(_fill(sizes, start, max_tokens), start + 1)
        if end < len(atoms):
            least = max(covered + 1, start + (end - start) // 2)
            end = next((i for i in range(end, least - 1, -1) if prefer(lines, i)), end)
        pieces.append(Piece(atoms[start].first, "".join(lines[start:end])))
        start = _step_back(sizes, start, end, overlap)
    return pieces


def _fill(sizes: Sequence[int], start: int, max_tokens: int) -> int:
    """Where a piece that begins at `start` has to end."""
    end, held = start, 0
    while end < len(sizes) and held + sizes[end] <= max_tokens:
        held += sizes[end]
        end += 1
    return end


def _after_blank(lines: Sequence[str], i: int) -> bool:
    return not lines[i - 1].strip() and bool(lines[i].strip()) and not lines[i][0].isspace()


def _step_back(sizes: Sequence[int], start: int, end: int, overlap: int) -> int:
    """Where the next piece starts: as many whole lines before `end` as the overlap holds."""
    back, shown = end, 0
    while overlap and back - 1 > start and shown + sizes[back - 1] <= overlap:
        back -= 1
        shown += sizes[back]
    return back


def _atoms(text: str, max_tokens: int, count: CountTokens) -> Iterator[Piece]:
    """Lines, and parts of lines that are too long."""
    for number, line in enumerate(split_lines(text), 1):
        for part in _halves(line, max_tokens, count):
            yield Piece(number, part)


def _halves(line: str, max_tokens: int, count: CountTokens) -> Iterator[str]:
    if len(line) < 2 or count(line) <= max_tokens:
        yield line
        return
    middle = len(line) // 2
    yield from _halves(line[:middle], max_tokens, count)
    yield from _halves(line[middle:], max_tokens, count)
