"""The open calls of other people's code, and when they are settled if nobody tells that they have ended.

Each call has a callback manager of its own, which is gone when the call's own code has ended, in any way. A
moment after, and at the latest when the task that made the call is done, an open call is settled.
"""

import asyncio
import threading
import weakref
from functools import partial
from threading import Timer
from types import FrameType
from typing import Any, NamedTuple
from uuid import UUID

from langchain_core.callbacks import BaseCallbackManager

from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.open_call import OpenCall
from langgraph_parallel.runtime.resting import count_failure
from langgraph_parallel.runtime.retry import is_throttled

_MOST_MAKERS = 1000
"""Number of calls about to be opened, beyond which those whose task is done are forgotten."""


class Maker(NamedTuple):
    """What makes a call."""

    task: "asyncio.Task[Any] | None"
    manager: "weakref.ref[BaseCallbackManager] | None"


def find_maker(frame: FrameType | None) -> Maker:
    """Find what makes a call.

    Args:
        frame: of the code that called the handler.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    while frame is not None:
        owner = frame.f_locals.get("self") if frame.f_code.co_name == "on_chat_model_start" else None
        if isinstance(owner, BaseCallbackManager):
            return Maker(task, weakref.ref(owner))
        frame = frame.f_back
    return Maker(task, None)


class Ledger:
    """The open calls of the process, by run id."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open: dict[UUID, OpenCall] = {}
        self._makers: dict[UUID, Maker] = {}
        """What makes the calls that are about to be opened in async code."""

    def add(self, id: UUID, call: OpenCall) -> None:
        """Note a call that is open."""
        with self._lock:
            self._open[id] = call

    def note_maker(self, id: UUID, maker: "Maker") -> None:
        """Note what makes a call in async code, which is opened next."""
        with self._lock:
            self._makers[id] = maker
            if len(self._makers) > _MOST_MAKERS:  # a handler of the caller's forbade those that are left
                self._makers = {
                    id: left for id, left in self._makers.items() if left.task and not left.task.done()
                }

    def take_maker(self, id: UUID) -> "Maker | None":
        """Return what makes a call in async code, once."""
        with self._lock:
            return self._makers.pop(id, None)

    def is_open(self, id: UUID) -> bool:
        """Return whether a call is open."""
        with self._lock:
            return id in self._open

    def forget(self, id: UUID) -> None:
        """Give back what a call holds that was not made."""
        with self._lock:
            call = self._open.pop(id, None)
        if call is not None:
            call.give_back()

    def close(
        self, id: UUID, usage: Usage | None = None, error: BaseException | None = None, *, ok: bool
    ) -> None:
        """Settle a call, once; does nothing for one that is not open."""
        with self._lock:
            call = self._open.pop(id, None)
        if call is not None:
            call.id = id
            if error is not None:
                call.learn(error)
                count_failure(call.key, error, call.limits.rest_after)
            throttled = error is not None and is_throttled(error)
            call.close(usage or Usage(input_tokens=call.prompt_tokens), ok=ok, throttled=throttled)


ledger = Ledger()


def close_with(
    id: UUID,
    manager: "weakref.ref[BaseCallbackManager] | None",
    loop: asyncio.AbstractEventLoop | None,
) -> None:
    """Settle a call a moment after its callback manager is gone, if it is open then.

    Args:
        id: of the call.
        manager: of the call; None if it was not found.
        loop: that settles it; None for a thread.
    """

    def close() -> None:
        if not ledger.is_open(id):
            return
        # Later, since the garbage collector may call this while this thread holds a lock of another ledger.
        settle = partial(ledger.close, id, ok=False)
        try:
            loop.call_soon_threadsafe(settle) if loop else Timer(0, settle).start()
        except RuntimeError:  # the loop is closed
            Timer(0, settle).start()

    if manager is not None and (alive := manager()) is not None and ledger.is_open(id):
        weakref.finalize(alive, close).atexit = False
