"""Inline markup of Markdown and reStructuredText: what a reader of the rendered text does not see.

A view of a text has the same length, with a blank for every character that is not shown. So the sentences of
a view are places in the text.
"""

import html
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

BLANK = "\0"
"""Stands for a character that is not shown."""
_MARKDOWN = re.compile(
    r"""
    (?P<escape>\\[!-/:-@\[-`{-~])
    | (?<!`)(?P<ticks>`{1,9})(?!`)(?P<code>.{1,1000}?)(?<!`)(?P=ticks)(?!`)
    | (?P<hidden><!--.{0,2000}?-->|\{[\#.:%][^{}\n]{0,200}\}|\[\^[^\]\s]{1,50}\]|\[[ xX]\](?=\s)
        |\[!\w{1,20}\])
    | (?P<url><(?:[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]{0,2000}|[^\s<>@]{1,100}@[^\s<>]{1,100})>)
    | (?P<break><br\s?/?>)
    | (?P<tag></?[A-Za-z][\w:-]{0,50}(?:\s[^<>]{0,1000})?/?>)
    | (?P<open>!?\[)
    | (?P<close>\](?:\((?:[^()\\]|\\.|\([^()]{0,500}\)){0,2000}\)|\[[^\[\]]{0,200}\]|(?=\{[\#.]))?)
    | (?P<emphasis>\*{1,3}|_{1,3}|~~)
    | (?P<emoji>(?<![^\s]):[a-z][a-z0-9_+-]{0,40}:(?!\w))
    """,
    re.DOTALL | re.VERBOSE,
)
_REST = re.compile(
    r"""
    (?P<ticks>``)(?P<code>[^\s].{0,1000}?)``
    | (?P<escape>\\.)
    | (?P<role>(?<!\w):[a-zA-Z][\w.+:-]{0,50}:)?`(?P<title>[^`<]{0,500}?)
      (?P<target>\s{0,9}<[^<>`]{1,1000}>)?`(?P<end>_{0,2})
    | (?P<hidden>(?<!\w)\|\w[^|\n]{0,50}\|_{0,2}|\s?\[[\#*\w.-]{1,50}\]_|\.\.\s[\w:-]{1,50}::)
    | (?P<emphasis>\*{1,2})
    | (?<=\w)(?P<reference>_{1,2})(?=[\s.,;:!?)'"-]|$)
    """,
    re.DOTALL | re.VERBOSE,
)
_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)|</?[A-Za-z!?][^<>]{0,2000}>|^[ \t]*(?:[-*_][ \t]*){3,}$", re.DOTALL | re.MULTILINE
)
_LINE_START = re.compile(r"(?m)^[ \t]*(?:>[ \t]?)+")
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]{1,15}://|www\.|mailto:)[^\s<>\"\0]+", re.I)
_SPACE_BEFORE = re.compile(r"\s+([.,)])(?=[\s.,;)]|$)")
_EMPTY_BRACKETS = re.compile(r"\s?[(\[]\s*\0[\s\0]*[)\]]")
"""Brackets around what is not shown."""

_MAX_LINK = 2000
"""Maximum characters of the text of a link; without it, nested brackets would take quadratic time."""
_HYPHENATION = re.compile(r"(?<=\w)[\u2010\u00ad][ \t]*\r?\n[ \t]*(?=[^\W\d_])")
"""A word that is divided at the end of a line; a plain hyphen may be part of a word."""


class View(NamedTuple):
    """A text as a reader sees it."""

    text: str
    """The text, with a blank for every character that is not shown."""
    linked: int
    """Number of characters that are shown as links."""


def view_markdown(text: str, references: Collection[str] = (), *, has_html: bool = True) -> View:
    r"""Return a view of the inline Markdown of one block.

    Args:
        text: a paragraph, an item, or a heading.
        references: upper-case labels of the link definitions of the document.
        has_html: whether tags are markup; else they are shown, as in the text of a page of HTML.

    >>> readable(view_markdown("**See** [the *guide*](https://a.org), `x*y`.").text)
    'See the guide, `x*y`.'
    """
    shown = list(text)
    opened: list[re.Match[str]] = []
    emphasis: list[tuple[str, int]] = []
    linked = 0
    for match in _MARKDOWN.finditer(text):
        group = match.lastgroup
        if match[0][0] == "<":
            linked += _view_tag(shown, match) if has_html else 0
        elif group in ("hidden", "emoji"):
            _blank(shown, *match.span())
        elif group == "escape":
            _blank(shown, match.start(), match.start() + 1)
        elif group == "open":
            opened.append(match)
        elif group == "close" and opened:
            linked += _close_link(text, shown, opened.pop(), match, references)
        elif group == "emphasis":
            _pair(text, shown, emphasis, match.span())
    for match in _LINE_START.finditer(text):
        _blank(shown, *match.span())
    return View("".join(shown), linked)


