"""HTML pages as text with the marks of Markdown for headings, lists, code and tables."""

import re
from collections import Counter
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from langgraph_parallel.reading.decoding import decode_text
from langgraph_parallel.reading.notes import Parsed, Unreadable

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

_HIDDEN = ("script", "style", "template", "noscript", "head", "nav", "svg", "select", "button")
_BLOCKS = frozenset(
    """
    address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption
    figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu ol p pre search section summary
    table tbody td tfoot th thead tr ul
    """.split()  # noqa: SIM905 - a list that people read and extend
)
_MENUS = ("ul", "ol", "dl", "li", "dd", "dt", "p", "div", "center")
_MIN_LINKED = 0.7
"""Minimum share of the text of a menu that are links within the site."""
_MAX_LABEL = 100
"""Maximum characters of a link in a menu; longer ones are text that is a link."""
_PERMALINKS = frozenset(("", "#", "\u00a7", "\u00b6", "\uf0c1", "\U0001f517"))
_WITHIN_SITE = re.compile(r"^(?!\w+://|mailto:)")
_SPACE = re.compile(r"[ \t\r\n\f]+")
_ITEM, _BREAK, _MARGIN = "\x1d", "\x1e", "\x1f"
"""Stand for a list item, a line break, and the end of a block; HTML cannot have these characters."""
_CONTROLS = dict.fromkeys(map(ord, (_ITEM, _BREAK, _MARGIN)))
_MARGINS = re.compile(rf"[ {_BREAK}]*{_MARGIN}[ {_BREAK}{_MARGIN}]*")
_ITEM_MARK = re.compile(rf"\s*{_ITEM}[\s{_ITEM}]*")
_BETWEEN_ITEMS = re.compile(r"(?m)^(- [^\n]*)\n\n(?=- )")
_CELL_SPACE = re.compile(rf"[\s|{_ITEM}{_BREAK}{_MARGIN}]+")
_DECLARED = re.compile(
    rb"""<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{1,40})|<meta[^>]{0,300}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""",
    re.IGNORECASE,
)
_MAX_DEPTH = 5_000
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())  # noqa: SIM905
_NOT_DATA = ("table", "pre", "p", "ul", "ol", "h1", "h2", "h3")


def html_text(data: bytes) -> Parsed:
    """Return the text of a page: what it shows, block by block, without menus, scripts and images.

    Raises:
        Unreadable: its encoding cannot be told.
    """
    from bs4 import BeautifulSoup

    declared = _DECLARED.search(data[:4096])
    decoded = decode_text(data, (declared[1] or declared[2]).decode("ascii") if declared else None)
    markup = decoded.text.translate(_CONTROLS)
    _check_depth(markup)
    text = _text(BeautifulSoup(markup, "html.parser"), menus=False) or _text(
        BeautifulSoup(markup, "html.parser"), menus=True
    )
    return Parsed(text, decoded.notes)


class _Depth(HTMLParser):
    """Counts elements in each other, without a tree."""

    depth = deepest = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Go into an element."""
        if tag not in _VOID:
            self.depth += 1
            self.deepest = max(self.deepest, self.depth)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Pass an empty element."""

    def handle_endtag(self, tag: str) -> None:
        """Go out of an element."""
        self.depth -= tag not in _VOID and self.depth > 0


def _check_depth(markup: str) -> None:
    counter = _Depth()
    counter.feed(markup)
    if counter.deepest > _MAX_DEPTH:  # each mark at the end of an element takes a walk to its depth
        raise Unreadable(f"its tags are nested more than {_MAX_DEPTH:,} deep")


def _text(soup: "BeautifulSoup", *, menus: bool) -> str:
    """Return the text of a page.

    Args:
        soup: the page, which is changed.
        menus: whether to keep blocks that consist of links within the site, as all of an index does.
    """
    _remove_hidden(soup)
    if not menus:
        _remove_menus(soup)
    _mark_code(soup)
    _mark_tables(soup)
    for tag in soup.find_all(True):
        _mark_block(tag)
    text = _MARGINS.sub("\n\n", soup.get_text()).replace(_BREAK, "\n")
    text = _BETWEEN_ITEMS.sub(r"\1\n", _ITEM_MARK.sub("\n\n- ", text))
    lines = (line.rstrip(" ") for line in text.split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return text and text + "\n"


def _remove_hidden(soup: "BeautifulSoup") -> None:
    """Remove what a page does not show, and white space that has no meaning."""
    from bs4.element import PreformattedString

    for tag in soup(_HIDDEN):
        tag.decompose()
    for link in soup("a"):
        if link.get_text().strip() in _PERMALINKS:
            link.decompose()
    code = {id(string) for tag in soup("pre") for string in tag.find_all(string=True)}
    for string in list(soup.find_all(string=True)):
        if isinstance(string, PreformattedString):  # comments and declarations
            string.extract()
        elif id(string) not in code:
            string.replace_with(_SPACE.sub(" ", string))


def _remove_menus(soup: "BeautifulSoup") -> None:
    """Remove blocks that consist of short links within the site: menus and tables of contents."""
    linked: Counter[int] = Counter()
    for link in soup("a", href=_WITHIN_SITE):
        label = link.get_text().strip()
        if len(label) <= _MAX_LABEL:
            linked.update({id(parent): len(label) for parent in link.parents})
    for tag in soup(_MENUS):
        if not tag.decomposed and linked[id(tag)]:
            size = len(_SPACE.sub(" ", tag.get_text()).strip())
            if linked[id(tag)] >= _MIN_LINKED * size:
                tag.decompose()


def _mark_code(soup: "BeautifulSoup") -> None:
    """Replace preformatted text by fenced blocks."""
    for tag in soup("pre"):
        code = tag.get_text().strip("\n")
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))
        tag.string = f"{fence}\n{code}\n{fence}" if code.strip() else ""


def _mark_tables(soup: "BeautifulSoup") -> None:
    """Replace tables of data by rows with bars; tables that only lay out a page stay as they are."""
    for table in soup("table"):
        rows = [row for row in table("tr") if row.find_parent("table") is table]
        cells = [[_cell(cell) for cell in row.find_all(["td", "th"], recursive=False)] for row in rows]
        cells = [row for row in cells if any(row)]
        width = max(map(len, cells), default=0)
        if table.find(_NOT_DATA) or width < 2 or len(cells) < 2:
            continue
        lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in cells]
        lines.insert(1, "|" + " --- |" * width)
        table.string = _BREAK.join(lines)


def _cell(cell: "Tag") -> str:
    return _CELL_SPACE.sub(" ", cell.get_text()).strip()


def _mark_block(tag: "Tag") -> None:
    """Put the mark of a block before it, and the ends of blocks around it."""
    if tag.name == "br":
        tag.insert(0, _BREAK)
    elif tag.name in _BLOCKS:
        level = re.fullmatch(r"h([1-6])", tag.name)
        mark = _MARGIN + "#" * int(level[1]) + " " if level else _ITEM if tag.name == "li" else _MARGIN
        if level and tag.contents and isinstance(tag.contents[0], str):
            tag.contents[0].replace_with(tag.contents[0].lstrip())
        tag.insert(0, mark)
        tag.append(_MARGIN)
