"""Records of runs as text."""

import gzip
import zlib
from pathlib import Path

from pydantic import ValidationError

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.run_record import RunRecord
from langgraph_parallel.reducers.recorded.check import fault_of

GZIP = b"\x1f\x8b"
"""Begin of what gzip has compressed."""


def read_record(file: Path | str) -> RunRecord:
    """Read the record of a run from a file, which gzip may have compressed.

    Raises:
        UsageError: the file cannot be read, or is not the record of a run.
    """
    try:
        data = Path(file).read_bytes()
        # editors write a byte order mark
        text = (gzip.decompress(data) if data.startswith(GZIP) else data).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise UsageError(f"{file} cannot be read: {reason}") from None
    return parse_record(text, str(file))


def parse_record(text: str, source: str = "the text") -> RunRecord:
    """Read the record of a run from JSON.

    Args:
        text: the document.
        source: what the error names.

    Raises:
        UsageError: it is not the record of a run, or is one of a later version.
    """
    try:
        record = RunRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        if where == "v":
            raise UsageError(
                f"{source} is a record of version {first['input']!r}, and this release reads version 1; "
                "read it with the release that wrote it"
            ) from None
        if first["type"] == "extra_forbidden":
            raise UsageError(
                f"{source} has {where}, which this release does not know; "
                "read it with the release that wrote it"
            ) from None
        raise UsageError(
            f"{source} is not the record of a run: {where}: {first['msg']}; `record=` writes records"
        ) from None
    if (fault := fault_of(record)) is not None:
        raise UsageError(f"{source} is not the record of a run: {fault}; it was changed since it was written")
    return record
