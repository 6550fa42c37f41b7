"""Documents: cut between their blocks, and shown without their markup."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from langgraph_parallel.nodes.text.chunks import NumberedPiece, check_ceiling, cut
from langgraph_parallel.reducers.text.block import Block, Kind
from langgraph_parallel.reducers.text.blocks import read_blocks
from langgraph_parallel.reducers.text.inline import readable
from langgraph_parallel.runtime.tokens import estimate_tokens

_INSIDE, _BETWEEN, _HEADING = range(3)
"""How good a place is to cut a document: inside of a block, between blocks, before a heading."""


class _Unit(NamedTuple):
    """A part of a document that is not cut."""

    text: str
    rank: int
    """How good it is to cut before it."""


def cut_document(text: str, name: str, max_tokens: int) -> list[NumberedPiece]:
    """Cut a document into pieces of at most `max_tokens`, where possible between blocks.

    The joined pieces equal the text. A block above the ceiling, such as a long table, is cut at line ends. A
    piece preferably starts with a heading.

    Args:
        text: of the document; an empty one has no pieces.
        name: of the document; its suffix says what markup it has.
        max_tokens: maximum tokens of a piece, at least 1.

    Raises:
        UsageError: `max_tokens` is less than 1.
    """
    check_ceiling(max_tokens)
    units = list(_units(text, read_blocks(text, name), max_tokens))
    sizes = [estimate_tokens(unit.text) for unit in units]
    texts, start = [], 0
    while start < len(units):
        end = _end_of_piece(units, sizes, start, max_tokens)
        texts.append("".join(unit.text for unit in units[start:end]))
        start = end
    pieces: list[NumberedPiece] = []
    line, offset = 1, 0
    for number, piece in enumerate(texts, 1):
        pieces.append(NumberedPiece(number, len(texts), line, offset, piece))
        line, offset = line + piece.count("\n"), offset + len(piece)
    return pieces


def _units(text: str, blocks: Sequence[Block], max_tokens: int) -> Iterator[_Unit]:
    """Yield the blocks of a text with all that is between them; those above the ceiling in parts."""
    starts = {0: _HEADING}
    previous = None
    for block in blocks:
        start = text.rfind("\n", 0, block.start) + 1
        follows_heading = previous is Kind.heading
        starts[start] = max(
            starts.get(start, _INSIDE),
            _INSIDE if follows_heading else _HEADING if block.kind is Kind.heading else _BETWEEN,
        )
        previous = block.kind
    places = sorted(starts)
    for start, end in zip(places, [*places[1:], len(text)], strict=True):
        rank = starts[start]
        for piece in cut(text[start:end], max_tokens):
            yield _Unit(piece.text, rank)
            rank = _INSIDE


def _end_of_piece(units: Sequence[_Unit], sizes: Sequence[int], start: int, max_tokens: int) -> int:
    """Return the end of a piece: the best place in the second half of what the ceiling allows."""
    end, tokens, best = start + 1, sizes[start], 0
    while end < len(units) and tokens + sizes[end] <= max_tokens:
        tokens += sizes[end]
        end += 1
    if end == len(units):
        return end
    best, half = end, tokens / 2
    for i in range(end, start, -1):
        if tokens < half:
            break
        if units[i].rank > units[best].rank:
            best = i
        tokens -= sizes[i - 1]
    return best


def show_place(blocks: Sequence[Block], start: int, end: int) -> str:
    """Return a place of a text as a reader of the rendered document sees it; empty if nothing of it is shown.

    Args:
        blocks: of the text.
        start: index of the first character.
        end: index after the last character.
    """
    views = [
        block.view[max(0, start - block.start) : end - block.start]
        for block in blocks
        if block.start < end and start < block.end
    ]
    return readable("\n".join(views))
