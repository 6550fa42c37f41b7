"""Documents as text: plain text, Markdown, HTML and PDF."""

import io
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath

from langgraph_parallel.cli.input.files import NOT_INCLUDED, Files, collect
from langgraph_parallel.cli.input.html_text import html_text
from langgraph_parallel.cli.input.reading import decode, read_bytes
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Skipped
from langgraph_parallel.report.wording import visible

SUFFIXES = (".txt", ".text", ".md", ".markdown", ".rst", ".html", ".htm", ".pdf")
_HTML_SUFFIXES = (".html", ".htm")
_MAX_BYTES = 50_000_000
_MAX_LISTED = 10
"""Maximum files of other kinds that are listed one by one, and maximum kinds."""
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


def print_skipped(skipped: Sequence[Skipped]) -> None:
    """Print to standard error which files were not read, and why.

    Many files of other kinds, of which a folder may have thousands, are counted by suffix.
    """
    others = [item for item in skipped if item.reason == NOT_INCLUDED]
    listed = skipped if len(others) <= _MAX_LISTED else [item for item in skipped if item not in others]
    for item in listed:
        print(visible(f"not read: {item.path} ({item.reason})"), file=sys.stderr)
    if len(others) > _MAX_LISTED:
        suffixes = Counter(PurePath(item.path).suffix or PurePath(item.path).name for item in others)
        kinds = ", ".join(f"{number:,} {suffix}" for suffix, number in suffixes.most_common(_MAX_LISTED))
        more = ", ..." if len(suffixes) > _MAX_LISTED else ""
        print(visible(f"not read: {len(others):,} files of other kinds ({kinds}{more})"), file=sys.stderr)


def read_document(path: Path) -> str | Skipped:
    """Read the text of a document; the pages of a PDF are separated by form feeds."""
    data = read_bytes(path, _MAX_BYTES)
    if isinstance(data, Skipped):
        return data
    suffix = path.suffix.lower()
    is_pdf = suffix == ".pdf" or data.startswith(b"%PDF-")
    try:
        if is_pdf:
            return _pdf_text(data)
        return html_text(data) if suffix in _HTML_SUFFIXES else decode(path, data)
    except ModuleNotFoundError:
        return Skipped(path=str(path), reason=_MISSING_EXTRA)
    except _Unsuitable as error:
        return Skipped(path=str(path), reason=str(error))
    except Exception as error:  # parsers raise errors of all kinds on broken files
        cause = f": {str(error).splitlines()[0]}" if str(error).strip() else ""
        return Skipped(path=str(path), reason=f"cannot be read as {'PDF' if is_pdf else 'HTML'}{cause}")


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
