"""Contents of a file as text, or the reason why it cannot be read."""

from pathlib import Path

from langgraph_parallel.records import Skipped

_MAX_SOURCE_BYTES = 1_000_000


def read_source(path: Path) -> str | Skipped:
    """Read a file as UTF-8 text of at most 1 MB."""
    data = read_bytes(path, _MAX_SOURCE_BYTES)
    return data if isinstance(data, Skipped) else decode(path, data)


def read_bytes(path: Path, max_bytes: int) -> bytes | Skipped:
    """Read a regular file of at most `max_bytes` bytes."""
    try:
        if not path.is_file():  # opening a pipe would block
            return Skipped(path=str(path), reason="not a regular file")
        if path.stat().st_size > max_bytes:
            return Skipped(path=str(path), reason=f"larger than {max_bytes:,} bytes")
        return path.read_bytes()
    except OSError as error:
        return Skipped(path=str(path), reason=f"cannot be read: {error.strerror or error}")


def decode(path: Path, data: bytes) -> str | Skipped:
    """Decode the contents of a file as UTF-8, without a byte order mark."""
    if b"\0" in data:
        return Skipped(path=str(path), reason="binary")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Skipped(path=str(path), reason="not UTF-8 text")
