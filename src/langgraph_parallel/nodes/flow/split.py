"""Planners that need no model.

Each is configured first and then called with the content: `split.by_heading(max_tokens=3000)(text)`. All keep
sections within `max_tokens` and lose nothing: a longer section is cut at line ends into consecutive sections,
which repeat `overlap` tokens of the one before.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from langgraph_parallel.arguments import at_least, checked
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.flow.planner import Planner
from langgraph_parallel.nodes.text.chunks import Piece, check_ceiling, cut, number_title, split_lines
from langgraph_parallel.records import Section
from langgraph_parallel.runtime.tokens import CountTokens, estimate_tokens

MAX_TOKENS = 3000
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(\S.*)?)?$")
_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)$", re.DOTALL)


@checked
def by_heading(
    max_tokens: int = MAX_TOKENS, *, level: int = 2, overlap: int = 0, count: CountTokens = estimate_tokens
) -> Planner:
    """Divide a Markdown text at its headings.

    Args:
        max_tokens: most tokens in a section; a longer one is cut, and its parts are numbered in their titles.
        level: deepest heading that starts a section; 2 divides at `#` and `##`.
        overlap: tokens repeated between the parts of a long section, at most half of `max_tokens`.
        count: counts the tokens of a text.

    Text before the first heading is a section too. Headings inside code fences are text.

    Raises:
        UsageError: an argument has the wrong type, or is out of range.
    """
    check_ceiling(max_tokens, overlap)
    if not 1 <= level <= 6:
        raise UsageError(f"level is {level!r}; expected an integer from 1 to 6")

    def divide(text: str) -> list[Section]:
        parts = [
            (title, piece)
            for title, body in _headed(text, level)
            for title, piece in _titled(title, cut(body, max_tokens, overlap=overlap, count=count))
        ]
        return [
            Section(id=str(i), title=title, content=piece.text) for i, (title, piece) in enumerate(parts, 1)
        ]

    return Planner("by_heading", str, divide)


@checked
def by_file(
    max_tokens: int = MAX_TOKENS, *, overlap: int = 0, count: CountTokens = estimate_tokens
) -> Planner:
    """Make one section for each file of a mapping of path to text; a long file is cut into several.

    Sections are titled by path, with a number if the file is cut. Empty files are left out.

    Raises:
        UsageError: an argument has the wrong type, or is out of range.
    """
    check_ceiling(max_tokens, overlap)

    def divide(files: Mapping[str, str]) -> list[Section]:
        return _with_unique_ids(
            Section(id=title, title=title, content=piece.text)
            for path in sorted(files)
            for title, piece in _titled(path, cut(files[path], max_tokens, overlap=overlap, count=count))
        )

    return Planner("by_file", dict[str, str], divide)


@checked
def by_criterion(
    criteria: Mapping[str, str],
    max_tokens: int = MAX_TOKENS,
    *,
    overlap: int = 0,
    count: CountTokens = estimate_tokens,
) -> Planner:
    """Make one section of the whole text for each criterion, which becomes its instructions.

    Args:
        criteria: what to look for, by name, such as `{"tone": "Is it polite?"}`.
        max_tokens: most tokens of the text in a section; a longer text is cut, for each criterion.
        overlap: tokens repeated between the parts of a long text.
        count: counts the tokens of a text.

    Raises:
        UsageError: `criteria` is empty, or an argument has the wrong type or is out of range.
    """
    check_ceiling(max_tokens, overlap)
    if not criteria:
        raise UsageError("criteria is empty; pass at least one: {'name': 'what to look for'}")

    def divide(text: str) -> list[Section]:
        pieces = cut(text, max_tokens, overlap=overlap, count=count)
        return _with_unique_ids(
            Section(id=title, title=title, content=piece.text, instructions=instructions)
            for name, instructions in criteria.items()
            for title, piece in _titled(name, pieces)
        )

    return Planner("by_criterion", str, divide)


@checked
def by_pages(
    pages: int = 1,
    max_tokens: int = MAX_TOKENS,
    *,
    overlap: int = 0,
    count: CountTokens = estimate_tokens,
) -> Planner:
    r"""Divide a text at its form feeds (`\f`), with which PDF tools end a page.

    Args:
        pages: number of pages in a section.
        max_tokens: most tokens in a section; a longer one is cut.
        overlap: tokens of the previous page that are repeated.
        count: counts the tokens of a text.

    Raises:
        UsageError: an argument has the wrong type, or is out of range.
    """
    check_ceiling(max_tokens, overlap)
    at_least(pages, "pages")

    def divide(text: str) -> list[Section]:
        leaves = text.removesuffix("\f").split("\f") if text else []
        sections = []
        for start in range(0, len(leaves), pages):
            last = min(start + pages, len(leaves))
            title = f"page {start + 1}" if last == start + 1 else f"pages {start + 1}-{last}"
            body = "\f".join(leaves[start:last])
            if start and body.strip():
                body = _tail(leaves[start - 1], overlap, count) + body
            sections += _titled(title, cut(body, max_tokens, overlap=overlap, count=count))
        return [
            Section(id=str(i), title=title, content=piece.text)
            for i, (title, piece) in enumerate(sections, 1)
        ]

    return Planner("by_pages", str, divide)


@checked
def in_batches(
    size: int = 20, max_tokens: int = MAX_TOKENS, *, count: CountTokens = estimate_tokens
) -> Planner:
    """Put a list of short texts into batches, each item with its number: `[17] text`.

    Args:
        size: most items in a batch.
        max_tokens: most tokens in a batch; a longer item is cut into batches of its own.
        count: counts the tokens of a text.

    Raises:
        UsageError: an argument has the wrong type, or is out of range.
    """
    check_ceiling(max_tokens)
    at_least(size, "size")

    def divide(items: Sequence[str]) -> list[Section]:
        batches = list(
            _batches([f"[{i}] {item}\n" for i, item in enumerate(items, 1)], size, max_tokens, count)
        )
        sections = [
            part
            for first, last, text in batches
            for part in _titled(
                f"item {first}" if first == last else f"items {first}-{last}",
                cut(text, max_tokens, count=count),
            )
        ]
        return [
            Section(id=str(i), title=title, content=piece.text)
            for i, (title, piece) in enumerate(sections, 1)
        ]

    return Planner("in_batches", list[str], divide)


def _batches(
    items: Sequence[str], size: int, max_tokens: int, count: CountTokens
) -> Iterator[tuple[int, int, str]]:
    """Yield the first number, the last number and the text of each batch."""
    first, batch_text, tokens = 1, "", 0
    for number, item in enumerate(items, 1):
        more = count(item)
        if batch_text and (number - first >= size or tokens + more > max_tokens):
            yield first, number - 1, batch_text
            first, batch_text, tokens = number, "", 0
        batch_text += item
        tokens += more
    if batch_text:
        yield first, len(items), batch_text


def _with_unique_ids(sections: Iterable[Section]) -> list[Section]:
    """Return the sections, with an apostrophe after each id that an earlier section has."""
    by_id: dict[str, Section] = {}
    for section in sections:
        name = section.id
        while name in by_id:
            name += "'"
        by_id[name] = section.model_copy(update={"id": name})
    return list(by_id.values())


def _titled(title: str, pieces: Sequence[Piece]) -> list[tuple[str, Piece]]:
    """Title the pieces of a text, numbered if there are several; leave out blank ones."""
    kept = [piece for piece in pieces if piece.text.strip()]
    return [(number_title(title, i, len(kept)), piece) for i, piece in enumerate(kept, 1)]


def _headed(text: str, level: int) -> Iterator[tuple[str, str]]:
    """Yield titles and bodies; a body starts with its own heading."""
    title, body, fence = "Start", "", ""
    for line in split_lines(text):
        mark = _FENCE.match(line)
        if fence:
            closes = mark and mark["mark"].startswith(fence) and not mark["info"].strip()
            fence = "" if closes else fence
        elif mark:
            fence = mark["mark"]
        elif (heading := _HEADING.match(line.rstrip())) and len(heading[1]) <= level:
            if body.strip():
                yield title, body
            title, body = _title(heading[2] or ""), ""
        body += line
    if body.strip():
        yield title, body


def _title(text: str) -> str:
    """Return the text of a heading, without closing `#` marks."""
    bare = text.rstrip("#")
    closed = bare != text and (not bare or bare[-1].isspace())
    return (bare if closed else text).strip() or "Untitled"


def _tail(text: str, max_tokens: int, count: CountTokens) -> str:
    """Return the last lines of a text, up to a number of tokens."""
    kept = ""
    for line in reversed(split_lines(text)):
        if count(line + kept) > max_tokens:
            break
        kept = line + kept
    return kept if not kept or kept.endswith("\n") else f"{kept}\n"
