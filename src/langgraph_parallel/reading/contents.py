"""Contents of a file as text, or the reason why it cannot be read."""

import codecs
import re
import sys
import tokenize
from io import BytesIO
from pathlib import Path

from langgraph_parallel.records import Skipped

_MAX_SOURCE_BYTES = 1_000_000
_UTF16 = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
"""Byte order marks; PowerShell writes UTF-16 where it redirects output."""
TOO_LARGE = "larger than "
"""Start of the reason why a file of any kind is left out for its size."""
PYTHON_SUFFIXES = (".py", ".pyi", ".pyw")
_DECLARATION = re.compile(r"\A((?:[ \t\f]*(?:#.*)?\n)?[ \t\f]*#.*?coding[:=][ \t]*)([-\w.]+)")
"""The encoding that a Python file declares in its first two lines (PEP 263)."""


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
            return Skipped(path=str(path), reason=f"{TOO_LARGE}{max_bytes:,} bytes")
        return path.read_bytes()
    except OSError as error:
        return Skipped(path=str(path), reason=f"cannot be read: {error.strerror or error}")


def decode(path: Path, data: bytes) -> str | Skipped:
    """Decode the contents of a file as UTF-8, without a byte order mark; other Python as it declares."""
    if b"\0" in data:
        return Skipped(path=str(path), reason="binary")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _decode_as_declared(data) if path.suffix in PYTHON_SUFFIXES else None
        return Skipped(path=str(path), reason="not UTF-8 text") if text is None else text


def _decode_as_declared(data: bytes) -> str | None:
    """Return Python source in another encoding; None if it declares none, or is not in that.

    The declaration then says UTF-8, since engines read the text in that.
    """
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        return _DECLARATION.sub(r"\g<1>utf-8", data.decode(encoding))
    except (SyntaxError, LookupError, ValueError):
        return None


def read_standard_input() -> str:
    """Read standard input as text whose line ends are those of its bytes; bytes not UTF-8 are surrogates."""
    octets = getattr(sys.stdin, "buffer", None)  # as text it has line feeds for carriage returns
    if octets is None:  # replaced by a stream of text
        return sys.stdin.read()
    data: bytes = octets.read()
    for mark, encoding in _UTF16:
        if data.startswith(mark):
            return data.removeprefix(mark).decode(encoding, "replace")
    return data.removeprefix(codecs.BOM_UTF8).decode(errors="surrogateescape")
