"""Pieces of an output: a part of it by its name, and that as pages of a bounded number of tokens."""

import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from langgraph_parallel.errors import InputError
from langgraph_parallel.report.wording import visible
from langgraph_parallel.runtime.tokens import estimate_tokens
from langgraph_parallel.tools.quoting import quote

_MARK = "| "
"""Before each line of data, so that no line of it can pose as a word of the tool."""
_HEAD = 140
"""Most tokens of the head of a page."""
_NAMES = ("id", "name", "item", "voter", "title", "check", "region", "document")
"""Fields that name an entry of a list, in this order."""
_SHORTEST = 20
"""Tokens of a page that are not worth the beginning of a line."""
_LISTED = 12


def find_part(value: JsonValue, below: str, within: str) -> list[str]:
    """Return the lines of what is below a value, one line for each entry.

    Args:
        value: JSON data.
        below: path with `/` between names, which may contain `/` themselves; empty for the value itself.
            Entries of a list are named by their id, or name, or number from 1.
        within: name of the value, for errors.

    Raises:
        InputError: there is nothing of this name; it says which names there are.
    """
    while below:
        entries = _entries(value)
        name = max(
            (name for name in entries if below == name or below.startswith(f"{name}/")),
            key=len,
            default=None,
        )
        if name is None:
            known = [quote(each, 20) for each in list(entries)[:_LISTED]]
            more = f" and {len(entries) - len(known):,} more" if len(entries) > len(known) else ""
            has = (
                f"it has {', '.join(known)}{more}" if known else "it has no parts; leave out what follows it"
            )
            raise InputError(f"there is no {quote(below, 40)} in part {quote(within, 40)}: {has}")
        value, within, below = entries[name], f"{within}/{name}", below[len(name) :].removeprefix("/")
    return list(_lines(value))


def _entries(value: JsonValue) -> dict[str, JsonValue]:
    """Return what is in a value by name; entries of a list by number as well, if no name is in the way."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list):
        return {}
    named: dict[str, JsonValue] = {}
    for entry in value:
        if isinstance(entry, dict) and (name := next(filter(None, map(entry.get, _NAMES)), None)) is not None:
            named.setdefault(str(name), entry)
    return {**{str(number): entry for number, entry in enumerate(value, 1)}, **named}


def _lines(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield from value.splitlines() or [""]
    elif isinstance(value, Mapping) and value:
        for name, entry in value.items():
            yield f"{_json(name)}: {_json(entry)}"
    elif isinstance(value, list) and value:
        yield from map(_json, value)
    else:
        yield _json(value)


def _json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)


def piece(title: str, lines: Sequence[str], page: int, tokens: int) -> str:
    """Return one page of lines, with a head that says which it is and how to go on.

    Args:
        title: what is shown; own words, in at most 120 tokens.
        lines: data. A line may go on, on the next page.
        page: from 1.
        tokens: most tokens of the page.

    Raises:
        InputError: there is no such page.
    """
    pages = list(_pages(lines, tokens - _HEAD))
    if not 1 <= page <= len(pages):
        raise InputError(f"there is no page {page} of {title}; the last one is {len(pages)}")
    go_on = f"; go on with page {page + 1}" if page < len(pages) else ""
    return "\n".join([f"{title}, page {page} of {len(pages)}{go_on}", *pages[page - 1]])


def _pages(lines: Sequence[str], tokens: int) -> Iterator[list[str]]:
    """Put lines on pages, each of which but the last is at least half full.

    A line that does not fit goes whole onto the next page; one that would leave half of a page empty, or is
    longer than a page, begins here and goes on there.
    """
    page, left = list[str](), tokens
    for line in lines:
        data = visible(line).encode(errors="surrogatepass")
        begins_anew = len(data) <= _room(tokens) or left < _SHORTEST
        if len(data) > _room(left) and 2 * left < tokens and begins_anew:
            yield page
            page, left = [], tokens
        start = 0
        while len(data) - start > _room(left):
            end = _end(data, start + max(0, _room(left)))
            if end > start:
                page.append(_MARK + data[start:end].decode())
            yield page
            page, left, start = [], tokens, max(start, end)
        page.append(_MARK + data[start:].decode())
        left -= estimate_tokens(page[-1]) + 1
    yield page


def _room(tokens: int) -> int:
    """Return the bytes of a line that fits into so many tokens, besides its mark and its end."""
    return 3 * (tokens - 1) - len(_MARK)


def _end(data: bytes, end: int) -> int:
    """Return the last place at or before another one that is not inside of a character."""
    while data[end] & 0xC0 == 0x80:
        end -= 1
    return end
