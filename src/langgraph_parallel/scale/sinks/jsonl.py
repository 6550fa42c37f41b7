"""Rows as JSON lines."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.rows import Result
from langgraph_parallel.scale.sinks.append_log import sync_folder
from langgraph_parallel.scale.sinks.blocking import BlockingSink
from langgraph_parallel.scale.sinks.file_store import FileStore
from langgraph_parallel.scale.sinks.table import LAST
from langgraph_parallel.scale.sinks.values import json_text
from langgraph_parallel.scale.sinks.writer_lock import real_path


class JsonLinesSink(BlockingSink):
    """Rows as JSON lines: those that are ok in one file, each as it ends; those that failed in another.

    Beside `NAME.jsonl` are `NAME.failed.jsonl`, which is written when the run ends, and `NAME.jsonl.state`,
    which says what is in them: with it the same command goes on. Numbers that JSON lacks are texts (`NaN`).

    Args:
        path: of the file.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(_JsonLines(str(path)))


def json_row(key: str, status: str, output: Any, last: Sequence[Any]) -> str:
    """Return a row as one line of JSON.

    Args:
        key: of the row.
        status: of the row.
        output: its columns.
        last: the values of `LAST`.
    """
    return json_text({"key": key, "status": status, **output, **dict(zip(LAST, last, strict=True))})


class _JsonLines(FileStore):
    """The store of `JsonLinesSink`."""

    def __init__(self, name: str) -> None:
        path = real_path(name)
        super().__init__(name, path, path, path.with_name(f"{path.stem}.failed{path.suffix}"), "JSON lines")

    def line(self, result: Result, last: Sequence[Any]) -> str:
        """Return a row as a line of the file."""
        return json_row(result.key, "ok", result.output, last)

    def check_found(self) -> None:
        """Refuse a file that was changed after the sink was closed."""
        if self._path.exists() and not self._path.is_file():
            raise UsageError(f"{self.name} is not a file; name another sink")
        if self.facts["closed"] and self.log_size() != self.facts["size"]:
            raise self.was_changed()  # what was added is not cut

    def settle(self) -> None:
        """Do nothing: each row is where it belongs."""

    def finish(self) -> None:
        """Do nothing: each row is where it belongs."""

    def write_failures(self, rows: Iterator[tuple[str, list[Any]]]) -> None:
        """Write the file of rows that failed, in one step; delete it if there are none."""
        first = next(rows, None)
        if first is None:
            self._failed.unlink(missing_ok=True)
            return
        draft = self._failed.with_name(f".{self._failed.name}.new")
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            key, last = first
            file.write(_failed_line(key, last))
            for key, last in rows:
                file.write(_failed_line(key, last))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._failed)
        sync_folder(self._failed.absolute().parent)


def _failed_line(key: str, last: Sequence[Any]) -> str:
    return json_row(key, "failed", {}, last) + "\n"
