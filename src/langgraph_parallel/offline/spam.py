"""Signs of spam in text, without a model."""

import re
from collections.abc import Iterator

from langgraph_parallel.records import Span

_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"']+", re.I)
_BAIT = re.compile(
    r"\b(?:click (?:here|below|now)|act now|limited time|100% (?:free|guaranteed)|free money|risk[- ]free|"
    r"you(?:'ve| have) (?:won|been selected)|claim your (?:prize|reward|bonus)|earn \$?\d[\d,]* (?:a|per) "
    r"(?:day|week|hour)|make money (?:fast|online)|work from home|no credit check|double your|cheap (?:meds|"
    r"viagra|pills)|buy (?:followers|now)|subscribe (?:now|here)|whatsapp me|dm me|lose weight fast)\b",
    re.I,
)
_SHOUT = re.compile(r"\b(?:[A-Z]{3,30}[ !]{1,5}){3,9}[A-Z]{3,30}\b|[!$]{3,}")
_MIN_SIGNS = 2
"""Minimum signs of spam in a suspicious text: a single phrase is not suspicious."""
_FREE_LINKS = 2
"""Number of links that are not a sign of spam."""


def spam_signs(text: str) -> list[Span]:
    """Return bait phrases, shouting, and links beyond the first two; nothing if there is only one sign."""
    signs = [
        *_spans(_BAIT, text, "bait"),
        *_spans(_SHOUT, text, "shouting"),
        *list(_spans(_LINK, text, "link"))[_FREE_LINKS:],
    ]
    return sorted(signs, key=lambda span: span.start) if len(signs) >= _MIN_SIGNS else []


def _spans(pattern: re.Pattern[str], text: str, kind: str) -> Iterator[Span]:
    for match in pattern.finditer(text):
        yield Span(start=match.start(), end=match.end(), text=match[0], kind=kind)
