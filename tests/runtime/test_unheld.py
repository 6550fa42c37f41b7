"""Connections of models keep nothing alive of the code that opened them."""

import asyncio
import gc
import weakref
from contextvars import ContextVar
from typing import Any

import pytest

from langgraph_parallel import Ask
from langgraph_parallel.runtime.unheld import _Unheld
from tests.support.server import ModelServer, Reply


class Mark:
    """Something that a context holds."""


MARK: ContextVar[Mark] = ContextVar("mark")


@pytest.mark.parametrize("way", ["short", "client"])
async def test_an_open_connection_does_not_keep_who_opened_it(
    way: str, model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one of the short way nor one of the HTTP client, while it is open for the next call."""
    if way == "client":
        monkeypatch.setattr("langgraph_parallel.runtime.short_post.ShortPost.of", lambda *_: None)
    server.always(Reply(text="yes"))
    ask = Ask("{text}", model=model)

    async def first() -> "weakref.ref[Mark]":
        mark = Mark()
        MARK.set(mark)
        await ask.ainvoke("Is it?")
        return weakref.ref(mark)

    held = await asyncio.create_task(first())
    await asyncio.sleep(0)  # the event loop holds what has woken this code
    gc.collect()
    assert held() is None


async def test_what_is_opened_may_fail_be_cancelled_and_return() -> None:
    """As if the coroutine itself had been awaited."""
    MARK.set(Mark())
    began, ended = asyncio.Event(), list[str]()

    async def opens(how: str) -> Any:
        assert MARK.get(None) is None
        began.set()
        try:
            await asyncio.sleep(60 if how == "hangs" else 0)
        except asyncio.CancelledError:
            ended.append(how)
            raise
        if how == "fails":
            raise OSError(how)
        return how

    async def open_it(how: str) -> Any:
        return await _Unheld(opens(how))

    assert await open_it("returns") == "returns"
    with pytest.raises(OSError, match="fails"):
        await open_it("fails")
    began.clear()
    hanging = asyncio.create_task(open_it("hangs"))
    await began.wait()
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert ended == ["hangs"]
