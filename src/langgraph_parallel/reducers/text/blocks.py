"""Blocks of a document: what of it is prose, and what is code, a table or markup.

Markdown, reStructuredText and plain text are understood. A block is a place in the text, with a view of it
that has the same length and shows what a reader of the rendered document sees.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import PurePath

from langgraph_parallel.reducers.text.block import Block
from langgraph_parallel.reducers.text.html_blocks import html_blocks, is_html
from langgraph_parallel.reducers.text.line_blocks import plain_blocks, rest_blocks
from langgraph_parallel.reducers.text.markdown_blocks import markdown_blocks, page_blocks

_READERS: Mapping[str, Callable[[str], list[Block]]] = {
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd"), markdown_blocks),
    **dict.fromkeys((".html", ".htm"), page_blocks),
    **dict.fromkeys((".rst", ".rest"), rest_blocks),
}
_MARKDOWN_SIGN = re.compile(
    r"""
    ^\ {0,3}(?: \#{1,6}[ \t]+\S | (?:`{3,5}|~~~)(?![`~])[\w{}.\ -]*$ | \[[^\]\n]{1,100}\]:[ \t]+\S
    | \|[ :|-]{3,}\|?[ \t]*$ )
    | \]\(\w+://
    """,
    re.M | re.X,
)
_REST_SIGN = re.compile(
    r"^ {0,9}\.\. (?:[\w:-]{1,50}::|_[^:\n]{1,100}:|\|)|:\w{1,20}:`[^`\n]{1,200}`|`_{1,2}\b", re.M
)
_MIN_SIGNS, _LINES_PER_SIGN = 2, 200
"""Minimum signs of a markup language in a text whose name does not say what it is, and in its lines."""


def read_blocks(text: str, name: str = "") -> list[Block]:
    """Return the blocks of a document in text order; they do not overlap.

    Args:
        text: of the document.
        name: of the document; its suffix says what markup it has, else signs of the text do.
    """
    suffix = PurePath(name).suffix.lower()
    if is_html(text) or (suffix in (".html", ".htm") and text.lstrip().startswith("<")):
        return html_blocks(text)
    return (_READERS.get(suffix) or _find_reader(text))(text)


def _find_reader(text: str) -> Callable[[str], list[Block]]:
    """Return the reader of the markup language that has most signs in a text."""
    markdown, rest = len(_MARKDOWN_SIGN.findall(text)), len(_REST_SIGN.findall(text))
    if max(markdown, rest) < max(_MIN_SIGNS, text.count("\n") / _LINES_PER_SIGN):
        return plain_blocks
    return rest_blocks if rest > markdown else markdown_blocks