def _view_tag(shown: list[str], match: re.Match[str]) -> int:
    """Blank a tag, a comment or the brackets of an address; return the number of characters of a link."""
    start, end = match.span()
    if match.lastgroup == "break":
        shown[start:end] = " " * (end - start)
    elif match.lastgroup == "url":
        _blank(shown, start, start + 1)
        _blank(shown, end - 1, end)
        return end - start - 2
    else:
        _blank(shown, start, end)
    return 0


def _close_link(
    text: str, shown: list[str], opening: re.Match[str], closing: re.Match[str], references: Collection[str]
) -> int:
    """Blank what is not shown of a link or an image; return the number of characters that it shows."""
    start, end = opening.end(), closing.start()
    if end - start > _MAX_LINK:
        return 0
    is_link = len(closing[0]) > 1 or text.startswith(("{#", "{."), closing.end())
    if not is_link and " ".join(text[start:end].split()).upper() not in references:
        return 0
    if opening[0] == "![":
        _blank(shown, opening.start(), closing.end())
        return 0
    _blank(shown, *opening.span())
    _blank(shown, *closing.span())
    return sum(char != BLANK for char in shown[start:end])


def _pair(text: str, shown: list[str], opened: list[tuple[str, int]], place: tuple[int, int]) -> None:
    """Blank two marks of emphasis once the second one is found; others, as in `2 * 3`, are shown."""
    start, end = place
    mark = text[start:end]
    before, after = text[start - 1 : start] or " ", text[end : end + 1] or " "
    closes = not before.isspace() and not _is_ascii_word(after)
    latest = next((i for i in range(len(opened) - 1, -1, -1) if opened[i][0] == mark), None)
    if closes and latest is not None:
        _blank(shown, opened[latest][1], opened[latest][1] + len(mark))
        _blank(shown, start, end)
        del opened[latest:]
    elif not after.isspace() and not _is_ascii_word(before):
        opened.append((mark, start))
        del opened[:-20]  # far away from its end, a mark is no emphasis


def _is_ascii_word(char: str) -> bool:
    return char.isascii() and char.isalnum()


def view_markup(text: str) -> str:
    """Return a view of HTML, or of a rule between blocks: the text between tags."""
    return _MARKUP.sub(lambda match: BLANK * len(match[0]), text)


def view_rest(text: str) -> View:
    """Return a view of the inline reStructuredText of one block.

    >>> readable(view_rest(":func:`~os.path.join` joins ``a``; see `the guide <https://a.org>`_.").text)
    'join joins `a`; see the guide.'
    """
    shown = list(text)
    emphasis: list[tuple[str, int]] = []
    linked = 0
    for match in _REST.finditer(text):
        if match["code"]:
            _blank(shown, match.start(), match.start() + 1)
            _blank(shown, match.end() - 1, match.end())
        elif match["escape"]:
            # An escaped space separates markup from a word that it is part of, and is not shown.
            _blank(shown, match.start(), match.end() - (not match[0][1].isspace()))
        elif match["emphasis"]:
            _pair(text, shown, emphasis, match.span())
        elif match["title"] is not None:
            for place in _hidden_parts(match):
                _blank(shown, *place)
            linked += len(match["title"]) if match["end"] else 0
        else:
            _blank(shown, *match.span())
    return View("".join(shown), linked)


def _hidden_parts(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Yield what is not shown of a role or a link: all but its title."""
    start, end = match.span("title")
    if start == end:  # `<https://a.org>`_ has no title
        yield match.span()
        return
    title = match["title"]
    if match["role"] and title.startswith("~"):
        start += title.rfind(".") + 1 or 1
    elif match["role"] and title.startswith("!"):
        start += 1
    yield match.start(), start
    yield end, match.end()


def _blank(shown: list[str], start: int, end: int) -> None:
    shown[start:end] = BLANK * (end - start)


def readable(view: str) -> str:
    """Return what a reader sees of a view, on one line."""
    text = _HYPHENATION.sub("", _EMPTY_BRACKETS.sub("", view).replace(BLANK, ""))
    text = html.unescape(text)
    return _SPACE_BEFORE.sub(r"\1", " ".join(text.split()))


def without_addresses(text: str) -> str:
    """Return a text without the addresses in it.

    >>> without_addresses("See https://a.org/b for more.")
    'See  for more.'
    """
    return _URL.sub("", text)
