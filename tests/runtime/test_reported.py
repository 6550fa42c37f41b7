"""What callbacks are told of a call on the short way: what `ChatOpenAI` tells, event by event."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.globals import set_llm_cache
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers.base import BaseTracer
from langgraph.pregel._messages import StreamMessagesHandler
from pydantic import BaseModel

from langgraph_parallel.runtime.direct import Direct
from langgraph_parallel.runtime.models import get_model
from langgraph_parallel.runtime.structured import BoundModel
from tests.support.clock import Clock
from tests.support.server import Gate, ModelServer, Reply

RUN = uuid.UUID("01900000-0000-7000-8000-000000000001")
PARENT = uuid.UUID("01900000-0000-7000-8000-000000000002")
MESSAGES: Sequence[BaseMessage] = [SystemMessage("be brief"), HumanMessage("is water wet?")]
Call = Callable[[RunnableConfig], Awaitable[Any]]


class Mood(BaseModel):
    """How a text sounds."""

    mood: str


class Heard(AsyncCallbackHandler):
    """Writes down every event with all that it carries."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any, Any]] = []

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("on_"):
            return super().__getattribute__(name)

        async def heard(*args: Any, **kwargs: Any) -> None:
            self.events.append((name, args, kwargs))

        return heard


class Told(BaseCallbackHandler):
    """The same, by methods that are not async, some of which run in threads."""

    run_inline = True

    def __init__(self) -> None:
        self.events: list[tuple[str, Any, Any]] = []

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("on_"):
            return super().__getattribute__(name)
        return lambda *args, **kwargs: self.events.append((name, args, kwargs))


def comparable(value: Any) -> Any:
    """Return a value so that what means the same is equal: errors and responses have no equality."""
    if isinstance(value, BaseException):
        status = getattr(value, "status_code", None)
        return type(value), str(value), status, type(value.__cause__)
    if isinstance(value, dict):
        ignored = {"date", "Date"}
        return {key: comparable(one) for key, one in value.items() if key not in ignored}
    if isinstance(value, list | tuple):
        return [comparable(one) for one in value]
    if isinstance(value, BaseModel):
        return type(value), comparable(value.model_dump(mode="python"))
    return value


def config_for(*handlers: Any) -> RunnableConfig:
    """Return a config with everything that a callback may be told of."""
    return {
        "callbacks": list(handlers),
        "tags": ["mine"],
        "metadata": {"customer": 7},
        "run_name": "vote[#1]",
        "run_id": RUN,
        "configurable": {"thread_id": "t", "model": "m", "__hidden": "h"},
    }


async def both_ways(model: str, schema: type[BaseModel] | None) -> tuple[Call, Call]:
    """Return a call by the short way, and one by plain `ChatOpenAI` with the same options."""
    bound = BoundModel(await get_model(model), schema, 0.5, 100)
    form = bound.form
    plain = bound._model.bind(**form.runnable.kwargs)  # type: ignore[attr-defined]

    async def short(config: RunnableConfig) -> Any:
        assert form.direct is not None
        answer = await form.direct.ainvoke(MESSAGES, config)
        return answer or await bound._request(form, MESSAGES, config)

    async def long(config: RunnableConfig) -> Any:
        return await plain.ainvoke(list(MESSAGES), config)

    return short, long


async def heard(call: Call, handler: Any) -> tuple[list[Any], Any]:
    """Return the events of a call, and the type of its error if it fails."""
    try:
        await call(config_for(handler))
    except Exception as error:
        return comparable(handler.events), type(error)
    return comparable(handler.events), None


USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 5,
    "total_tokens": 17,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
