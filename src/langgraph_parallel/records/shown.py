"""How records show themselves.

Reports are built on records, not the other way around. This is the one place where a record reaches for them,
by name and when it is shown.
"""

from importlib import import_module
from pathlib import Path

from langgraph_parallel.records.base import Record


def shown(record: Record, view: str, file: str | Path | None = None) -> str:
    """Return a view of a record, and write it into a file if there is one.

    Args:
        record: a `RunRecord` or a `RunReport`.
        view: name of a function of `langgraph_parallel.report.record`.
        file: is written as UTF-8; None to write nothing.

    Raises:
        OSError: the file cannot be written.
    """
    text: str = getattr(import_module("langgraph_parallel.report.record"), view)(record)
    if file is not None:
        Path(file).write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    return text


class ShownRun(Record):
    """The views of the record of a run."""

    def to_html(self, file: str | Path | None = None) -> str:
        """Return a page on the run: one HTML file that needs no network.

        Args:
            file: is written; None to write nothing.
        """
        return shown(self, "run_page", file)

    def to_perfetto(self, file: str | Path | None = None) -> str:
        """Return a trace in Chrome's trace event format, for ui.perfetto.dev.

        Args:
            file: is written; None to write nothing.
        """
        return shown(self, "perfetto_trace", file)

    def to_csv(self, file: str | Path | None = None) -> str:
        """Return the calls as CSV, one row for each, safe to open in a spreadsheet.

        Args:
            file: is written; None to write nothing.
        """
        return shown(self, "calls_csv", file)

    def to_mermaid(self, file: str | Path | None = None) -> str:
        """Return a flowchart in Mermaid's language of the graphs and branches that ran.

        Args:
            file: is written; None to write nothing.
        """
        return shown(self, "run_mermaid", file)

    def __str__(self) -> str:
        """Return five lines: how it ended, its time, its branches, its calls, its troubles."""
        return shown(self, "record_text")

    def _repr_html_(self) -> str:
        """Return the five lines as a table, for notebooks."""
        return shown(self, "record_table")
