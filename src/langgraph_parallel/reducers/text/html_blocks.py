"""Blocks of HTML that has not been made a text."""

import re

from langgraph_parallel.reducers.text.block import Block, Kind, hidden
from langgraph_parallel.reducers.text.inline import BLANK, readable

_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,2000}?-->\s*)?(?:<!doctype html|<html[\s>])", re.I | re.S
)
_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<hidden>script|style|head|template|noscript|nav|svg|pre|table|select)\b.*?(?:</(?P=hidden)\s*>|\Z)"
    r"|</?(?P<tag>[A-Za-z][\w:-]{0,50})(?:\s[^<>]{0,5000})?/?>"
    r"|<[!?][^>]{0,1000}>",
    re.I | re.S,
)
_INLINE = frozenset(
    """
    a abbr b bdi bdo big cite code del dfn em font i img ins kbd mark q s samp small span strong sub sup tt u
    var wbr
    """.split()  # noqa: SIM905 - a list that people read and extend
)
_HEADING = re.compile(r"h[1-6]", re.I)


def is_html(text: str) -> bool:
    """Return whether a text is a page of HTML."""
    return bool(_HTML.match(text[:5000]))


def html_blocks(text: str) -> list[Block]:
    """Return the headings and paragraphs of a page in text order."""
    blocks: list[Block] = []
    start, kind, shown = 0, Kind.paragraph, list(text)
    for match in [*_MARKUP.finditer(text), None]:
        if match and (match["tag"] or "").lower() in _INLINE:
            shown[match.start() : match.end()] = BLANK * len(match[0])
            continue
        end = match.start() if match else len(text)
        view = "".join(shown[start:end])
        if readable(view):
            offset = len(view) - len(view.lstrip())
            blocks.append(Block(kind, start + offset, start + len(view.rstrip()), view.strip()))
        if match:
            blocks.append(hidden(text, *match.span()))
            opens_heading = _HEADING.fullmatch(match["tag"] or "") and not match[0].startswith("</")
            start, kind = match.end(), Kind.heading if opens_heading else Kind.paragraph
    return blocks
