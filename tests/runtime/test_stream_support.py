"""Streams that an endpoint cannot do: found out once, and nobody loses an attempt or gets half an answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_parallel import Ask, Limits
from langgraph_parallel.runtime.dialect import get_dialect
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.limiter_registry import reset_limits
from langgraph_parallel.runtime.recording import recording
from langgraph_parallel.runtime.stream_support import StreamSupport
from langgraph_parallel.runtime.structured import BoundModel, stream_listener
from tests.support.clock import Clock, until
from tests.support.server import ModelServer, Reply, Request

TEXT = " ".join(f"Line {number} of a text says one more thing." for number in range(500))
WHOLE = "It is so, but only on Sundays."
DONE = "data: [DONE]\n\n"
COUNTED = {"prompt_tokens": 5000, "completion_tokens": 9, "total_tokens": 5009}


class Deployed(ChatOpenAI):
    """A class of one's own, whose requests LangChain makes."""


def event(**choice: Any) -> str:
    """Return an event with one choice."""
    return f"data: {json.dumps({'choices': [{'index': 0, **choice}]})}\n\n"


HALF = event(delta={"content": "It is so"})


def is_streamed(request: Request) -> bool:
    """Return whether a request asks for a stream."""
    return bool(request.body.get("stream"))


@pytest.fixture
def streams(model: str, server: ModelServer) -> Callable[[], list[bool]]:
    """Return what tells which requests were streamed; whole answers are all the same."""
    reset_limits()
    server.always(Reply(text=WHOLE))
    return lambda: [is_streamed(request) for request in server.requests]


@pytest.fixture(params=["direct", "long"])
def asked(request: pytest.FixtureRequest, model: str, server: ModelServer) -> Any:
    """Return a model, on the direct path and on LangChain's."""
    if request.param == "direct":
        return model
    return Deployed(model="test-model", base_url=server.url, api_key=SecretStr("k"))


async def ask(model: Any, text: str = TEXT, **limits: Any) -> Any:
    """Ask about a text, as one that others may wait for."""
    bounds = Limits(**{"leader": "on", "backoff": 0.001, "attempts": 1, **limits})
    asking = Ask("Answer {title} about {content}.", shared=["content"], model=model, limits=bounds)
    return await asking.ainvoke({"content": text, "title": "a question"})


STRANGE = {
    "its end alone": DONE,
    "no words": event(delta={"role": "assistant"}, finish_reason="stop") + DONE,
    "a choice of words": 'data: {"choices": ["none"]}\n\n' + DONE,
}


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # LangChain's, of what is in no schema
@pytest.mark.parametrize("name", STRANGE)
async def test_a_strange_stream_costs_no_attempt(
    name: str, asked: Any, server: ModelServer, streams: Callable[[], list[bool]]
) -> None:
    """It is asked for whole at once, and so is whatever comes later."""
    server.on(is_streamed, Reply(events=STRANGE[name]))
    assert await ask(asked) == WHOLE
    assert await ask(asked, TEXT[5:]) == WHOLE
    assert streams() == [True, False, False]


async def test_json_in_place_of_a_stream_costs_no_attempt(
    asked: Any, server: ModelServer, streams: Callable[[], list[bool]]
) -> None:
    """LangChain finds no stream in it."""
    choices = [{"index": 0, "message": {"role": "assistant", "content": WHOLE}, "finish_reason": "stop"}]
    server.on(is_streamed, Reply(body={"id": "x", "choices": choices, "usage": COUNTED}))
    assert await ask(asked) == WHOLE
    assert streams() == ([True] if isinstance(asked, str) else [True, False])


async def test_half_an_answer_is_none(
    asked: Any, server: ModelServer, streams: Callable[[], list[bool]]
) -> None:
    """The connection is closed as after a whole one; twice in a row, and streams are given up."""
    server.on(is_streamed, Reply(events=HALF))
    assert await ask(asked, attempts=2) == WHOLE
    assert await ask(asked, TEXT[5:], attempts=2) == WHOLE
    assert streams()[-1] is False
    assert streams().count(True) <= 2


async def test_a_model_that_streams_by_itself_gives_no_half(
    server: ModelServer, streams: Callable[[], list[bool]]
) -> None:
    """It is asked again."""
    model = ChatOpenAI(model="test-model", base_url=server.url, api_key=SecretStr("k"), streaming=True)
    server.on(is_streamed, Reply(events=HALF), times=1)
    assert await ask(model, attempts=2, leader="off") == WHOLE


async def test_who_watches_gets_no_half(
    model: str, server: ModelServer, streams: Callable[[], list[bool]]
) -> None:
    """The answer begins anew, and comes whole if its streams keep breaking off."""
    server.on(is_streamed, Reply(events=HALF))
    shown: list[str | None] = []
    token = stream_listener.set(shown.append)
    try:
        assert await ask(model, attempts=2) == WHOLE
    finally:
        stream_listener.reset(token)
    begun = len(shown) - shown[::-1].index(None)
    assert "".join(part or "" for part in shown[begun:]) == WHOLE
    assert streams() == [True, True, False]


