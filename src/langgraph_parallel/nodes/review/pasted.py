"""Code in a message: fenced blocks, attached files, a diff, or nothing but code."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from textwrap import dedent
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_core.messages import BaseMessage

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.review.code_language import (
    code_lines,
    code_suffix,
    find_path,
    language_suffix,
    looks_like_path,
)
from langgraph_parallel.nodes.work.message_parts import read_parts
from langgraph_parallel.runtime.messages import FromMessages

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_DIFF = re.compile(r"^(?:diff --git |diff --cc |Index: \S|--- .*\n\+\+\+ )", re.M)
"""What a diff begins with."""
_DIFF_NAMES = (".diff", ".patch")
_NOTHING = (
    "the last message of the user has no code{others}; paste it in a fenced block (```python), as a unified "
    "diff, or attach it as a text file"
)


class Pasted(NamedTuple):
    """What of a text is code.

    Args:
        files: name (empty if nothing says one), suffix, and text of each.
        diffs: unified diffs.
        around: lines of the text that are neither, and not blank.
    """

    files: Sequence[tuple[str, str, str]]
    diffs: Sequence[str]
    around: int


def read_pasted(text: str) -> Pasted:
    """Return the code in a text.

    In this order: a diff, from its first line to the end; fenced blocks, in lists and quotes too; a text that
    is nothing but code; blocks that are indented by four.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    blocks = _fenced_blocks(text)
    if (start := _diff_start(text, blocks)) is not None:
        return Pasted([], [text[start:]], _count(text[:start]))
    lines = text.split("\n")
    fenced = [block for block in blocks if block.is_fenced]
    # A program may have fences too, in its comments.
    if code := _bare(lines, len(lines) if not fenced else fenced[0].first):
        return code
    blocks, files, diffs = fenced or blocks, [], []
    for block in blocks:
        if _is_diff(block):
            diffs.append(block.text)
        else:
            files.append((block.name, language_suffix(block.language) or code_suffix(block.text), block.text))
    inside = {line for block in blocks for line in range(block.first, block.end)}
    return Pasted(files, diffs, sum(bool(line.strip()) for n, line in enumerate(lines) if n not in inside))


def _bare(lines: Sequence[str], fence: int) -> Pasted | None:
    """Return a text that is nothing but code, but for what is said before and after; None for another.

    Args:
        lines: of the text.
        fence: the first line of a fence, or the number of lines.
    """
    first, end = code_lines(lines)
    shift = dedent if lines[first : first + 1] and lines[first][:1].isspace() else str
    if not (suffix := code_suffix(shift("\n".join(lines[first : min(end, fence)])))):
        return None
    around = sum(bool(line.strip()) for line in [*lines[:first], *lines[end:]])
    return Pasted([("", suffix, shift("\n".join([*lines[first:end], ""])))], [], around)


def _read(messages: Sequence[BaseMessage]) -> Mapping[str, Any]:
    """Return the files and the diff in the last message.

    Raises:
        InputError: there is no code in it.
    """
    files: dict[str, str] = {}
    diffs: list[str] = []
    parts = read_parts(messages[-1])
    for pasted in (_read_part(part.name, part.text) for part in parts if part.text is not None):
        diffs += pasted.diffs
        for name, suffix, text in pasted.files:
            files[_unused(name or f"pasted{suffix or '.txt'}", files)] = text
    if not files and not diffs:
        labels = [part.label for part in parts if part.text is None]
        raise InputError(_NOTHING.format(others=f" (only {', '.join(labels)})" if labels else ""))
    return {"files": files or None, "diff": "\n".join(diffs) if diffs else None}


def _read_part(name: str, text: str) -> Pasted:
    """Return the code in a text, or in a file that is attached."""
    if not name:
        return read_pasted(text)
    return Pasted([], [text], 0) if name.lower().endswith(_DIFF_NAMES) else Pasted([(name, "", text)], [], 0)


def _unread(message: BaseMessage) -> list[str]:
    """Name what of a message is not reviewed: text around the code, and what is no text."""
    parts = read_parts(message)
    around = sum(read_pasted(p.text).around for p in parts if p.text is not None and not p.name)
    lines = [f"{around} {'line' if around == 1 else 'lines'} of text around the code"] if around else []
    return [*lines, *(part.label for part in parts if part.text is None)]


CODE_FROM_MESSAGES = FromMessages(
    ["files", "diff"],
    _read,
    _unread,
    "there is nothing to review; pass files={path: text}, or a diff",
)
"""How a review reads its input from a conversation: the code in the last message."""


class _Block(NamedTuple):
    """A block of code in a text: its lines, marks included, and what it holds."""

    first: int
    end: int
    text: str
    language: str
    name: str
    is_fenced: bool


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    # A tag before a fence would make both one block of HTML.
    return MarkdownIt("commonmark").disable(["inline", "html_block"])


def _fenced_blocks(text: str) -> list[_Block]:
    """Return the blocks of code in a text; a fence that nothing closes goes on to the end."""
    return list(_blocks(text, text.split("\n"), 0))


def _blocks(text: str, lines: Sequence[str], first: int) -> Iterator[_Block]:
    for token in _parser().parse(text):
        if token.map is None or token.type not in ("fence", "code_block"):
            continue
        begin, end = first + token.map[0], first + token.map[1]
        if token.type == "fence":
            language, name = _read_info(token.info)
            yield _Block(begin, end, token.content, language, name or _name_before(lines, begin), True)
        elif within := list(_blocks(token.content, lines, begin)) if "\n" in token.content.strip() else []:
            yield from within  # an indented message, with fences of its own
        else:
            yield _Block(begin, end, token.content, "", _name_before(lines, begin), False)


def _read_info(info: str) -> tuple[str, str]:
    r"""Return the language and the name that the first line of a fence says.

    >>> _read_info("python title='src/app.py'"), _read_info("py:app.py"), _read_info("{.go}"), _read_info("")
    (('python', 'src/app.py'), ('py', 'app.py'), ('go', ''), ('', ''))
    """
    language = re.match(r"\{?\.?([\w+#-]+)", info)
    words = re.split(r"[\s={}:,\"'()]+", info)
    name = next((path for word in words if (path := looks_like_path(word))), "")
    said = language[1] if language else ""
    return ("" if name.startswith(said + ".") and info.startswith(name) else said), name


def _name_before(lines: Sequence[str], begin: int) -> str:
    """Return the path in the line before a block, if that is what the line is there for."""
    before = next((line for line in reversed(lines[max(0, begin - 2) : begin]) if line.strip()), "")
    return find_path(before)


def _diff_start(text: str, blocks: Sequence[_Block]) -> int | None:
    """Return where a diff begins that is in no fence, and behind none; None if none does."""
    match = _DIFF.search(text)
    if match is None:
        return None
    line = text.count("\n", 0, match.start())
    behind = any(block.is_fenced and block.first < line for block in blocks)
    return None if behind else match.start()


def _is_diff(block: _Block) -> bool:
    return block.language.lower() in ("diff", "patch", "udiff") or _DIFF.match(block.text) is not None


def _count(text: str) -> int:
    return sum(bool(line.strip()) for line in text.split("\n"))


def _unused(name: str, files: Mapping[str, str]) -> str:
    """Return a name that no file has: `pasted.py`, `pasted-2.py`."""
    stem, dot, suffix = name.rpartition(".")
    number, tried = 2, name
    while tried in files:
        tried, number = f"{stem}-{number}.{suffix}" if dot else f"{name}-{number}", number + 1
    return tried
