"""Lines of an answer for a model, in which text from outside is quoted and cut to a number of tokens.

The words of this package stand bare; what models and documents say is a JSON string on one line. It can end
neither its quotes nor its line, so it cannot pose as a word of the tool.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from langgraph_parallel.report.wording import show, visible
from langgraph_parallel.runtime.tokens import estimate_tokens

_LEAST = 6
"""Tokens below which a quote says nothing."""
_CUT = "…"


class Said(str):
    """Text from outside: of a model, of a document, or a name that the caller chose."""

    __slots__ = ()


def said(value: JsonValue) -> Said:
    """Mark a JSON value as text from outside."""
    return Said(show(value))


Line = Sequence[str]
"""Pieces of a line: own words, and those from outside as `Said`."""


@dataclass(frozen=True)
class Block:
    """Lines of one subject; those that do not fit are counted."""

    lines: Sequence[Line]
    title: str = ""
    """Own words before the lines; may be empty."""
    most: int = 60
    """Most tokens of a line."""
    share: float = 1.0
    """Most of the room that the block may take, 0 to 1."""


def quote(text: str, tokens: int) -> str:
    r"""Return a text as a JSON string on one line, in at most so many tokens (3 or more).

    >>> quote('He said:\n"stop"', 20)
    '"He said: \\"stop\\""'
    >>> quote("one two three four", 4)
    '"one two…"'
    """
    # Only what can fit is looked at: a text may have megabytes. White space is folded, so take more of it.
    text = " ".join(visible(text[: 12 * tokens]).split())
    quoted = json.dumps(text, ensure_ascii=False)
    if estimate_tokens(quoted) <= tokens:
        return quoted
    room = 3 * tokens - len(f'"{_CUT}"'.encode())
    for end, char in enumerate(text):
        room -= len(char.encode()) + (char in '"\\')
        if room < 0:
            return json.dumps(text[:end] + _CUT, ensure_ascii=False)
    return quoted


def render_line(parts: Line, tokens: int) -> str | None:
    """Return the line in at most so many tokens, its quotes cut to equal shares; None if it does not fit."""
    own = sum(estimate_tokens(part) for part in parts if not isinstance(part, Said))
    wanted = sorted(
        (estimate_tokens(quote(part, tokens)), number)
        for number, part in enumerate(parts)
        if isinstance(part, Said)
    )
    room, shares = tokens - own, dict[int, int]()
    for left, (length, number) in zip(range(len(wanted), 0, -1), wanted, strict=True):
        shares[number] = min(length, room // left)
        room -= shares[number]
        if shares[number] < min(length, _LEAST):
            return None
    if room < 0:
        return None
    return "".join(
        quote(part, shares[number]) if isinstance(part, Said) else part for number, part in enumerate(parts)
    )


def render_blocks(blocks: Sequence[Block], tokens: int) -> list[str]:
    """Return the lines of the blocks in at most so many tokens, line breaks included."""
    lines: list[str] = []
    for block in blocks:
        shown = _render_block(block, min(tokens, int(tokens * block.share)))
        tokens -= _size(shown)
        lines += shown
    return lines


def _render_block(block: Block, tokens: int) -> list[str]:
    lines = [block.title] if block.title else []
    left = tokens - _size(lines)
    if left < 0:
        return []
    for number, parts in enumerate(block.lines):
        rest = len(block.lines) - number - 1
        more = f"({rest + 1:,} more)"
        reserved = estimate_tokens(more) + 1 if rest else 0
        line = render_line(parts, min(block.most, left - reserved - 1))
        if line is None:
            return [*lines, more] if left > estimate_tokens(more) else lines
        lines.append(line)
        left -= estimate_tokens(line) + 1
    return lines


def _size(lines: Sequence[str]) -> int:
    return sum(estimate_tokens(line) + 1 for line in lines)
