"""Withhold an answer and its stream until every check has passed."""

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from langgraph_parallel.errors import KeptBack
from langgraph_parallel.runtime.bound import Bound

Write = Callable[..., None]
"""Sends one event to the caller's stream: its name, and its fields."""


class Gate:
    """Withholds an answer until every check has passed, and discards it once one has not.

    Args:
        checks: names of the checks of the message that must pass.
        checks_answer: whether the answer is checked as well: its stream passes sentence by sentence, and what
            else is held waits for the whole.
    """

    def __init__(self, checks: Collection[str], *, checks_answer: bool = False) -> None:
        self._answer_passed = not checks_answer
        self._pending = set(checks)
        self._settled = asyncio.Event()
        """Set once the gate is open, or stays closed for good."""
        self._reason, self._final = "", False
        self._withheld: list[str] = []
        self._has_streamed = False
        self._write: Write | None = None
        self._answer: Bound | None = None
        self._events: list[tuple[Callable[[Any], None], Any]] = []
        self._open_if_passed()

    def passed(self, check: str) -> None:
        """Note that a check has passed; after the last one, the withheld text is streamed."""
        self._pending.discard(check)
        self._open_if_passed()

    def close(self, reason: str, *, final: bool = False) -> None:
        """Keep the gate closed for good, and discard the withheld text.

        Args:
            reason: why; the first reason counts.
            final: whether a check has tripped, so that a redrive cannot release the answer.
        """
        self._reason = self._reason or reason
        self._final = self._final or final
        self._withheld, self._events = [], []
        self._settled.set()

    def withhold_until_later(self, reason: str) -> None:
        """Keep the gate closed in this run, and end the answer; another one may follow.

        Args:
            reason: why.
        """
        self.close(reason)
        if self._answer is not None:
            self._answer.end("completion", f"withheld: {reason}")

    def answered_in(self, bound: Bound | None) -> None:
        """Set the bound of the branch that answers."""
        self._answer = bound
        if bound is not None and self._reason:
            bound.end("completion", f"withheld: {self._reason}")

    def stream(self, text: str | None) -> None:
        """Stream a part of the answer, or withhold it until the gate opens; None restarts the answer."""
        if self._reason:
            return
        if text is None:
            self._withheld = []
            if self._has_streamed and self._write is not None:
                self._write("restart")
            self._has_streamed = False
        elif not self._settled.is_set():
            self._withheld.append(text)
        elif self._write is not None and text:
            self._has_streamed = True
            self._write("token", text=text)

    def stream_to(self, write: Write) -> None:
        """Set where the answer is streamed to; without this, it is not streamed."""
        self._write = write

    def take_back(self) -> None:
        """Tell those who have seen a part of the answer that the rest does not follow."""
        if self._has_streamed and self._write is not None:
            self._write("withheld")
        self._has_streamed = False

    def hold(self, write: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return a function that writes an event, or holds it until the gate opens.

        Args:
            write: sends an event.
        """

        def held(event: Any) -> None:
            if self.is_open:
                write(event)
            elif not self._reason:
                self._events.append((write, event))

        return held

    @property
    def is_open(self) -> bool:
        """Whether every check has passed."""
        return self._settled.is_set() and not self._reason and self._answer_passed

    def answer_passed(self) -> None:
        """Note that the answer has passed its own checks."""
        self._answer_passed = True
        self._write_held()

    async def wait(self) -> None:
        """Wait until every check has passed.

        Raises:
            KeptBack: a check has not passed.
        """
        await self._settled.wait()
        if self._reason:
            raise KeptBack(self._reason, final=self._final)

    def _open_if_passed(self) -> None:
        if self._pending or self._reason:
            return
        self._settled.set()
        withheld, self._withheld = self._withheld, []
        for text in withheld:
            self.stream(text)
        self._write_held()

    def _write_held(self) -> None:
        if self.is_open:
            events, self._events = self._events, []
            for write, event in events:
                write(event)
