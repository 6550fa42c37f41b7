"""Parse documents in a process of its own, whose time and memory are limited."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from langgraph_parallel.reading.notes import Note, Parsed, Sheet, Unreadable

MAX_SECONDS = {"html": 60, "pdf": 120, "docx": 60, "sheets": 60}
"""Processor time for one document, by its kind: what the largest honest ones need, with a reserve."""
_VARIABLES = (
    "DYLD_LIBRARY_PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "SYSTEMROOT",
    "TMPDIR",
)
"""What the process gets of the environment: no keys."""
_WORKER = "langgraph_parallel.reading.confined_worker"


class Confined:
    """Parses documents in one process, which starts with the first, and again after one that ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._end()

    def parse(self, kind: str, data: bytes) -> Parsed:
        """Parse a document.

        Args:
            kind: `html`, `pdf`, `docx` or `sheets`.
            data: the document.

        Raises:
            Unreadable: it has no text that can be read, is damaged, or takes too much time or memory.
        """
        try:
            answer = self._ask({"kind": kind, "size": len(data), "seconds": MAX_SECONDS[kind]}, data)
        except (BrokenPipeError, EOFError):
            code = self._end()
            if code == -getattr(signal, "SIGXCPU", 0):
                raise Unreadable(f"reading it takes more than {MAX_SECONDS[kind]} s") from None
            if code < 0:
                raise Unreadable("it is damaged, or too large to read") from None
            raise Unreadable(f"the process that parses documents has failed with code {code}") from None
        if "reason" in answer:
            raise Unreadable(answer["reason"])
        notes = [Note(*note) for note in answer["notes"]]
        return Parsed(answer["text"], notes, [Sheet(*sheet) for sheet in answer["sheets"]])

    def _ask(self, request: Mapping[str, str | int], data: bytes) -> Any:
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", _WORKER],  # -P: modules in the current folder are not ours
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _VARIABLES if name in os.environ},
            )
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        requests.write(json.dumps(request).encode() + b"\n")
        requests.write(data)
        requests.flush()
        size = answers.readline()
        body = answers.read(int(size or 0))
        if not size or len(body) < int(size):
            raise EOFError
        return json.loads(body)

    def _end(self) -> int:
        """Wait for the end of the process and return its code."""
        process, self._process = self._process, None
        assert process is not None
        try:
            process.communicate()
        except BrokenPipeError:
            process.wait()
        return process.returncode
