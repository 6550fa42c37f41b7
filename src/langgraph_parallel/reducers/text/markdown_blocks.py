"""Blocks of Markdown: CommonMark with tables, and what documents add to it."""

import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from langgraph_parallel.reducers.text.block import Block, Kind, Lines, shown
from langgraph_parallel.reducers.text.inline import BLANK, View, readable, view_markdown, view_markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\n(?:.{0,1000}\n){0,200}?(?:\1|\.\.\.)[ \t]*(?:\n|\Z)")
_SETTING = re.compile(r"(?m)^[\w\"'-]+\s*[:=]")
_DEFINITION = re.compile(r"(?:\[\^[^\]\s]{1,100}\]|\*\[[^\]\n]{1,100}\]):")
"""Footnotes and abbreviations."""
_EXTENSION = re.compile(
    r"[ \t]*(?::{3,}.*|\{%.*%\}|\{\{.*\}\}|(?:!!!|\?\?\?\+?) .*|\$\$.*|%[ \t].*|\\\w+\{.*)"
)
"""Lines of pandoc, of generators of sites, and of TeX."""
_TERM = re.compile(r"(?m)^:[ \t]+")
_MIN_UNLINKED = 0.3
"""Minimum characters outside of links, as a share of those in links; otherwise a block is a list of links."""
_KINDS = {"fence": Kind.code, "code_block": Kind.code, "table_open": Kind.table}


@cache
def _parser(has_html: bool) -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table").disable("inline")
    return parser if has_html else parser.disable("html_block")


def markdown_blocks(text: str) -> list[Block]:
    """Return the blocks of a Markdown document in text order."""
    return _Document(text, has_html=True).blocks()


def page_blocks(text: str) -> list[Block]:
    """Return the blocks of a page of HTML that was made a text with marks of Markdown, in text order."""
    return _Document(text, has_html=False).blocks()


class _Document:
    """A Markdown document.

    Args:
        text: of the document.
        has_html: whether tags are markup.
    """

    def __init__(self, text: str, *, has_html: bool) -> None:
        self._text, self._has_html, self._lines = text, has_html, Lines(text)
        self._references: Collection[str] = ()

    def blocks(self) -> list[Block]:
        """Return the blocks in text order."""
        first = _count_front_matter(self._text)
        environment: dict[str, dict[str, object]] = {}
        tokens = _parser(self._has_html).parse(self._text[self._lines.start(first) :], environment)
        self._references = environment.get("references", {}).keys()
        settings = [self._shown(Kind.markup, 0, first)] if first else []
        return [*settings, *self._read(tokens, first)]

    def _read(self, tokens: "Sequence[Token]", first: int) -> Iterator[Block]:
        """Yield the blocks that tokens of the parser stand for; these count lines from `first`."""
        inside: list[str] = []
        for token in tokens:
            if token.nesting == 1:
                inside.append(token.type)
            elif token.nesting == -1:
                inside.pop()
            if token.map is None:
                continue
            begin, end = first + token.map[0], first + token.map[1]
            if token.type in _KINDS:
                yield self._shown(_KINDS[token.type], begin, end)
            elif token.type in ("html_block", "hr"):
                block = self._shown(Kind.markup, begin, end)
                yield block._replace(view=view_markup(block.view))
            elif token.type == "inline" and "table_open" not in inside:
                yield self._read_inline(begin, end, token.content, inside)

    def _shown(self, kind: Kind, begin: int, end: int) -> Block:
        """Return some lines as a block that is shown as it is."""
        return shown(kind, self._text, self._lines.start(begin), self._lines.start(end))

    def _read_inline(self, begin: int, end: int, content: str, inside: Sequence[str]) -> Block:
        """Return a paragraph, an item or a heading, without the marks of what it stands in."""
        rows = zip(range(begin, end), content.split("\n"), strict=False)
        places = [self._find_row(line, row) for line, row in rows]
        first, last = places[0][0], places[-1][1]
        source = list(BLANK * (last - first))
        for row_first, row_last in places:
            if not _EXTENSION.fullmatch(self._text, row_first, row_last):
                source[row_first - first : row_last - first] = self._text[row_first:row_last]
            source[row_last - first : row_last - first + 1] = "\n"
        rest = _TERM.sub(lambda match: BLANK * len(match[0]), "".join(source)[: last - first])
        view = view_markdown(rest, self._references, has_html=self._has_html)
        return Block(_kind_of(content, view, inside), first, last, view.text)

    def _find_row(self, line: int, row: str) -> tuple[int, int]:
        """Return the place of a row of a block in its line, behind marks of lists and quotes."""
        source = self._lines.texts[line]
        offset = source.find(row.strip())
        if offset < 0:  # the parser has replaced characters
            offset, row = len(source) - len(source.lstrip()), source
        first = self._lines.start(line) + offset
        return first, first + len(row.strip())


def _count_front_matter(text: str) -> int:
    """Return the number of lines of YAML or TOML before a document."""
    match = _FRONT_MATTER.match(text)
    return match[0].count("\n") if match and _SETTING.search(match[0]) else 0


def _kind_of(content: str, view: View, inside: Sequence[str]) -> Kind:
    """Return the kind of a block of text inside of other blocks."""
    unlinked = len(readable(view.text)) - view.linked
    if inside[-1] == "heading_open":
        return Kind.heading
    if _DEFINITION.match(content):
        return Kind.markup
    if unlinked < _MIN_UNLINKED * view.linked or unlinked <= 0:
        return Kind.navigation
    return Kind.item if "list_item_open" in inside[-2:] else Kind.paragraph