async def test_streams_that_hang_are_given_up(
    asked: Any, server: ModelServer, streams: Callable[[], list[bool]], clock: Clock
) -> None:
    """Each text would cost its timeouts anew."""
    server.on(is_streamed, Reply(hang=True))
    clock.stop()  # the time is less than that after which a prompt must have been read
    running = asyncio.ensure_future(ask(asked, attempts=2, call_timeout=3, backoff=0))
    for asks in (1, 2):
        await until(partial(_hangs, server, asks))
        clock.advance(3)
    assert await running == WHOLE
    assert await ask(asked, TEXT[5:], attempts=2, call_timeout=3) == WHOLE
    assert streams() == [True, True, False, False]


def _hangs(server: ModelServer, asks: int) -> bool:
    return len(server.requests) == asks and server.hanging == 1


async def test_no_streamed_answer_is_free(
    asked: Any, server: ModelServer, streams: Callable[[], list[bool]]
) -> None:
    """If whole answers are not counted either, streams are no worse."""
    server.always(Reply(text=WHOLE, usage=None))
    server.on(is_streamed, Reply(events=event(delta={"content": WHOLE}, finish_reason="stop") + DONE))
    with recording() as calls:
        for begin in range(4):
            assert await ask(asked, TEXT[begin:]) == WHOLE
    assert streams() == [True, False, True, True]
    counted = [call.usage.input_tokens > 3000 for call in calls.values()]
    assert counted == [True, False, True, True]


async def _cut_off(answer: bytes) -> AsyncIterator[str]:
    """Run a server whose answers end within their body; yield its address."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    running = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with running:
        yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}/v1"


@pytest.mark.parametrize("kind", [ChatOpenAI, Deployed])
@pytest.mark.parametrize(
    "head", ["application/json\r\ncontent-length: 900", "text/event-stream\r\ntransfer-encoding: chunked"]
)
async def test_a_connection_that_breaks_is_no_refusal(head: str, kind: type[ChatOpenAI]) -> None:
    """Nothing is learned from it of what the endpoint takes."""
    reset_limits()
    body = f'HTTP/1.1 200 OK\r\ncontent-type: {head}\r\n\r\n40\r\ndata: {{"choices": ['.encode()
    async for url in _cut_off(body):
        model = kind(model="test-model", base_url=url, api_key=SecretStr("k"))
        with recording() as calls, pytest.raises(Exception) as caught:  # noqa: PT011 - whichever SDK's
            await ask(model, attempts=3)
        assert classify(caught.value).kind == "connection"
        assert len(calls) >= 3
        bound = BoundModel(model)
        assert (bound.dialect.format, bound.dialect.dropped) == ("json_schema", {})
        assert not bound.dialect.without


class Closed(Exception):
    """A connection of another protocol that was closed, for a reason in numbers."""

    code = 400


def test_a_code_is_no_status() -> None:
    """That of other protocols means something else."""
    assert classify(Closed("bye")).status is None


async def test_a_model_notices_that_all_is_forgotten(model: str, server: ModelServer) -> None:
    """In the same event loop, where its requests are prepared once."""
    reset_limits()
    error = {"error": {"message": "logprobs, top_p: temperature is not supported", "param": "temperature"}}
    server.on(lambda request: "temperature" in request.body, Reply(status=400, body=error))
    asking = Ask("Say {x}.", model=model, temperature=0.5)
    await asking.ainvoke({"x": "a"})
    await asking.ainvoke({"x": "b"})
    assert ["temperature" in request.body for request in server.requests] == [True, False, False]
    server.always(Reply())
    reset_limits()
    await asking.ainvoke({"x": "c"})
    assert "temperature" in server.requests[-1].body


def test_dialects_are_the_same_after_all_is_forgotten() -> None:
    """Those who hold one see that it has changed."""
    known = get_dialect("somewhere", "a-model")
    known.note_overflow(7)
    version = known.version
    reset_limits()
    assert get_dialect("somewhere", "a-model") is known
    assert (known.context, known.version > version) == (None, True)


def test_an_endpoint_that_fails_in_any_way_is_not_taken_for_one_without_streams() -> None:
    """If whole answers break as well, streams are tried again; if they come, they were the better way."""
    support = StreamSupport()
    assert [support.note_broken(), support.note_broken(), support.is_off] == [False, True, True]
    assert not support.note_broken()  # a whole one
    assert not support.is_off
    support.note_broken()
    support.note_streamed(counted=True)
    assert not support.note_broken()  # not in a row
    assert support.note_broken()
    support.note_whole(counted=True)
    assert not support.note_broken()
    assert support.is_unreadable


def test_what_only_leaders_cannot_read_is_shown_to_those_who_watch() -> None:
    """They read streams in another way."""
    support = StreamSupport()
    support.note_unreadable(for_all=False)
    assert (support.is_off, support.is_unreadable) == (True, False)
    support.note_unreadable(for_all=True)
    support.note_unreadable(for_all=False)
    assert support.is_unreadable
