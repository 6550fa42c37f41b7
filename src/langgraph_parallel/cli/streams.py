"""The standard streams, which may be closed, full, or read by a program that has ended."""

import io
import os
import sys
from pathlib import Path

from langgraph_parallel.errors import UsageError


def guard_streams() -> None:
    """Make standard streams that are closed or fail harmless, before anything is opened.

    The number of a closed stream would go to the next file that is opened, and a child process would write
    its messages there. Progress and statistics that cannot be written do not stop a run whose result can be.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)  # the lowest free number, which is this one
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8")
    encoding = "utf-8" if sys.stderr is None else sys.stderr.encoding
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_Notes()), encoding=encoding, errors="backslashreplace", line_buffering=True
    )


def write_out(text: str) -> None:
    """Write text to standard output.

    Raises:
        UsageError: it cannot be written, as the disk is full or the stream is closed. A reader that has
            closed the pipe (`| head`) is not a failure.
    """
    if sys.stdout is None:
        raise UsageError("standard output is closed; open it, or name a file with --output")
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        silence_output()
        if not isinstance(error, BrokenPipeError):
            raise UsageError(f"cannot write to standard output: {reason(error)}") from None


def silence_output() -> None:
    """Drop what standard output still holds if it cannot be written: Python flushes it once more at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_file(text: str, file: Path) -> None:
    """Write text to a file.

    Raises:
        UsageError: it cannot be written, or only a part of it.
    """
    try:
        # Names of files may hold bytes that are not UTF-8.
        file.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"cannot write all of the result to {file}: {reason(error)}") from None


class _Notes(io.RawIOBase):
    """Standard error as bytes; what it does not take is dropped."""

    def write(self, data: object) -> int:
        """Write data, and return its size also if nobody takes it."""
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        try:
            return os.write(2, view)
        except OSError:
            return len(view)

    def writable(self) -> bool:
        """Return that data can be written."""
        return True

    def isatty(self) -> bool:
        """Return whether standard error is a terminal."""
        return os.isatty(2)

    def fileno(self) -> int:
        """Return the number of standard error."""
        return 2


def reason(error: OSError) -> str:
    """Return what the system says of an error."""
    return error.strerror or str(error)
