"""Find the lines that a model means by the code that it quotes.

Models quote well and count badly: the quote decides, and the line number only chooses among several
places that fit.
"""

from collections.abc import Sequence

from langgraph_parallel.records import Lines

_LEAST = 4  # shorter quotes ("}", "else") anchor only to a line that is nothing else


def anchor(quote: str, near: int, lines: Sequence[str], *, first: int = 1) -> Lines | None:
    """Locate `quote` in `lines`, at the place nearest to line `near`.

    Args:
        quote: one or several lines of code; white space does not matter.
        near: the line number that the model gave.
        lines: the text that was shown to it.
        first: the number of the first of them.

    Returns:
        The lines of the quote, or None where it is not in the text.

    >>> anchor("b  = 2", 9, ["a = 1", "b = 2", "c = 3"], first=10)
    Lines(first=11, last=11)
    """
    wanted = [text for line in quote.splitlines() if (text := _squeeze(line))]
    if not wanted:
        return None
    held = [(number, text) for number, line in enumerate(lines, first) if (text := _squeeze(line))]
    places = [
        Lines(first=held[start][0], last=held[start + len(wanted) - 1][0])
        for start in range(len(held) - len(wanted) + 1)
        if all(_fits(want, held[start + i][1]) for i, want in enumerate(wanted))
    ]
    return min(places, key=lambda place: (abs(place.first - near), place.first), default=None)


def _squeeze(line: str) -> str:
    return "".join(line.split())


def _fits(wanted: str, line: str) -> bool:
    return wanted == line or (len(wanted) >= _LEAST and wanted in line)
