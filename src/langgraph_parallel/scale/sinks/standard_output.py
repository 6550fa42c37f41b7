"""Rows as JSON lines on standard output."""

import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TextIO

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.rows import Result, RowStatus
from langgraph_parallel.scale.sinks.base import Counts, Manifest
from langgraph_parallel.scale.sinks.blocking import BlockingSink
from langgraph_parallel.scale.sinks.journal import Journal
from langgraph_parallel.scale.sinks.jsonl import json_row
from langgraph_parallel.scale.sinks.naming import NameRules
from langgraph_parallel.scale.sinks.table import (
    last_values,
    made_with,
    new_columns,
    now_text,
    once_each,
)


class StandardOutputSink(BlockingSink):
    """Rows as JSON lines on standard output, each as it ends, those that failed as well.

    Nothing is kept: the same command begins anew.
    """

    def __init__(self) -> None:
        super().__init__(_StandardOutput())


class _StandardOutput:
    """The store of `StandardOutputSink`."""

    name = "standard output"
    rules = NameRules(sys.maxsize)
    remarks: Sequence[str] = ()

    def __init__(self) -> None:
        self._journal = Journal(None)
        self._out = sys.stdout

    def open(self) -> Manifest | None:
        """See `Store`."""
        if sys.stdout is None:
            raise UsageError("standard output is closed; open it, or name another sink")
        self._out, sys.stdout = sys.stdout, sys.stderr  # what the code of rows prints is no row
        return self._journal.open()

    def stored(self, keys: Collection[str]) -> Mapping[str, RowStatus]:
        """See `Store`."""
        return self._journal.stored(keys)

    def write(self, results: Sequence[Result], manifest: Manifest) -> None:
        """See `Store`; what was written once is not written again, also if it failed."""
        self.rules.check(new_columns(results, frozenset()))
        there = self._journal.stored([result.key for result in results])
        results = [result for result in once_each(results) if result.key not in there]
        written, program = now_text(), made_with(manifest.fingerprint)
        rows = [(result, last_values(result, str, written, program)) for result in results]
        _print(
            "".join(f"{json_row(row.key, row.status, row.output, last)}\n" for row, last in rows), self._out
        )
        done = [row.key for row, _ in rows if row.status == "ok"]
        failed = {row.key: (row.attempts, last) for row, last in rows if row.status == "failed"}
        self._journal.commit(done, failed, manifest, ())

    def counts(self) -> Counts:
        """See `Store`."""
        return self._journal.counts()

    def failures_after(self, key: str | None) -> Sequence[Result]:
        """See `Store`."""
        return self._journal.failures_after(key)

    def close(self) -> None:
        """See `Store`."""
        sys.stdout = self._out
        self._journal.close()


def _print(text: str, out: TextIO) -> None:
    try:
        if hasattr(out, "buffer"):
            out.buffer.write(text.encode())  # UTF-8, as all JSON is, whatever the locale
            out.buffer.flush()
        else:
            out.write(text)
    except BrokenPipeError:
        raise UsageError("the reader of standard output has closed it before all rows were written") from None
    except OSError as error:
        raise UsageError(f"cannot write to standard output: {error.strerror}") from None
