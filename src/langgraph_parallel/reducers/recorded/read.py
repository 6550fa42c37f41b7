"""Records of runs as text."""

from pathlib import Path

from pydantic import ValidationError

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.run_record import RunRecord


def read_record(file: Path | str) -> RunRecord:
    """Read the record of a run from a file.

    Raises:
        UsageError: the file cannot be read, or is not the record of a run.
    """
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
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
        return RunRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        if where == "v":
            raise UsageError(
                f"{source} is a record of version {first['input']!r}, and this release reads version 1; "
                "read it with the release that wrote it"
            ) from None
        raise UsageError(
            f"{source} is not the record of a run: {where}: {first['msg']}; `record=` writes records"
        ) from None
