"""Documents as text: plain text, Markdown, HTML, PDF, .docx and spreadsheets."""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.text.diff import readable
from langgraph_parallel.reading.confined import Confined
from langgraph_parallel.reading.contents import read_bytes
from langgraph_parallel.reading.decoding import decode_text
from langgraph_parallel.reading.files import collect, display_path, path_exists
from langgraph_parallel.reading.formats import find_format
from langgraph_parallel.reading.notes import Parsed, Remark, Sheet, Unreadable
from langgraph_parallel.records import Skipped

SUFFIXES = (".txt", ".text", ".md", ".markdown", ".rst", ".html", ".htm", ".xhtml", ".pdf", ".docx")
"""Names of the documents that are read below folders."""
STANDARD_INPUT = "standard input"
_MAX_BYTES = 50_000_000
_NO_TEXT = "it has no text"


class Documents(NamedTuple):
    """Texts by path as a person would write it.

    Attributes:
        texts: by path.
        skipped: files that were left out, in the order in which they were found.
        remarks: on texts that were read.
        unread: paths of the files in `skipped` that were to be read, and could not be.
    """

    texts: dict[str, str]
    skipped: list[Skipped]
    remarks: list[Remark]
    unread: frozenset[str] = frozenset()


class DocumentReader:
    """Reads documents, and keeps remarks on them."""

    def __init__(self) -> None:
        self.remarks: list[Remark] = []
        self.unread: set[str] = set()
        self._confined = Confined()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._confined.__exit__(kind, error, trace)

    def read(self, path: Path) -> str | Skipped:
        """Read the text of a file, or return why it has none."""
        name = readable(display_path(path))
        data = read_bytes(path, _MAX_BYTES)
        if isinstance(data, Skipped):
            self.unread.add(name)
            return data
        try:
            return self.text_of(name, self.parse(data, path.suffix.lower()))
        except Unreadable as error:
            self.unread.add(name)
            return Skipped(path=str(path), reason=str(error))

    def read_input(self, name: str) -> Parsed:
        """Read and parse a file, or standard input if the name is `-`.

        Raises:
            Unreadable: it has no text that can be read.
        """
        if name == "-":
            return self.parse(read_standard_input(), "")
        if not path_exists(Path(name)):
            raise Unreadable("there is no such file; check the path")
        data = read_bytes(Path(name), _MAX_BYTES)
        if isinstance(data, Skipped):
            raise Unreadable(data.reason)
        return self.parse(data, Path(name).suffix.lower())

    def parse(self, data: bytes, suffix: str) -> Parsed:
        """Parse a document of any format.

        Args:
            data: the document.
            suffix: of its name, in lower case; empty if it has none.

        Raises:
            Unreadable: it has no text that can be read.
        """
        if not data.strip():
            raise Unreadable(_NO_TEXT)
        kind = find_format(data, suffix)
        parsed = decode_text(data) if kind == "text" else self._confined.parse(kind, data)
        if not parsed.text.strip() and not parsed.sheets:
            raise Unreadable(_NO_TEXT)
        return parsed

    def text_of(self, name: str, parsed: Parsed) -> str:
        """Return the text of a document, and keep the remarks on it.

        Raises:
            Unreadable: there is no text in it.
        """
        text = _sheets_text(parsed.sheets) if parsed.sheets else parsed.text
        if not text.strip():
            raise Unreadable(_NO_TEXT)
        self.remarks += [Remark(name, note.text, note.lost) for note in parsed.notes]
        return text


def read_documents(
    paths: Sequence[str], *, include: Sequence[str] = (), exclude: Sequence[str] = (), use: str = "read"
) -> Documents:
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
    with DocumentReader() as reader:
        files = collect(paths, include=included, exclude=exclude, read=reader.read, use=use)
        return Documents(files.texts, files.skipped, reader.remarks, frozenset(reader.unread))


def read_text(path: str, *, use: str) -> tuple[str, list[Remark]]:
    """Read one document, or standard input if the path is `-`, with remarks on it.

    Raises:
        UsageError: it cannot be read, or has no text.
    """
    name = STANDARD_INPUT if path == "-" else path
    if not path:
        raise UsageError(f"the path to {use} is empty; name a file, or - for standard input")
    with DocumentReader() as reader:
        try:
            return reader.text_of(name, reader.read_input(path)), reader.remarks
        except Unreadable as error:
            raise UsageError(f"cannot {use} {name}: {error}") from None


def read_standard_input() -> bytes:
    """Read standard input.

    Raises:
        Unreadable: it is too large.
    """
    stream = getattr(sys.stdin, "buffer", None)  # not in all replacements of it
    data: bytes = stream.read(_MAX_BYTES + 1) if stream else sys.stdin.read().encode(errors="replace")
    if len(data) > _MAX_BYTES:
        raise Unreadable(f"it is larger than {_MAX_BYTES:,} bytes")
    return data


def _sheets_text(sheets: Sequence[Sheet]) -> str:
    """Return the cells of a workbook as text: a heading for each sheet, a line for each row."""
    lines: list[str] = []
    for sheet in sheets:
        rows = [" | ".join(" ".join(cell.split()) for cell in row).strip(" |") for row in sheet.rows]
        rows = [row for row in rows if row]
        lines += [f"# {sheet.name}", *rows] if len(sheets) > 1 and rows else rows
    return "".join(f"{line}\n" for line in lines)
