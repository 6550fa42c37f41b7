"""What a model server gets and answers."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reply:
    """The server's reaction to a request."""

    text: str | None = None
    json: Any = None
    """Answer as JSON, in the text or in the arguments of the tool that the request names."""
    delay: float = 0.0
    """Seconds before the answer."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    malformed: bool = False
    """Send a body that is cut off in the middle of its JSON."""
    refusal: str | None = None
    disconnect: bool = False
    """Close the connection without an answer."""
    hang: bool = False
    """Never answer; the client must give up."""
    usage: tuple[int, int] | Mapping[str, Any] | None = (10, 5)
    """Tokens in and out; or what the answer says of its usage, word for word: cached tokens, or nonsense."""
    finish: str = "stop"
    """Why the answer ends: `stop`, `length`, `content_filter`."""
    reasoning: str = ""
    """Thinking that the server returns apart from the text."""
    samples: "Sequence[Reply] | None" = None
    """What each choice says, for a request that asks for several with `n`; by default all say the same, which
    a vote does not count as several. With fewer than it asks for, the answer has fewer."""
    body: Any = None
    """The whole body instead, whatever the status: JSON, or a text, which is sent as a web page."""
    events: str | None = None
    """The whole body instead, as a stream of events."""
    gate: "Gate | None" = None
    """Answer only once the gate is open."""
    rest: "Gate | None" = None
    """Send the first token of a streamed answer at once, and the rest only once this gate is open; a whole
    answer waits for it."""
    breaks_off: bool = False
    """Close the connection after the first token of a streamed answer."""
    cached: int | None = None
    """Tokens of the prompt that the server says its cache had; None if it says nothing of a cache."""


class Gate:
    """Holds answers back until it is opened.

    Args:
        opens_at: number of waiting requests at which the gate opens by itself; None for never.
    """

    def __init__(self, opens_at: int | None = None) -> None:
        self._opens_at = opens_at
        self._lock = threading.Lock()
        self._is_open = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def open(self) -> None:
        """Let all requests pass, now and later."""
        with self._lock:
            self._is_open = True
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            loop.call_soon_threadsafe(event.set)

    async def passed(self) -> None:
        """Wait until the gate is open."""
        event = asyncio.Event()
        with self._lock:
            if self._is_open:
                return
            self._waiting.append((asyncio.get_running_loop(), event))
            enough = self._opens_at is not None and len(self._waiting) >= self._opens_at
        if enough:
            self.open()
        await event.wait()


@dataclass
class Request:
    """A request, as the server received it."""

    body: dict[str, Any]
    headers: dict[str, str]
    started: float
    ended: float | None = None
    status: int | None = None
    """None while the request is in flight, and if its client went away."""
    begun: float | None = None
    """When the first token was sent; None if the answer is whole."""
    custom_id: str | None = None
    """Of the line in a batch that it is; None for a request by itself."""

    @property
    def prompt(self) -> str:
        """All messages as one text."""
        return "\n\n".join(str(message["content"]) for message in self.body["messages"])
