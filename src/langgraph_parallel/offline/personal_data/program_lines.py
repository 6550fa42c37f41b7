"""Lines that programs write: most numbers in them are keys, counts and times, whatever their digits."""

import re

from langgraph_parallel.offline.personal_data.surroundings import after, before

_LENGTH, _LENGTH_AFTER = 400, 200
"""Characters of the line before and after a number that are looked at."""
_TIME = r"[0-2]\d:[0-5]\d"
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".replace(" ", "|")
_STAMP = re.compile(
    "|".join(
        [
            rf"\b\d{{4}}[-/.]\d\d[-/.]\d\d[T _]{_TIME}",  # 2024-05-06T07:08
            rf"\b\d\d[-/.]\d\d[-/.]\d{{4}}[T ,]{{1,2}}{_TIME}",  # 06.05.2024 07:08
            rf"\b\d\d/(?:{_MONTHS})\w*/\d{{4}}:{_TIME}",  # web servers
            rf"\b(?:{_MONTHS})\w{{0,6}} {{1,2}}\d{{1,2}},? (?:\d{{4}},? )?{_TIME}:\d\d",  # syslog
            rf"\b[IWEFDV]\d{{4}} {_TIME}:\d\d\.\d",  # glog
            rf"\b\d\d-\d\d {_TIME}:\d\d\.\d",  # logcat
            rf"^\W{{0,4}}{_TIME}:\d\d[.,]\d",
            r"^\W{0,4}1[4-9]\d{8}(?:\.\d+|\d{3})?\b",  # seconds or milliseconds since 1970
            r"^\[ *\d+\.\d{6}\]",  # kernel
        ]
    ),
    re.I,
)
_LEVEL = re.compile(
    r"""
    ^\W{0,4}(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|FATAL|CRIT(?:ICAL)?|SEVERE|WARNUNG|FEHLER)\b
    | \b(?:level|lvl|severity|logger|loglevel)["']?\s?[=:]
    | ^\s+at\s[^\s]+\s?\(  # of a stack
    """,
    re.X,
)


def is_by_program(text: str, start: int, end: int) -> bool:
    """Return whether a number is in a line with a time and a date, or a level, as programs write them."""
    line = f"{before(text, start, _LENGTH)}#{after(text, end, _LENGTH_AFTER)}"
    return _STAMP.search(line) is not None or _LEVEL.search(line) is not None
