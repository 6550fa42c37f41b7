"""What a run does at a moment, shown below a message in a chat UI: a UI message of LangGraph.

The UI has to know the message first, so the graph adds one to the conversation when it begins
(`runtime.replying`), which its answer takes away again.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import asdict
from typing import Any

from langgraph_parallel.records.run_record import Outcome
from langgraph_parallel.reducers.recorded.watched import WatchState
from langgraph_parallel.runtime.limits import PREFIX
from langgraph_parallel.runtime.timers import call_later

CHAT_PROGRESS = f"{PREFIX}CHAT_PROGRESS"
"""The variable that says whether the branches of a run are shown in chat UIs: true or false."""
COMPONENT = "langgraph_parallel_progress"
"""Name of the component that shows them."""
_PAUSE = 0.25
"""Seconds between two pictures, at least."""
_BEAT = 2.0
"""Seconds between two pictures, at most."""
_ROWS = 40
"""Branches that are shown: those that go on before those that have ended."""
_FAILURES = 5
"""Failures that are shown, the last ones."""


class ChatProgress:
    """Hears a run, and writes what it does to the stream of its graph.

    A picture holds the whole of what is shown, and comes again while nothing happens, since a chat UI forgets
    UI messages with every state that it gets. Its size is bounded.
    """

    def __init__(self) -> None:
        self._state, self._lock = WatchState(), threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._write: Callable[[dict[str, Any]], None] = lambda event: None
        self._message_id = ""
        self._last = float("-inf")
        self._is_due = False
        self._beat: asyncio.TimerHandle | None = None

    def show(self, message_id: str, write: Callable[[dict[str, Any]], None]) -> None:
        """Show from now on what the run does. Called in the event loop of the run.

        Args:
            message_id: of the message in the conversation below which it is shown.
            write: writes to the stream of the graph.
        """
        self._message_id, self._write, self._loop = message_id, write, asyncio.get_running_loop()
        self._changed()

    def add(self, event: Mapping[str, Any]) -> None:
        """Hear an event."""
        self._state.add(event)
        self._changed()

    def close(self, status: Outcome) -> None:
        """Show nothing more."""
        self._loop = None
        if self._beat is not None:
            self._beat.cancel()

    def _changed(self) -> None:
        """Let a picture be written soon, once for all events until then."""
        loop = self._loop
        with self._lock:
            if loop is None or self._is_due:
                return
            self._is_due = True
        loop.call_soon_threadsafe(self._plan, context=Context())

    def _plan(self) -> None:
        if (loop := self._loop) is not None:
            call_later(loop, max(0.0, self._last + _PAUSE - loop.time()), self._send)

    def _send(self) -> None:
        if (loop := self._loop) is None:
            return
        self._last = loop.time()
        if self._beat is not None:
            self._beat.cancel()
        self._beat = call_later(loop, _BEAT, self._changed)
        with self._lock:
            self._is_due = False
        self._write(
            {
                "type": "ui",
                "id": f"{COMPONENT}/{self._message_id}",
                "name": COMPONENT,
                "props": picture(self._state),
                "metadata": {"merge": False, "message_id": self._message_id},
            }
        )


def picture(state: WatchState) -> dict[str, Any]:
    """Return what a component shows, as JSON.

    Args:
        state: of the run.

    Returns:
        `graph`, its name; `share` of the run that is done, 0 to 1; `calls` and `usd` so far, None where a
        price is unknown; `branches`, at most 40, in the order in which they began, each with `name`, `begun`
        and `since` (when it began to do what it does, or has ended; seconds since the epoch), `waits_on`
        (`works` for nothing), `tally` of the vote in it, and `status` (empty until it has ended); `ended`,
        the number of leaves by status; `not_asked`, the number of voters; `failures`, the last five.
    """
    going = state.rows(_ROWS)
    shown = sorted((*going, *state.latest(_ROWS - len(going))), key=lambda branch: branch.begun)
    return {
        "graph": state.graph,
        "share": state.share,
        "calls": state.calls,
        "usd": state.usd,
        "branches": [asdict(branch) for branch in shown],
        "ended": dict(state.ended),
        "not_asked": state.saved,
        "failures": state.failures[-_FAILURES:],
    }
