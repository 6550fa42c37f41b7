"""Items: calls that wait in the batch lane, as it sees them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from langgraph_parallel.runtime.limits import Limits


@dataclass(eq=False, slots=True)
class Item:
    """A call that waits for its answer in the batch lane."""

    key: str
    """Digest of what is asked, and by whom."""
    owner: str
    """The run that waits, as the ledger names it."""
    thread: str
    """Digest of the thread of its run; empty without one."""
    body: bytes
    """JSON; empty once a new batch has it."""
    place: tuple[str, str, str]
    """Scope, endpoint and model, as the ledger names them."""
    limits: Limits
    deadline: float | None
    """When its run must end, on the clock of `time.monotonic`."""
    asked: float
    """When it came, on the same clock."""
    told: Callable[[str, int, float], None]
    """Called with the endpoint's id of its batch, the number of calls in it, and when it was submitted."""
    late: Callable[[Any], None]
    """Called with an answer that comes although the call has gone; None if its batch ends without one."""
    future: "asyncio.Future[Any]"
    number: int | None = None
    """Tells it from others with the same key; None until the ledger has said."""

    remote: str = ""
    """The endpoint's id of its batch; empty until it has one."""
    has_left: bool = False
    """Whether it was taken out of a batch that has not ended."""
    is_own: bool = False
    """Whether its error is what the endpoint says of this request, and not of its whole batch."""

    @property
    def custom_id(self) -> str:
        """What names it in files."""
        return f"{self.key}-{self.number}"

    @property
    def is_waiting(self) -> bool:
        """Whether the call still waits."""
        return not self.future.done()

    @property
    def has_answer(self) -> bool:
        """Whether its batch has answered it."""
        return self.future.done() and not self.future.cancelled() and self.future.exception() is None

    @property
    def may_be_answered(self) -> bool:
        """Whether its batch may answer it although the call has gone: live, or with its branch."""
        return bool(self.remote) and (self.has_left or self.future.cancelled())

    def answer(self, body: Any) -> None:
        """Hand the call its answer, unless it has gone."""
        if not self.future.done():
            self.future.set_result(body)

    def fail(self, error: Exception) -> None:
        """Hand the call an error, unless it has gone."""
        if not self.future.done():
            self.future.set_exception(error)


def read_custom_id(custom_id: str) -> tuple[str, int] | None:
    """Return key and number of a request; None for an id that is not ours."""
    key, _, number = custom_id.rpartition("-")
    return (key, int(number)) if key and number.isdecimal() else None
