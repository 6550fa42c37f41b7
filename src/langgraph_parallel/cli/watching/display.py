"""A run in the terminal while it goes on."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from langgraph_parallel.records.run_record import Outcome
from langgraph_parallel.reducers.recorded.watched import WORKS, WatchedBranch, WatchState
from langgraph_parallel.report.wording import count, visible
from langgraph_parallel.runtime.hearers import hearing

_A_SECOND = 8
"""Pictures."""
_HEAD = 4
"""Lines above and below the branches, at most, with one free for the cursor."""
_FAILURES = 3
"""Failures that are shown, the last ones."""
_watched: ContextVar[bool] = ContextVar("watched", default=False)


@contextmanager
def watching() -> Iterator[None]:
    """Show the runs that begin inside on standard error, if it is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    token = _watched.set(True)
    display = WatchDisplay(Console(stderr=True, highlight=False, emoji=False))
    try:
        with hearing(display):
            yield
    finally:
        display.stop()
        _watched.reset(token)


def is_watched() -> bool:
    """Return whether runs are shown while they go on, so that no other progress is."""
    return _watched.get()


class WatchDisplay:
    """Hears a run, and shows it.

    Args:
        console: that it is shown on.
    """

    def __init__(self, console: Console) -> None:
        self._console, self._state = console, WatchState()
        self._live: Live | None = None

    def add(self, event: Mapping[str, Any]) -> None:
        """Hear an event; the first one of a run begins the picture."""
        self._state.add(event)
        if self._live is None:
            self._live = Live(
                get_renderable=self.picture,
                console=self._console,
                refresh_per_second=_A_SECOND,
                transient=True,
            )
            self._live.start()

    def close(self, status: Outcome) -> None:
        """Take the picture away: the result follows. What runs next is shown anew."""
        self.stop()
        self._state = WatchState()

    def stop(self) -> None:
        """Take the picture away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def picture(self) -> RenderableType:
        """Return what is shown now."""
        state, now = self._state, time.time()
        failures = state.failures[-_FAILURES:]
        lines = [_head(state, now), _counts(state)]
        room = max(1, self._console.height - _HEAD - len(failures))
        table = Table.grid(padding=(0, 2), expand=False)
        for _ in range(3):
            table.add_column(no_wrap=True, overflow="ellipsis")
        for branch in state.rows(room):
            table.add_row(*_row(branch, now))
        lost = [Text(f"failed: {visible(each)}", style="red", no_wrap=True) for each in failures]
        return Group(*lines, table, *lost)


def _head(state: WatchState, now: float) -> Text:
    parts = [
        visible(state.graph),
        f"{state.share:.0%} done",
        f"{max(0.0, now - state.started):.1f} s",
        count(state.calls, "call"),
        "cost unknown" if state.usd is None else f"${state.usd:.4f}",
    ]
    return Text(" · ".join(parts), style="bold", no_wrap=True)


def _counts(state: WatchState) -> Text:
    parts = [f"{len(state.in_flight)} in flight"]
    waiting = state.waiting()
    if waiting:
        causes = ", ".join(f"{on} {number}" for on, number in waiting.most_common())
        parts.append(f"waiting {waiting.total()} ({causes})")
    parts += [f"{status.replace('_', ' ')} {number}" for status, number in sorted(state.ended.items())]
    if state.saved:
        parts.append(f"not asked {state.saved}")
    if state.refused:
        parts.append(f"refused {state.refused}")
    return Text(" · ".join(parts), no_wrap=True)


def _row(branch: WatchedBranch, now: float) -> tuple[Text, Text, Text]:
    style = "" if branch.waits_on == WORKS else "dim"
    seconds = f"{max(0.0, now - branch.since):.1f} s"
    return Text(visible(branch.name), style), Text(visible(branch.does()), style), Text(seconds, "dim")