BODY = {
    "id": "chatcmpl-7",
    "object": "chat.completion",
    "created": 1,
    "model": "test-model-2026",
    "service_tier": "flex",
    "system_fingerprint": "fp_1",
    "usage": USAGE,
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": '{"mood": "calm"}', "refusal": None},
        }
    ],
}
CALLED: dict[str, Any] = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "look", "arguments": '{"at": 1}'},
}
REPLIES = {
    "answer": Reply(json={"mood": "calm"}),
    "everything": Reply(body=BODY),
    "no usage": Reply(json={"mood": "calm"}, usage=None),
    "reasoning": Reply(json={"mood": "calm"}, reasoning="so, so"),
    "refusal": Reply(refusal="I would rather not."),
    "cut off": Reply(text='{"mood"', finish="length"),
    "filtered": Reply(text="", finish="content_filter"),
    "tool": Reply(
        body={
            **BODY,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls",
                    "message": {"role": "assistant", "tool_calls": [CALLED]},
                }
            ],
        }
    ),
    "gateway": Reply(json={"mood": "calm"}, headers={"x-langsmith-gateway-metadata": '{"model": "other"}'}),
    "400": Reply(status=400),
    "401": Reply(status=401),
    "404": Reply(status=404),
    "429": Reply(status=429, headers={"retry-after": "0"}),
    "500": Reply(status=500),
    "context": Reply(
        status=400, body={"error": {"message": "too long", "code": "context_length_exceeded", "type": "x"}}
    ),
    "disconnect": Reply(disconnect=True),
}


@pytest.mark.parametrize("handler", [Heard, Told])
@pytest.mark.parametrize("schema", [None, Mood], ids=["text", "schema"])
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())
async def test_callbacks_are_told_what_chat_openai_tells(
    model: str, server: ModelServer, reply: Reply, schema: type[BaseModel] | None, handler: Any
) -> None:
    """Start, end and error have the same contents in the same order, for answers of every kind."""
    server.always(reply)
    short, long = await both_ways(model, schema)
    told, error = await heard(short, handler())
    expected, plain_error = await heard(long, handler())
    assert [event[0] for event in told] == [event[0] for event in expected]
    assert told == expected
    assert len(told) == 2
    if schema is None:  # the SDK raises for a structured answer that is cut off; an `Ask` can read it
        assert error == plain_error


async def test_a_call_in_a_run_is_told_with_its_parent(model: str) -> None:
    """Handlers, tags and metadata that a manager passes on reach the call, and only once."""
    from langchain_core.callbacks import AsyncCallbackManager

    short, long = await both_ways(model, None)
    events: list[Any] = []
    for call in (short, long):
        inherited, local = Heard(), Heard()
        manager = AsyncCallbackManager([inherited, local], [inherited], PARENT)
        manager.add_tags(["outer"])
        manager.add_tags(["here"], inherit=False)
        manager.add_metadata({"depth": 1})
        await call({**config_for(), "callbacks": manager})
        assert len(inherited.events) == len(local.events) == 2
        events.append(comparable([inherited.events, local.events]))
    assert events[0] == events[1]
    assert events[0][0][0][2]["parent_run_id"] == PARENT


@pytest.mark.parametrize("end", ["timeout", "cancelled"])
async def test_a_call_that_is_cut_off_ends_for_nobody_but_tracers(
    model: str, server: ModelServer, end: str, clock: Clock
) -> None:
    """LangChain tells callbacks nothing; the run of a tracer would stay in progress for ever."""

    class Tracer(BaseTracer):
        def _persist_run(self, run: Any) -> None:
            persisted.append(run)

    persisted: list[Any] = []
    server.always(Reply(hang=True))
    short, long = await both_ways(model, None)
    told: list[Any] = []
    for call in (short, long):
        handler = Heard()
        config = config_for(handler, Tracer()) if call is short else config_for(handler)
        task = asyncio.ensure_future(_within(call(config), end))
        await asyncio.to_thread(server.wait, partial(_hangs, 1))
        if end == "cancelled":
            task.cancel()
        else:
            clock.advance(100)
        with pytest.raises((TimeoutError, asyncio.CancelledError)):
            await task
        told.append(comparable(handler.events))
        await asyncio.to_thread(server.wait, partial(_hangs, 0))
    assert told[0] == told[1]
    assert [event[0] for event in told[0]] == ["on_chat_model_start"]
    (run,) = persisted
    assert "CancelledError" in run.error


def _hangs(calls: int, server: ModelServer) -> bool:
    return server.hanging == calls


async def _within(call: Awaitable[Any], end: str) -> Any:
    async with asyncio.timeout(100 if end == "timeout" else None):
        return await call


