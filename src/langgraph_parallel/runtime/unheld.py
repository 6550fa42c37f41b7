"""Connections that keep nothing alive of the code that uses them.

An event loop calls who reads from a connection in the context of the code that opened it, and what closes
idle ones in that of the code that used one first; and so it keeps these contexts for as long as there are
connections. That of a call has its run, with all texts and records: under a steady load each connection would
keep the run that opened it. Here connections are opened, and given back, in an empty context.
"""

from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any


def keep_unheld(session: Any) -> None:
    """Let a session of aiohttp open its connections, and take them back, in an empty context."""
    connector = session.connector
    opening: Callable[..., Coroutine[Any, Any, Any]] | None = getattr(connector, "_create_connection", None)
    taking_back: Callable[..., None] | None = getattr(connector, "_release", None)
    if opening is None or taking_back is None:  # pragma: no cover - not the aiohttp that this was written for
        return
    connector._create_connection = lambda *args, **options: _Unheld(opening(*args, **options))
    connector._release = lambda *args, **options: Context().run(taking_back, *args, **options)


class _Unheld:
    """Runs a coroutine in the task of whoever awaits it, and in an empty context.

    Args:
        coroutine: that has not begun.
    """

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        context, step, value = Context(), self._coroutine.send, None
        try:
            while True:
                try:
                    awaited = context.run(step, value)
                except StopIteration as end:
                    return end.value
                step, value = self._coroutine.send, None
                try:
                    yield awaited
                except BaseException as error:  # a cancellation, or what the awaited one raised
                    step, value = self._coroutine.throw, error
        finally:
            self._coroutine.close()
