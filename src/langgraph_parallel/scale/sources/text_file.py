"""Files of text, also compressed, opened in their encoding; and standard input, which becomes one."""

import functools
import gzip
import io
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TextIO

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reading.decoding import find_encoding
from langgraph_parallel.reading.notes import Unreadable

_GZIP = b"\x1f\x8b"
_BLOCK = 1 << 20
_SAMPLE_LINES = 1_000
_SAMPLE_CHARACTERS = 500_000
_LOOKED_AT = 1 << 30
"""Bytes up to which a file is read once before its rows are run: seconds, against answers that are paid."""
STANDARD_INPUT = "standard input"


class TextFile:
    """A file of text that is read as a stream, as often as needed.

    Args:
        path: of the file.
        name: as a person reads it.
        owner: what removes the file when it goes; None for a file that stays.

    Raises:
        UsageError: it does not exist, or cannot be opened.
    """

    def __init__(self, path: Path, name: str, owner: object = None) -> None:
        self.path, self.name, self._owner = path, name, owner
        self.notes: Sequence[str] = ()
        with _in_words(name), path.open("rb") as file:
            self.head = file.read(4)
        self._is_compressed = self.head.startswith(_GZIP)

    @property
    def suffix(self) -> str:
        """That of its name, in lower case, without that of its compression."""
        path = self.path.with_suffix("") if self.path.suffix.lower() == ".gz" else self.path
        return path.suffix.lower()

    @property
    def is_short(self) -> bool:
        """Whether all of it can be read in little time."""
        return self.path.stat().st_size <= _LOOKED_AT // (10 if self._is_compressed else 1)

    @functools.cached_property
    def encoding(self) -> str:
        """Python's name of the encoding.

        Raises:
            UsageError: it is damaged, is not text, or its encoding cannot be told.
        """
        with _in_words(self.name), self._open() as file:
            encoding, notes = find_encoding(iter(functools.partial(file.read, _BLOCK), b""))
        self.notes = [note.text for note in notes]
        return encoding

    @functools.cached_property
    def sample(self) -> list[str]:
        """Its first lines."""
        lines: list[str] = []
        size = 0
        for line in islice(self.lines(), _SAMPLE_LINES):
            lines.append(line)
            size += len(line)
            if size > _SAMPLE_CHARACTERS:
                break
        return lines

    def lines(self) -> Iterator[str]:
        r"""Iterate over its lines, with their ends: \n, \r\n or \r.

        Raises:
            UsageError: it cannot be read to its end.
        """
        with _in_words(self.name), self._open() as file, self._decoded(file) as text:
            yield from text

    def _open(self) -> BinaryIO:
        return gzip.open(self.path) if self._is_compressed else self.path.open("rb")  # type: ignore[return-value]

    def _decoded(self, file: BinaryIO) -> TextIO:
        return io.TextIOWrapper(file, self.encoding, errors="replace", newline="")


def standard_input() -> TextFile:
    """Copy standard input to a temporary file, and return it; the file goes with the process.

    What comes over a pipe can be read once only, and is read several times: to see what it is, whether it
    is whole, and for its rows.

    Raises:
        UsageError: it is empty.
    """
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:  # replaced by a stream of text
        stream = io.BytesIO(sys.stdin.read().encode(errors="replace"))
    return _copied(stream, STANDARD_INPUT)


def open_text(path: Path, name: str) -> TextFile:
    """Return a file of text; what comes through a pipe with a name is copied as standard input is.

    Raises:
        UsageError: there is no such file, or it cannot be read.
    """
    with _in_words(name):
        if not path.is_fifo():
            return TextFile(path, name)
        with path.open("rb") as pipe:
            return _copied(pipe, name)


def _copied(stream: BinaryIO, name: str) -> TextFile:
    kept = tempfile.NamedTemporaryFile(prefix="langgraph-parallel-", suffix=".input")  # noqa: SIM115
    shutil.copyfileobj(stream, kept, _BLOCK)
    kept.flush()
    if not kept.tell():
        raise UsageError(f"{name} is empty; expected JSON lines or CSV")
    return TextFile(Path(kept.name), name, kept)


@contextmanager
def _in_words(name: str) -> Iterator[None]:
    """Turn errors of reading a file into words."""
    try:
        yield
    except UsageError:  # in words already, and a ValueError
        raise
    except FileNotFoundError:
        raise UsageError(f"there is no file {name}; check the path") from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise UsageError(f"cannot read {name}: its archive is damaged; compress it again") from None
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror or error}") from None
    except ValueError as error:  # a path with a NUL
        raise UsageError(f"cannot read {name!r}: {error}") from None
    except Unreadable as error:
        raise UsageError(f"cannot read {name}: {error}") from None
