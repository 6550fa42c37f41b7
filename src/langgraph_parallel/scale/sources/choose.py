"""Which source reads what is given."""

from collections.abc import AsyncIterable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from langgraph_parallel.catalogue.spelling import PYTHON, Spelling
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.redact import redact
from langgraph_parallel.scale.sources.base import Source
from langgraph_parallel.scale.sources.delimited import Delimited, TextLines, is_table
from langgraph_parallel.scale.sources.folder import Folder
from langgraph_parallel.scale.sources.items import NAME, AsyncItems, Items, of_frame, of_mapping
from langgraph_parallel.scale.sources.json_lines import JsonLines, is_json
from langgraph_parallel.scale.sources.parquet import Parquet, parts_in
from langgraph_parallel.scale.sources.records import RecordSource
from langgraph_parallel.scale.sources.sql import SqlSource, is_database
from langgraph_parallel.scale.sources.text_file import TextFile, open_text, standard_input

_JSON_LINES = (".jsonl", ".ndjson", ".jsonlines")
_DOCUMENTS = (".pdf", ".docx", ".html", ".htm", ".xhtml", ".md", ".markdown", ".rst")
_REFUSED = {
    ".xlsx": "save the sheet as CSV",
    ".xls": "save the sheet as CSV",
    ".ods": "save the sheet as CSV",
    ".xml": "convert it to JSON lines",
    ".yaml": "convert it to JSON lines",
    ".yml": "convert it to JSON lines",
    ".zip": "unpack it, and name the files in it",
    ".bz2": "compress it with gzip, or unpack it",
    ".xz": "compress it with gzip, or unpack it",
    ".zst": "compress it with gzip, or unpack it",
}


def as_source(
    given: Any, key: str | None = None, query: str | None = None, spelling: Spelling = PYTHON
) -> Source:
    """Return the source of what is given.

    Args:
        given: the path of a file or folder, `-` for standard input, or the URL of a database; a data frame;
            an iterable or async iterable of mappings or texts; a mapping of names to these; or a source.
        key: the column of the keys. Default: the numbers of the rows; the paths of documents, the names of
            a mapping, and the primary key of a table.
        query: of a database: a SELECT, or a table.
        spelling: how the caller writes arguments.

    Raises:
        UsageError: it cannot be read.
    """
    if callable(getattr(given, "rows", None)) and hasattr(given, "remarks"):
        if key is not None:
            raise UsageError(f"key is {key!r}, and {given.name} has keys of its own; leave it out")
        return cast("Source", given)
    if isinstance(given, str | Path):
        source = _named(str(given), key, query, spelling)
        source.check_key()
        return source
    if query is not None:
        raise UsageError("a query is for databases; name one by its URL")
    if (rows := of_frame(given)) is not None:
        return Items(rows, key, "data frame")
    if isinstance(given, Mapping):
        return Items(of_mapping(given), key or NAME)
    if isinstance(given, AsyncIterable):
        return AsyncItems(given, key)
    if isinstance(given, Iterable) and not isinstance(given, bytes | bytearray):
        return Items(given, key)
    raise UsageError(
        f"items cannot be read from {type(given).__name__}; expected a path, a URL, a data frame, or an "
        "iterable of mappings or texts"
    )


def _named(text: str, key: str | None, query: str | None, spelling: Spelling) -> RecordSource:
    if is_database(text):
        return SqlSource(text, query or "", key, spelling=spelling)
    if query is not None:
        raise UsageError("a query is for databases; name one by its URL, such as sqlite:///reviews.db")
    if text.lower().startswith(("http://", "https://")):
        raise UsageError(f"{redact(text)} is on the web; download it, and name the file")
    if not text:
        raise UsageError("the input is empty; name a file, a folder, or - for standard input")
    if text == "-":
        return _file(standard_input(), key)
    path = Path(text)
    if path.is_dir():
        return _folder(path, key, spelling)
    return _file(open_text(path, text), key)


def _folder(path: Path, key: str | None, spelling: Spelling) -> RecordSource:
    if parts_in(path):
        return Parquet(path, key)
    if key is not None:
        raise UsageError(
            f"{path} is a folder of documents, identified by their paths; leave out {spelling.keyed(key)}"
        )
    return Folder(path)


def _file(file: TextFile, key: str | None) -> RecordSource:
    """Tell a file by its first bytes, by its name, and by its first lines."""
    suffix = file.suffix
    if file.head.startswith(b"PAR1"):
        return Parquet(file.path, key)
    if file.head == b"SQLi":
        raise UsageError(f"{file.name} is an SQLite database; name it by its URL, sqlite:///{file.name}")
    if instead := _REFUSED.get(suffix):
        raise UsageError(f"{file.name}: {suffix} files are not read; {instead}")
    if suffix in _DOCUMENTS:
        raise UsageError(f"{file.name} is one document; name the folder that it is in")
    first = next((line.lstrip("\ufeff \t") for line in file.sample if line.strip()), "")
    if not first:
        raise UsageError(f"{file.name} has no rows")
    if suffix == ".json" and not is_json(first):  # the first line of an object on many
        raise _one_document(file)
    if first.startswith("[") and suffix in (*_JSON_LINES, ".json"):
        raise _one_document(file)
    if suffix in _JSON_LINES or (first.startswith(("{", '"')) and suffix not in (".csv", ".tsv")):
        return JsonLines(file, key)
    if suffix == ".json" or first.startswith("["):
        raise _one_document(file)
    return Delimited(file, key) if is_table(file) else TextLines(file, key)


def _one_document(file: TextFile) -> UsageError:
    return UsageError(
        f"{file.name} is one JSON document; write an object on each line: jq -c '.[]' IN > OUT.jsonl"
    )
