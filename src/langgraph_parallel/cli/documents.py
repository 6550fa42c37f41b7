"""Documents as texts: text, Markdown, HTML and PDF, and a reason for everything that is left out."""

import csv
import io
import logging
from collections.abc import Sequence
from pathlib import Path

from langgraph_parallel.cli.files import Files, collect
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Skipped

SUFFIXES = (".txt", ".text", ".md", ".markdown", ".rst", ".html", ".htm", ".pdf")
_HTML = (".html", ".htm")
_LARGEST = 50_000_000
_PAGES = 5_000
_NEEDS = "needs more: pip install 'langgraph-parallel[documents]'"
_COLUMNS = ("text", "feedback", "comment", "message", "review", "body")
_NAMES = ("id", "name", "item", "key")


def read_documents(
    paths: Sequence[str], *, include: Sequence[str] = (), exclude: Sequence[str] = (), use: str = "read"
) -> Files:
    """Read documents, and those below folders.

    Args:
        paths: files and folders.
        include: globs that replace the built-in list of suffixes, below folders.
        exclude: globs of what to leave out.
        use: what they are for, as errors say it.

    Raises:
        UsageError: a path does not exist or cannot be read, or there is nothing to read.
    """
    wanted = list(include) or [f"*{suffix}" for suffix in SUFFIXES]
    return collect(paths, include=wanted, exclude=exclude, read=read_document, use=use)


def read_document(path: Path) -> str | Skipped:
    """The text of a document; pages of a PDF end in a form feed."""
    try:
        if not path.is_file():
            return Skipped(path=str(path), reason="not a regular file")
        if path.stat().st_size > _LARGEST:
            return Skipped(path=str(path), reason=f"larger than {_LARGEST:,} bytes")
        data = path.read_bytes()
    except OSError as error:
        return Skipped(path=str(path), reason=f"cannot be read: {error.strerror or error}")
    try:
        if path.suffix.lower() == ".pdf" or data.startswith(b"%PDF-"):
            return _pdf(data)
        return _html(data) if path.suffix.lower() in _HTML else _text(data)
    except ModuleNotFoundError:
        return Skipped(path=str(path), reason=_NEEDS)
    except Exception as error:  # what parsers raise for broken files is theirs
        return Skipped(path=str(path), reason=f"cannot be read: {type(error).__name__}")


def read_table(path: str, column: str | None) -> dict[str, str]:
    """The texts of a CSV file by name, or the lines of any other text; - is standard input.

    Args:
        path: of the file.
        column: that holds the texts; by default text, feedback, comment, message, review or body, or the
            only one.

    Raises:
        UsageError: it cannot be read, or has no such column.
    """
    held = read_document(Path(path))
    if not isinstance(held, str):
        raise UsageError(f"cannot read {path}: {held.reason}")
    if not path.lower().endswith((".csv", ".tsv")):
        lines = [line.strip() for line in held.splitlines() if line.strip()]
        return {f"line {i}": line for i, line in enumerate(lines, 1)}
    rows = list(csv.DictReader(io.StringIO(held), delimiter="\t" if path.lower().endswith(".tsv") else ","))
    columns = list(rows[0]) if rows else []
    chosen = column or next((c for c in columns if str(c).strip().lower() in _COLUMNS), None)
    chosen = chosen or (columns[0] if len(columns) == 1 else None)
    if rows and (chosen is None or chosen not in columns):
        known = ", ".join(map(str, columns))
        raise UsageError(f"{path} has no column {column or 'of texts'!r}; name one of {known} with --column")
    name = next((c for c in columns if c != chosen and str(c).strip().lower() in _NAMES), None)
    made: dict[str, str] = {}
    for i, row in enumerate(rows, 1):
        title = (row.get(name) or "") if name else ""
        title = title if title and title not in made else f"row {i}"
        made[title] = row.get(chosen or "") or ""
    return made


def _text(data: bytes) -> str:
    if b"\0" in data:
        raise ValueError("binary")
    return data.decode("utf-8-sig")


def _html(data: bytes) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(data, "html.parser")
    for hidden in soup(["script", "style", "template", "noscript"]):
        hidden.decompose()
    for number in range(1, 7):
        for heading in soup.find_all(f"h{number}"):
            heading.insert(0, "#" * number + " ")
    lines = (line.strip() for line in soup.get_text("\n").splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def _pdf(data: bytes) -> str:
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it finds odd is said by the reason
    pages = PdfReader(io.BytesIO(data)).pages
    if len(pages) > _PAGES:
        raise ValueError("too many pages")
    text = "\f".join(page.extract_text() for page in pages)
    if not text.strip():
        raise ValueError("no text")
    return text
