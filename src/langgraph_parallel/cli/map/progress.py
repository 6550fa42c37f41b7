"""Progress of a run over many items, on standard error: a bar on a terminal, lines elsewhere."""

import json
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from langgraph_parallel.scale.progress import (
    dashboard_record,
    done,
    failure_lines,
    in_flight,
    items_text,
    measures,
    progress_line,
    progress_record,
    share_text,
    worker_lines,
)
from langgraph_parallel.scale.snapshot import Snapshot

ProgressKind = Literal["bar", "json", "none"]
BETWEEN_LINES = 10.0
"""Seconds of the run between two lines of a log."""
BETWEEN_REDRAWS = 0.25
"""Seconds between two redraws of the bar."""
_GAP = "   "
"""Between the measures of one line."""
_AT_EDGE = 2
"""Columns to the left of what is below the bar."""


class MapProgress:
    """Shows snapshots; a context manager, and the `watch` of a run.

    Args:
        kind: `bar` (lines if standard error is not a terminal), `json` for one JSON object a line, or `none`.
        stream: where to write; None for standard error.
    """

    def __init__(self, kind: ProgressKind = "bar", stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._last: Snapshot | None = None
        self._shown_at = float("-inf")
        self._live: Live | None = None
        self._text: Callable[[Snapshot], str] = progress_line
        self._between = BETWEEN_LINES
        self._is_silent = kind == "none"
        self._is_dashboard_told = False
        self._dashboard: Callable[[str], str] = "dashboard: {}".format
        if kind == "json":
            self._text = _json_line
            self._dashboard = _json_dashboard
        elif kind == "bar":
            console = Console(file=self._stream, highlight=False, emoji=False)
            if console.is_terminal and not console.is_dumb_terminal:
                self._between = BETWEEN_REDRAWS
                # Drawn when something is new, and not by a thread of its own; rows may go to standard output.
                self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        elif self._last is not None and self._last.seconds != self._shown_at:
            self._show(self._last)

    def __call__(self, snapshot: Snapshot) -> None:
        """Show a snapshot, unless one of the same state was shown a moment ago."""
        if self._is_silent:
            return
        self._tell_dashboard(snapshot.dashboard)
        is_new = self._last is not None and snapshot.state != self._last.state
        self._last = snapshot
        if is_new or snapshot.seconds - self._shown_at >= self._between:
            self._show(snapshot)

    def _tell_dashboard(self, address: str) -> None:
        """Say once where the engine shows what it does; above the bar it stays."""
        if address and not self._is_dashboard_told:
            self._is_dashboard_told = True
            text = self._dashboard(address)
            if self._live:
                self._live.console.print(text, markup=False, soft_wrap=True)
            else:
                print(text, file=self._stream, flush=True)

    def _show(self, snapshot: Snapshot) -> None:
        self._shown_at = snapshot.seconds
        if self._live:
            self._live.update(bar(snapshot, self._live.console.width), refresh=True)
        else:
            print(self._text(snapshot), file=self._stream, flush=True)


def _json_dashboard(address: str) -> str:
    return json.dumps(dashboard_record(address))


def _json_line(snapshot: Snapshot) -> str:
    return json.dumps(progress_record(snapshot))  # ASCII alone, whatever causes hold


def bar(snapshot: Snapshot, width: int) -> Group:
    """Return the bar, and what is below it, for a terminal of so many columns."""
    lines = _wrapped([*measures(snapshot), in_flight(snapshot.workers)], width - _AT_EDGE)
    below = [_line(line, "") for line in lines]
    if snapshot.failed:
        below.append(_line(f"{snapshot.failed:,} failed", "red"))
        below += [_line(f"  {line}", "") for line in failure_lines(snapshot)]
    if len(snapshot.workers) > 1:
        below += [_line(line, "dim") for line in worker_lines(snapshot)]
    return Group(_top(snapshot), *below)


def _top(snapshot: Snapshot) -> Table | Text:
    """Return the bar itself, with share and number of items; the number alone if their total is not known."""
    if snapshot.total is None:
        return Text(items_text(snapshot), style="bold")
    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(ratio=1)
    row.add_column(justify="right", width=4)
    row.add_column(justify="right", no_wrap=True)
    total = max(snapshot.total, 1)
    row.add_row(
        ProgressBar(total=total, completed=done(snapshot) if snapshot.total else total),
        Text(share_text(snapshot), style="bold"),
        Text(items_text(snapshot)),
    )
    return row


def _line(text: str, style: str) -> Text:
    return Text(" " * _AT_EDGE + text, style=style, no_wrap=True, overflow="ellipsis")


def _wrapped(parts: list[str], width: int) -> list[str]:
    """Return parts in as few lines as they fit into."""
    lines: list[str] = []
    for part in filter(None, parts):
        if lines and len(lines[-1]) + len(_GAP) + len(part) <= width:
            lines[-1] += _GAP + part
        else:
            lines.append(part)
    return lines
