"""Markdown building blocks. The writers of all patterns put their documents together from blocks."""

import re
from collections.abc import Iterable

from pydantic import JsonValue

from langgraph_parallel.report.wording import show, visible

_ESCAPES = str.maketrans({**{mark: f"\\{mark}" for mark in "\\`*_[]|~#"}, "<": "&lt;", ">": "&gt;"})
_SPECIAL = re.compile(r"([\\`*\[\]|~$]|(?<!\w)_|_(?!\w))")
_START = re.compile(r"^(\s*)(#|[-+=/]|\d+(?=[.)](?:\s|$)))")
"""What begins a heading, a list or, for bots, a command."""
_REFERENCE = re.compile(r"@(?=\w)|[#!](?=\d)|gh-(?=\d)|(?:https?|ftp):(?=//)|www(?=\.)", re.IGNORECASE)
"""What code hosts make links of, and notify people for: the first part of each."""
_GAP = "&#8203;"
"""A space of no width. Hosts look for references after they have decoded entities, so nothing less helps."""
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")
_CODE_INDENT = "    "


def join_blocks(blocks: Iterable[str]) -> str:
    """Join blocks into a document, with an empty line between them; empty blocks are left out."""
    return "\n\n".join(filter(None, (block.rstrip("\n") for block in blocks))) + "\n"


def bullets(items: Iterable[str]) -> str:
    """Return a bullet list; the items must be escaped."""
    return "\n".join(f"- {item}" for item in items)


def notice_block(notice: str) -> str:
    """Return a notice of this package as a block quote; empty for no notice."""
    return f"> {notice}" if notice else ""


def names_line(title: str, names: Iterable[str]) -> str:
    """Return a line such as `Missing: a, b.`; empty for no names."""
    listed = ", ".join(map(escape, names))
    return f"{title}: {listed}." if listed else ""


def paragraphs(text: str) -> list[str]:
    """Split text at empty lines and escape each paragraph; keep lists, and lines indented by four as code."""
    parts = (part.strip("\n") for part in _BLANK_LINES.split(text))
    return [_escape_part(part) for part in parts if part.strip()]


def _escape_part(part: str) -> str:
    lines = part.split("\n")
    if all(line.startswith(_CODE_INDENT) for line in lines):
        fence = _fence_for(part)
        return "\n".join([fence, *(visible(line.removeprefix(_CODE_INDENT)) for line in lines), fence])
    if all(line.startswith("- ") for line in lines):
        return bullets(escape(line[2:]) for line in lines)
    return escape(part)


def escape(value: JsonValue) -> str:
    """Return a value as one line of text without active Markdown, HTML or control characters.

    For cells, list items and headings. Numbers and addresses stay readable; use `escape_text` where links and
    mentions must not become active either.
    """
    return " ".join(visible(show(value)).split()).translate(_ESCAPES)


def escape_text(text: str) -> str:
    """Return text without active Markdown or HTML, wherever it is posted.

    Links, mentions, references such as `#1`, commands and block markers at the start, and control characters
    are disabled as well.
    """
    plain = _START.sub(r"\1\0\2", visible(text).translate(_HTML))
    return _SPECIAL.sub(r"\\\1", _REFERENCE.sub("\\g<0>\0", plain)).replace("\0", _GAP)


def code_span(text: str) -> str:
    """Return text as inline code that the text cannot close."""
    ticks = "`" * (_longest_run(text, "`") + 1)
    pad = " " if "`" in text else ""
    return f"{ticks}{pad}{visible(text)}{pad}{ticks}"


def code_block(text: str) -> str:
    """Return text as a fenced block of one line that the text cannot close."""
    fence = _fence_for(text)
    return f"{fence}\n{visible(text)}\n{fence}"


def code_lines(text: str) -> str:
    """Return text of several lines as a fenced block that the text cannot close."""
    fence = _fence_for(text)
    return "\n".join([fence, *map(visible, text.split("\n")), fence])


def _fence_for(text: str) -> str:
    return "`" * max(3, _longest_run(text, "`") + 1)


def _longest_run(text: str, char: str) -> int:
    return max((len(run) for run in re.findall(f"{re.escape(char)}+", text)), default=0)
