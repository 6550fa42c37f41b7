"""Documents as text: plain text, Markdown, HTML and PDF."""

import io
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from langgraph_parallel.cli.input.files import Files, collect
from langgraph_parallel.cli.input.reading import decode, read_bytes
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Skipped

SUFFIXES = (".txt", ".text", ".md", ".markdown", ".rst", ".html", ".htm", ".pdf")
_HTML_SUFFIXES = (".html", ".htm")
_MAX_BYTES = 50_000_000
_MAX_PAGES = 5_000
_MISSING_EXTRA = "its format needs the extra: pip install 'langgraph-parallel[documents]'"


class _Unsuitable(Exception):
    """A document without usable text; the message is the reason."""


def read_documents(
    paths: Sequence[str], *, include: Sequence[str] = (), exclude: Sequence[str] = (), use: str = "read"
) -> Files:
    """Read documents, and those below folders.

    Args:
        paths: files and folders.
        include: globs that replace the built-in list of suffixes below folders.
        exclude: globs of files and folders to skip.
        use: verb for the documents' purpose in error messages.

    Raises:
        UsageError: a path does not exist or cannot be read, or no document was found.
    """
    included = list(include) or [f"*{suffix}" for suffix in SUFFIXES]
    return collect(paths, include=included, exclude=exclude, read=read_document, use=use)


def read_document(path: Path) -> str | Skipped:
    """Read the text of a document; the pages of a PDF are separated by form feeds."""
    data = read_bytes(path, _MAX_BYTES)
    if isinstance(data, Skipped):
        return data
    suffix = path.suffix.lower()
    try:
        if suffix == ".pdf" or data.startswith(b"%PDF-"):
            return _pdf_text(data)
        return _html_text(data) if suffix in _HTML_SUFFIXES else decode(path, data)
    except ModuleNotFoundError:
        return Skipped(path=str(path), reason=_MISSING_EXTRA)
    except _Unsuitable as error:
        return Skipped(path=str(path), reason=str(error))
    except Exception as error:  # parsers raise errors of all kinds on broken files
        return Skipped(path=str(path), reason=f"cannot be read: {type(error).__name__}")


def read_text(path: str, *, use: str) -> str:
    """Read one document, or standard input if the path is `-`.

    Raises:
        UsageError: it cannot be read, or has no text.
    """
    name = "standard input" if path == "-" else path
    content = sys.stdin.read() if path == "-" else read_document(Path(path))
    if isinstance(content, Skipped):
        raise UsageError(f"cannot {use} {name}: {content.reason}")
    if not content.strip():
        raise UsageError(f"cannot {use} {name}: it has no text")
    return content


def _html_text(data: bytes) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(data, "html.parser")
    for hidden in soup(["script", "style", "template", "noscript"]):
        hidden.decompose()
    for level in range(1, 7):
        for heading in soup.find_all(f"h{level}"):
            heading.insert(0, "#" * level + " ")
    lines = (line.strip() for line in soup.get_text("\n").splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def _pdf_text(data: bytes) -> str:
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # the reason already reports broken files
    pages = PdfReader(io.BytesIO(data)).pages
    if len(pages) > _MAX_PAGES:
        raise _Unsuitable(f"more than {_MAX_PAGES:,} pages")
    text = "\f".join(page.extract_text() for page in pages)
    if not text.strip():
        raise _Unsuitable("no text in the PDF")
    return text
