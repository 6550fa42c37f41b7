"""Parts of a message: its texts, attached text files, and pictures and files that are no text."""

import base64
import binascii
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage

_TEXT_TYPES = frozenset(
    "application/" + kind
    for kind in (
        "json",
        "xml",
        "yaml",
        "x-yaml",
        "toml",
        "javascript",
        "typescript",
        "sql",
        "x-sh",
        "x-python",
    )
)
"""Types of text besides `text/...`."""
_MEDIA = frozenset({"image", "file", "audio", "video"})
_THOUGHTS = frozenset({"reasoning", "thinking", "redacted_thinking", "tool_call", "tool_use"})
"""Blocks that are no part of what somebody says."""


@dataclass(frozen=True)
class MessagePart:
    """A part of a message.

    Args:
        text: None if it is no text.
        name: of a file; empty if it has none.
        kind: `text`, `image`, `file`, `audio`, `video`, or what the block calls itself.
        block: the picture or file as a content block; None for a text, and for what models cannot read.
    """

    text: str | None
    name: str = ""
    kind: str = "text"
    block: Mapping[str, Any] | None = None

    @property
    def shown(self) -> str:
        """The text, with its name if it is a file; what is no text is named."""
        if self.text is None:
            return f"[{self.label}]"
        return f"{self.name}:\n\n{self.text}" if self.name else self.text

    @property
    def label(self) -> str:
        """What a reader calls a part that is no text."""
        return f"{self.kind} {self.name}".rstrip()


def read_parts(message: BaseMessage) -> list[MessagePart]:
    """Return the parts of a message in their order; empty texts are left out."""
    content = message.content
    if isinstance(content, str):
        return [MessagePart(content)] if content.strip() else []
    return [part for item in content for part in _read_item(item) if part.text is None or part.text.strip()]


def shown_text(parts: Sequence[MessagePart]) -> str:
    """Return parts as one text, in which what is no text is named."""
    return "\n\n".join(part.shown for part in parts)


def _read_item(item: Any) -> Iterator[MessagePart]:
    """Yield the parts of one item of a message's content."""
    if isinstance(item, str):
        yield MessagePart(item)
        return
    for block in _standard_blocks(item):
        kind = str(block.get("type"))
        if kind in _THOUGHTS:
            continue
        name, text = _name_of(block), _text_of(block)
        if text is not None:
            yield MessagePart(text, name)
        elif kind in _MEDIA:
            yield MessagePart(None, name, kind, _as_block(block, name))
        else:
            value = block.get("value")
            yield MessagePart(None, name, str(value.get("type")) if isinstance(value, Mapping) else kind)


def _standard_blocks(item: Any) -> Sequence[Mapping[str, Any]]:
    """Return an item as LangChain's standard content blocks, whatever provider or UI it was made for."""
    try:
        blocks: Sequence[Any] = HumanMessage([item]).content_blocks
    except Exception:  # one that is not complete raises whatever its translation stumbles over
        blocks = [item]
    return [block for block in blocks if isinstance(block, Mapping)]


def _name_of(block: Mapping[str, Any]) -> str:
    extras, metadata = block.get("extras"), block.get("metadata")
    for place in (block, extras, metadata):
        for key in ("filename", "title", "name") if isinstance(place, Mapping) else ():
            if isinstance(name := place.get(key), str) and name.strip():  # type: ignore[union-attr]
                return " ".join(name.split())
    return ""


def _text_of(block: Mapping[str, Any]) -> str | None:
    """Return the text of a block; None if it is no text, or not in UTF-8."""
    if isinstance(text := block.get("text"), str):
        return text
    data, kind = block.get("base64") or block.get("data"), _mime_type(block)
    is_text = kind.startswith("text/") or kind in _TEXT_TYPES
    if block.get("type") != "file" or not is_text or not isinstance(data, str):
        return None
    try:
        return base64.b64decode(data, validate=True).decode("utf-8-sig")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _mime_type(block: Mapping[str, Any]) -> str:
    given = block.get("mime_type") or block.get("mimeType") or mimetypes.guess_type(_name_of(block))[0]
    return str(given or "").partition(";")[0].strip().lower()


def _as_block(block: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a block without the id that each translation makes anew, in the spelling of Python."""
    kept = {key: block[key] for key in ("type", "base64", "url", "file_id") if block.get(key)}
    if "base64" not in kept and isinstance(block.get("data"), str):
        kept["base64"] = block["data"]
    if kind := _mime_type(block):
        kept["mime_type"] = kind
    if name and block.get("type") == "file":
        kept["filename"] = name
    return kept
