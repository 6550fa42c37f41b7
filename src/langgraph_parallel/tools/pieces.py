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
        lines: data. A line longer than a page goes on, on the next one.
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
    page, left = list[str](), tokens
    for line in lines:
        for part in _cut(visible(line), tokens):
            size = estimate_tokens(part) + 1
            if size > left:
                yield page
                page, left = [], tokens
            page.append(part)
            left -= size
    yield page


def _cut(line: str, tokens: int) -> Iterator[str]:
    """Cut a line into marked parts, each of which fits into a page."""
    room = 3 * (tokens - 1) - len(_MARK)
    data = line.encode(errors="surrogatepass")
    start = 0
    while len(data) - start > room:
        end = start + room
        while data[end] & 0xC0 == 0x80:  # inside of a character
            end -= 1
        yield _MARK + data[start:end].decode()
        start = end
    yield _MARK + data[start:].decode()