async def test_a_handler_that_raises_stops_the_call(model: str, server: ModelServer) -> None:
    """With `raise_error` nothing is sent, and an error at the end is the call's error, as on the long way."""

    class Refusing(AsyncCallbackHandler):
        raise_error = True

        def __init__(self, at: str) -> None:
            self.at = at
            self.events: list[str] = []

        async def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            self._hear("start")

        async def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
            self._hear("end")

        async def on_llm_error(self, *args: Any, **kwargs: Any) -> None:
            self._hear("error")

        def _hear(self, event: str) -> None:
            self.events.append(event)
            if event == self.at:
                raise PermissionError(event)

    for at, sent in (("start", 0), ("end", 1)):
        for call in await both_ways(model, None):
            server.requests.clear()
            handler = Refusing(at)
            with pytest.raises(PermissionError, match=at):
                await call(config_for(handler))
            assert len(server.requests) == sent
            assert handler.events == ["start", "end"][: sent + 1]


async def test_a_handler_that_fails_otherwise_does_not(model: str) -> None:
    """Its error is logged, and the answer comes."""

    class Failing(AsyncCallbackHandler):
        async def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            raise PermissionError

    short, _ = await both_ways(model, None)
    assert (await short(config_for(Failing()))).text == "ok"


async def test_a_cache_is_asked_on_the_long_way(model: str, server: ModelServer) -> None:
    """A cached answer is told as such, without a second request."""
    short, _ = await both_ways(model, None)
    set_llm_cache(InMemoryCache())
    try:
        first, second = Heard(), Heard()
        await short(config_for(first))
        await short(config_for(second))
    finally:
        set_llm_cache(None)
    assert len(server.requests) == 1
    (generation,) = second.events[-1][1][0].generations[0]
    assert generation.message.usage_metadata["total_cost"] == 0


async def test_whoever_wants_tokens_gets_a_stream(model: str, server: ModelServer) -> None:
    """A handler of message streams makes LangChain stream the answer; every handler is told of each part."""
    server.always(Reply(text="one two three four"))
    short, _ = await both_ways(model, None)
    plain = (await get_model(model)).model_copy(update={"stream_usage": True})  # as `Ask` has it

    async def long(config: RunnableConfig) -> Any:
        return await plain.ainvoke(list(MESSAGES), config)

    told: list[Any] = []
    for call in (short, long):
        handler = Heard()
        config = config_for(handler, StreamMessagesHandler(lambda _: None, True))
        await call({**config, "metadata": {"langgraph_checkpoint_ns": "worker:1"}})
        told.append([(event[0], event[1]) for event in handler.events if event[0] == "on_llm_new_token"])
    assert comparable(told[0]) == comparable(told[1])
    assert len(told[0]) > 2
    assert all(request.body["stream"] for request in server.requests)


async def test_plain_handlers_leave_the_short_way_in_use(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request on it does not name the SDK's stream option, and never enters `ChatOpenAI`."""
    from langchain_openai import ChatOpenAI

    async def entered(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the long way")

    short, _ = await both_ways(model, None)
    monkeypatch.setattr(ChatOpenAI, "_agenerate", entered)
    assert (await short(config_for(Heard()))).text == "ok"
    assert [request.body.get("stream") for request in server.requests] == [False]


async def test_a_version_of_langchain_with_other_parts_takes_the_long_way(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be reported exactly is left to LangChain."""
    from langchain_openai.chat_models import base

    chosen = await get_model(model)
    assert Direct.of(chosen, {}) is not None
    monkeypatch.delattr(base, "_add_gateway_metadata")
    assert Direct.of(chosen, {}) is None


async def test_calls_at_once_are_told_apart(model: str, server: ModelServer) -> None:
    """Each has the id of its own run, however the answers overtake each other."""
    gate = Gate(opens_at=3)
    server.always(Reply(text="ok", gate=gate))
    short, _ = await both_ways(model, None)
    handler = Heard()
    ids = [uuid.uuid4() for _ in range(3)]
    await asyncio.gather(*(short({**config_for(handler), "run_id": each}) for each in ids))
    for each in ids:
        assert [event[0] for event in handler.events if event[2]["run_id"] == each] == [
            "on_chat_model_start",
            "on_llm_end",
        ]
