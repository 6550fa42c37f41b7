"""Rows of digits with the separators of telephone numbers, and what else such rows are."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from langgraph_parallel.offline.personal_data.surroundings import FIRST_DIGIT, SPACE, after, any_word, before
from langgraph_parallel.offline.personal_data.telephone_words import is_named_after

_GAP = rf"[{SPACE}]{{0,2}}+[-./\u2010\u2011\u2013]?+[{SPACE}]?+"
_CLOSING = "|".join(rf"(?<=\([0-9]{{{size}}}\))|(?<=\+[0-9]{{{size}}}\))" for size in range(1, 6))
_ROW = re.compile(
    rf"{FIRST_DIGIT}(?<![0-9][-./,:@=][0-9])(?<![^\W\d][-./,@][0-9])(?<![$€£¥#%][0-9])[0-9]*+(?:\)(?:{_CLOSING}))?"
    rf"(?:{_GAP}(?:\([0-9]{{1,5}}\)|[0-9]++)){{0,8}}+"
)
"""From the first digit on: `re` skips to digits fast. What opens a number is added afterwards."""
_OPENING = re.compile(rf"(?:(?:(?<![\w+/=])|(?<=\\[nrt]))\(?\+[{SPACE}]?\(?|\()$")
_OPENERS = frozenset(f"(+{SPACE}")
_LAST_GROUP = re.compile(rf"[{SPACE}]{{1,3}}[-\u2013]?[{SPACE}]?\(?[0-9]+\)?$")
_EXTENSION = re.compile(
    rf"[{SPACE},]{{0,2}}(?:x|ext\.?|extension|durchwahl|poste|anexo|int\.|#)[{SPACE}.:]{{0,2}}\d{{1,6}}(?!\w)",
    re.I,
)
_GLUED = re.compile(r"[^\W\d_](?!\d)|_|[:,]\d|[-./]\w")
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_DATE = re.compile(
    rf"(?:{_YEAR}(?P<a>[-./ ]){_MONTH}(?P=a){_DAY}|{_DAY}(?P<b>[-./]){_MONTH}(?P=b)(?:{_YEAR}|\d\d)|"
    rf"{_MONTH}(?P<c>[-./]){_DAY}(?P=c)(?:{_YEAR}|\d\d)|{_YEAR}\s?[-/\u2013]\s?{_YEAR}|"
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?![-./]?\d)"
)
_VERSION = r"\d{1,3}(?:\.\d{1,3}){2,3}"
_OTHER = re.compile(
    "|".join(
        [
            r"\d{1,3}(?:\.\d{1,3}){3}",  # IP addresses and versions
            r"\d{3}-\d\d-\d{4}",  # social security numbers
            r"\d{5}-\d{3,4}|\d{4}-\d{3}",  # postal codes
            r"(?!\d{4}\.\d{4}$)\d+\.\d+",  # decimal numbers
            r"\d+[-/\u2013]\d{1,2}|\d{1,3}[-/\u2013]\d{3}|\d{1,4} [-/\u2013] \d{1,4}",  # ranges
            r"97[89][- ][\d -]{10,14}",  # ISBNs
            rf"\d{{1,3}}(?:\.\d{{1,3}}){{1,3}}\s{{0,3}}[-\u2013]?\s?{_YEAR}[-./]{_MONTH}[-./]{_DAY}",
            r"(?:\d{1,2}(?:\.\d{1,8}){2,6}|20\d{6}\.\d+)-\d{1,3}(?:\.\d+)*",  # versions of packages
            r"\d+ {1,3}\d{1,2}\.\d\.\d{3,4}",  # and what is before a version
            rf"{_VERSION}\s?[-\u2013]\s?(?:{_VERSION}.*|{_YEAR}(?:[-./]{_MONTH}[-./]{_DAY})?)",
            r"\d{1,2}(?:[./]\d{1,2}){1,3}",  # sections and fractions
            "0+",
        ]
    )
)
_UNITS = r"""
    bytes? [kmgt]i?b bits? [nµm]s secs? seconds? mins? minutes? hours? days? weeks? years? eur usd gbp chf
    euros? dollars? k?m cm mm km/h kg k?w k?hz px pt times items rows lines files users people requests
    tokens entries
"""
_UNIT = re.compile(rf"\s?(?:[%‰°€$£¥]|(?:{'|'.join(_UNITS.split())})(?![^\W_]))", re.I)
_MONEY = re.compile(rf"(?:[$€£¥]|{any_word('eur usd gbp chf')})\s?$", re.I)
_THOUSANDS = re.compile(rf"\d{{1,3}}(?:[{SPACE}.]\d{{3}})+")
_SINGLE = re.compile(r"(?:\d\D){4}")
"""The start of a table of digits."""
_COMMIT = re.compile(r"[`'\"]?\]\(https?://[^)\s]*/(?:commit|commits|changeset|rev|tree)/")
"""What follows the hash of a commit, which may have no letters, in a list of changes."""
_UNIT_LENGTH, _LINK_LENGTH = 12, 160
_MIN_LENGTH = 6


class Row(NamedTuple):
    """A row of digits."""

    start: int
    end: int


def find_rows(text: str) -> Iterator[Row]:
    """Iterate over rows of digits and the separators of telephone numbers."""
    for match in _ROW.finditer(text):
        start, end = match.span()
        if end - start < _MIN_LENGTH or _DATE.match(text, start, end) or _SINGLE.match(text, start, end):
            continue
        if text[start - 1 : start] in _OPENERS:
            opening = _OPENING.search(text[max(0, start - 6) : start])
            start -= len(opening[0]) if opening else 0
        yield Row(start, end)


def possible_ends(text: str, row: Row) -> Iterator[int]:
    """Iterate over the places where a number could end that starts a row, the longest first."""
    start, end = row
    skipped = 0
    if _GLUED.match(text, end) and not is_named_after(text, end) and end_of_extension(text, end) == end:
        skipped = 1
    if _UNIT.match(after(text, end, _UNIT_LENGTH)):
        if _THOUSANDS.fullmatch(text, start, end):
            return
        skipped += 1
    yield from islice(_ends(text, row), skipped, None)


def _ends(text: str, row: Row) -> Iterator[int]:
    """Iterate over the ends of the groups of a row, the last one first."""
    start, end = row
    yield end
    while (last := _LAST_GROUP.search(text, start, end)) and last.start() > start:
        end = last.start()
        yield end


def end_of_extension(text: str, end: int) -> int:
    """Return where the extension after a number ends, such as `x123`; the end itself without one."""
    match = _EXTENSION.match(text, end)
    return match.end() if match else end


def is_other_number(text: str, start: int, end: int) -> bool:
    """Return whether a number is a date, an address, a measure or the like."""
    number = text[start:end].strip("()")
    if "](" in text[end : end + 3] and _COMMIT.match(after(text, end, _LINK_LENGTH)):
        return True
    if _OTHER.fullmatch(number) or _DATE.fullmatch(number):
        return True
    return _MONEY.search(before(text, start, 5)) is not None
