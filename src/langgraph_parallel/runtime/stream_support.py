"""Whether a model of an endpoint streams answers that can be read and counted, as learned from what it did.

Nobody needs the streams of leaders: their answers are as good when they come whole. So an endpoint whose
streams fail in a way that it does not say itself is asked for whole answers, and nobody loses an attempt.
"""

import threading
from typing import Literal

_MOST_BROKEN = 2
"""Streams in a row that broke off or hung, from which it is taken for the way of the endpoint."""


class StreamSupport:
    """What is known of the streams of one model of one endpoint. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._off: Literal["", "unreadable", "odd", "broken", "uncounted"] = ""
        """Why no answer is streamed any more; `broken` until a whole answer confirms it."""
        self._broken = 0
        self._counts_none = False
        """Whether whole answers are not counted either, so that streams are no worse."""
        self.says_end = False
        """Whether its answers have said why they ended: one that does not is not whole."""

    @property
    def is_off(self) -> bool:
        """Whether leaders are asked for whole answers."""
        return bool(self._off)

    @property
    def is_unreadable(self) -> bool:
        """Whether its streams are of no use for anybody."""
        return self._off in {"unreadable", "broken"}

    def note_unreadable(self, *, for_all: bool) -> None:
        """Note a stream that cannot be read.

        Args:
            for_all: whether by LangChain neither, which reads the streams that somebody watches.
        """
        with self._lock:
            self._off = "unreadable" if for_all or self._off == "unreadable" else "odd"

    def note_broken(self) -> bool:
        """Note an answer that broke off or hung; return whether streams are given up for it."""
        with self._lock:
            if self._off:  # it was a whole one: if whole answers fail as well, it is not for the streams
                if self._off == "broken":
                    self._off, self._broken = "", 0
                return False
            self._broken += 1
            if self._broken < _MOST_BROKEN:
                return False
            self._off = "broken"
            return True

    def note_streamed(self, *, counted: bool) -> None:
        """Note an answer that was streamed as a whole.

        Args:
            counted: whether it said how many tokens it took.
        """
        with self._lock:
            self._broken = 0
            if not (counted or self._off or self._counts_none):
                self._off = "uncounted"

    def note_whole(self, *, counted: bool) -> None:
        """Note an answer that came whole.

        Args:
            counted: whether it said how many tokens it took.
        """
        with self._lock:
            self._counts_none = not counted
            if self._off == "broken":
                self._off = "unreadable"
            elif self._off == "uncounted" and not counted:
                self._off = ""
