"""Pictures and files beside a text, as LangChain's standard content blocks.

A value that a model is asked about - the content of a section, a question, a variable of an `Ask` - may be a
list of texts and blocks. The texts stand in the prompt; the blocks follow it, in their order.
"""

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.work.conversation import read_conversation, transcribe

Block = Mapping[str, Any]
_TEXT = "text"


def divide_media(value: object) -> tuple[str, list[Block]] | None:
    """Return the text of a value and its blocks; None if it has no blocks."""
    if is_block(value):
        return "(see what is attached)", [value]  # type: ignore[list-item]
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return None
    blocks = [item for item in value if is_block(item) and item["type"] != _TEXT]
    texts = [_text_of(item) for item in value if not (is_block(item) and item["type"] != _TEXT)]
    if not blocks or None in texts:
        return None
    written = "\n\n".join(text for text in texts if text and text.strip())
    return written or "(see what is attached)", blocks


def text_of(value: object) -> str:
    """Return the text of a value, of a conversation as well; what is not text is left out."""
    if not isinstance(value, str) and (messages := read_conversation(value)) is not None:
        return transcribe(messages)
    divided = divide_media(value)
    return str(value) if divided is None else divided[0]


def is_block(value: object) -> bool:
    """Return whether a value is a content block."""
    kinds = {"image", "image_url", "file", "audio", "video", _TEXT}
    return isinstance(value, Mapping) and value.get("type") in kinds and len(value) > 1


def _text_of(item: object) -> str | None:
    if isinstance(item, str):
        return item
    return str(item.get(_TEXT)) if isinstance(item, Mapping) and item.get("type") == _TEXT else None


def image(source: str | Path | bytes, mime_type: str | None = None) -> dict[str, Any]:
    """Return a picture as a content block.

    Args:
        source: a file, its bytes, or the address of a picture on the web, which the provider fetches.
        mime_type: such as `image/png`; by default by the name of the file.

    Raises:
        InputError: the file cannot be read, or its type is not known.
    """
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        return {"type": "image", "url": source}
    kind = mime_type or (None if isinstance(source, bytes) else mimetypes.guess_type(str(source))[0])
    if kind is None or not kind.startswith("image/"):
        raise InputError(f"{_name(source)} is not known as a picture; pass mime_type, such as 'image/png'")
    return {"type": "image", "base64": _encoded(source), "mime_type": kind}


def pdf(source: str | Path | bytes, name: str | None = None) -> dict[str, Any]:
    """Return a PDF file as a content block.

    Args:
        source: the file, or its bytes.
        name: of the file, which some providers require; by default that of the file.

    Raises:
        InputError: the file cannot be read.
    """
    filename = name or ("document.pdf" if isinstance(source, bytes) else Path(source).name)
    return {
        "type": "file",
        "base64": _encoded(source),
        "mime_type": "application/pdf",
        "filename": filename,
    }


def pdf_pages(source: str | Path | bytes) -> list[dict[str, Any]]:
    """Return each page of a PDF file as a content block: a file of one page. Needs the extra `documents`.

    Raises:
        InputError: the file cannot be read, or pypdf is not installed.
    """
    from io import BytesIO

    try:
        from pypdf import PdfReader, PdfWriter
    except ImportError:
        raise InputError("pdf_pages needs pypdf: pip install 'langgraph-parallel[documents]'") from None
    stem = "document" if isinstance(source, bytes) else Path(source).stem
    try:
        pages = PdfReader(BytesIO(_read(source))).pages
        files = []
        for page in pages:
            writer, file = PdfWriter(), BytesIO()
            writer.add_page(page)
            writer.write(file)
            files.append(file.getvalue())
    except InputError:
        raise
    except Exception as error:  # pypdf has many for a file that is damaged or encrypted
        raise InputError(f"{_name(source)} cannot be read as PDF: {error}") from error
    return [pdf(file, f"{stem}-{number}.pdf") for number, file in enumerate(files, 1)]


def _encoded(source: str | Path | bytes) -> str:
    return base64.b64encode(_read(source)).decode()


def _read(source: str | Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror or error}") from error


def _name(source: str | Path | bytes) -> str:
    return "the data" if isinstance(source, bytes) else str(source)
