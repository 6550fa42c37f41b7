"""Ask: one question to one model, with schema, repair, retries, time limit, refusals and records."""

import asyncio
from functools import partial
from typing import Literal

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from langgraph_parallel import Ask, Limits
from langgraph_parallel.errors import (
    InputError,
    InvalidAnswer,
    ModelError,
    NoModelError,
    PromptError,
    RefusedAnswer,
)
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.recording import recording
from tests.support.clock import Clock
from tests.support.server import Gate, ModelServer, Reply

QUICK = Limits(backoff=0.001, attempts=3)


class Mood(BaseModel):
    """The tone of a text."""

    mood: Literal["calm", "angry"]


async def test_a_text_answer_comes_back_as_text(model: str, server: ModelServer) -> None:
    """Without a schema, the answer is the model's text."""
    server.on("a poem", Reply(text="roses"))
    assert await Ask("Write a poem about {thing}", model=model).ainvoke("tea") == "roses"


async def test_a_schema_goes_out_strict_and_comes_back_as_a_record(model: str, server: ModelServer) -> None:
    """The request has a closed JSON schema, and the answer is an instance of the pydantic model."""
    server.always(Reply(json={"mood": "angry"}))
    assert await Ask("{text}", model=model, schema=Mood).ainvoke("argh") == Mood(mood="angry")
    schema = server.requests[0].body["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["additionalProperties"] is False


async def test_an_invalid_answer_is_repaired_once_with_the_error_shown(
    model: str, server: ModelServer
) -> None:
    """The second request contains the first answer and its validation error."""
    server.always(Reply(json={"mood": "calm"}))
    server.on(lambda r: len(r.body["messages"]) == 2, Reply(json={"mood": "blue"}))
    assert await Ask("{text}", model=model, schema=Mood).ainvoke("hm") == Mood(mood="calm")
    assert len(server.requests) == 2
    assert '"blue"' in server.requests[1].prompt
    assert "mood: Input should be 'calm' or 'angry'" in server.requests[1].prompt


async def test_an_answer_that_stays_invalid_is_an_error_and_never_a_guess(
    model: str, server: ModelServer
) -> None:
    """After one repair the call fails, and the error names the schema."""
    server.always(Reply(text="rather calm, I think"))
    with pytest.raises(InvalidAnswer, match="does not fit Mood"):
        await Ask("{text}", model=model, schema=Mood).ainvoke("hm")
    assert len(server.requests) == 2


async def test_a_refusal_is_not_asked_again(model: str, server: ModelServer) -> None:
    """A model that declines has answered, so there is nothing to repair."""
    server.always(Reply(refusal="I would rather not"))
    with pytest.raises(RefusedAnswer, match="rather not"):
        await Ask("{text}", model=model, schema=Mood).ainvoke("hm")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [Reply(status=500), Reply(status=429), Reply(status=503), Reply(disconnect=True), Reply(malformed=True)],
    ids=["500", "429", "503", "disconnect", "malformed"],
)
async def test_transient_failures_are_retried(model: str, server: ModelServer, fault: Reply) -> None:
    """Throttling, server errors, broken connections and truncated bodies are retried, in one layer only."""
    server.always(Reply(text="at last"))
    server.on("x", fault, times=2)
    with recording() as calls:
        assert await Ask("{text}", model=model, limits=QUICK).ainvoke("x") == "at last"
    assert len(server.requests) == 3
    assert [call.attempt for call in calls.values()] == [1, 2, 3]
    assert [call.ok for call in calls.values()] == [False, False, True]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_permanent_failures_are_not_retried(model: str, server: ModelServer, status: int) -> None:
    """A request that the server rejects is not repeated."""
    server.always(Reply(status=status))
    with pytest.raises(Exception, match=str(status)):
        await Ask("{text}", model=model, limits=QUICK).ainvoke("x")
    assert len(server.requests) == 1


async def test_attempts_are_not_multiplied_by_the_sdk(model: str, server: ModelServer) -> None:
    """A server that always fails sees as many requests as the limits allow, for strings and for objects."""
    server.always(Reply(status=500))
    own = ChatOpenAI(model="own", max_retries=2)
    for each in (model, own):
        before = len(server.requests)
        with pytest.raises(Exception, match="500"):
            await Ask("{text}", model=each, limits=QUICK).ainvoke("x")
        assert len(server.requests) - before == 3


async def test_retry_after_is_obeyed(model: str, server: ModelServer) -> None:
    """The next request is sent no earlier than the server asked for."""
    server.always(Reply(text="ok"))
    server.on("x", Reply(status=429, headers={"retry-after": "0.3"}), times=1)
    with recording() as calls:
        await Ask("{text}", model=model, limits=QUICK).ainvoke("x")
    first, second = server.requests
    assert first.ended is not None
    assert second.started - first.ended >= 0.29
    assert [call.throttled for call in calls.values()] == [True, False]


async def test_a_retry_after_beyond_the_ceiling_ends_the_call(model: str, server: ModelServer) -> None:
    """The call fails at once instead of waiting for an hour."""
    server.always(Reply(status=429, headers={"retry-after": "3600"}))
    with pytest.raises(Exception, match="429"):
        await Ask("{text}", model=model, limits=QUICK).ainvoke("x")
    assert len(server.requests) == 1


async def test_a_call_that_hangs_is_ended_and_its_connection_closed(
    model: str, server: ModelServer, clock: Clock
) -> None:
    """The time limit applies to each attempt, and the server sees the connection close."""
    server.always(Reply(hang=True))
    limits = Limits(call_timeout=300, attempts=2, backoff=0.001)
    asking = asyncio.ensure_future(Ask("{text}", model=model, limits=limits).ainvoke("x"))
    for cut_off in range(2):
        await asyncio.to_thread(server.wait, partial(_is_left_hanging, cut_off))
        clock.advance(300)
    with pytest.raises(TimeoutError, match="no answer from test-model within 300 s"):
        await asking
    await asyncio.to_thread(server.wait, lambda s: s.cut_off == 2)


def _is_left_hanging(cut_off: int, server: ModelServer) -> bool:
    return server.cut_off == cut_off and server.hanging == 1


async def test_no_slot_is_held_while_waiting_to_retry(model: str, server: ModelServer) -> None:
    """With a concurrency of 1, a second call is sent while the first one waits for its retry."""
    gate = Gate()
    server.on("first", Reply(text="late", gate=gate))
    server.on("first", Reply(status=429, headers={"retry-after": "0.2"}), times=1)
    server.on("second", Reply(text="in between"))
    limits = Limits(concurrency=1)
    ask = Ask("{text}", model=model, limits=limits)
    first = asyncio.ensure_future(ask.ainvoke("first"))
    await asyncio.to_thread(server.wait, lambda s: bool(s.asked("first")))
    assert await ask.ainvoke("second") == "in between"
    gate.open()
    assert await first == "late"
    assert server.most_in_flight == 1


async def test_tokens_are_recorded(model: str, server: ModelServer) -> None:
    """The record of a call has the token counts of the server."""
    server.always(Reply(text="ok", usage=(120, 7)))
    with recording() as calls:
        await Ask("{text}", model=model).ainvoke("x")
    assert [call.usage for call in calls.values()] == [Usage(input_tokens=120, output_tokens=7)]


async def test_one_client_serves_all_calls_of_an_endpoint(model: str, server: ModelServer) -> None:
    """Calls of different prompts and models share one connection pool on the aiohttp transport."""
    for name in ("openai:a", "openai:b"):
        await Ask("{text}", model=name).ainvoke("x")
    from langgraph_parallel.runtime.models import get_model

    one, other = await get_model("openai:a"), await get_model("openai:b")
    assert isinstance(one, ChatOpenAI)
    assert isinstance(other, ChatOpenAI)
    assert one.http_async_client is other.http_async_client
    assert one.http_async_client is not None
    assert "aiohttp" in type(one.http_async_client._transport).__name__.lower()


def test_clients_do_not_outlive_their_event_loop(model: str, server: ModelServer) -> None:
    """One worker runs in several loops in turn, and leaves nothing open (warnings are errors)."""
    server.always(Reply(text="ok"))
    for each in (model, ChatOpenAI(model="own")):
        ask = Ask("{text}", model=each)
        assert [asyncio.run(ask.ainvoke("x")) for _ in range(3)] == ["ok"] * 3


async def test_a_model_without_structured_output_is_told_the_schema() -> None:
    """The prompt contains the schema, and an answer in a JSON code fence is read."""
    fake = GenericFakeChatModel(messages=iter([AIMessage('```json\n{"mood": "calm"}\n```')]))
    assert await Ask("{text}", model=fake, schema=Mood).ainvoke("x") == Mood(mood="calm")


async def test_voters_with_the_same_question_do_not_share_a_cached_answer(
    model: str, server: ModelServer
) -> None:
    """With a global LLM cache, each voter still sends its own request, because no two requests are equal."""
    from langgraph_parallel import create_voting

    set_llm_cache(InMemoryCache())
    try:
        await create_voting(model=model, voters=4, stop="all_votes").ainvoke({"question": "?"})
    finally:
        set_llm_cache(None)
    assert len(server.requests) == 4


def test_invalid_arguments_fail_when_the_worker_is_built() -> None:
    """The error is raised before anything runs."""
    with pytest.raises(ModelError, match="provider:model"):
        Ask("{x}", model="gpt-5")
    with pytest.raises(PromptError, match="empty"):
        Ask("  ")
    with pytest.raises(PromptError, match=r"lacks the variable \{tone\}"):
        Ask("{x}", given={"tone": "dry"})


async def test_invalid_input_fails_before_any_call(model: str, server: ModelServer) -> None:
    """The error names the missing variable, and the model is not asked."""
    ask = Ask("{question} {context}", model=model)
    with pytest.raises(InputError, match="needs context"):
        await ask.ainvoke({"question": "?"})
    with pytest.raises(InputError, match="pass a mapping"):
        await ask.ainvoke("?")
    assert server.requests == []


async def test_without_a_model_the_error_says_how_to_get_one() -> None:
    """The error names the environment variables, and a model without a key."""
    with pytest.raises(NoModelError, match=r"LANGGRAPH_PARALLEL_MODEL.*OPENAI_API_KEY"):
        await Ask("{x}").ainvoke("?")
    with pytest.raises(NoModelError, match="no key for openai:x"):
        await Ask("{x}", model="openai:x").ainvoke("?")


async def test_limits_of_a_run_replace_only_what_they_set(model: str, server: ModelServer) -> None:
    """A runtime context that sets one limit leaves the others unchanged."""
    from langgraph_parallel import Context, create_sectioning, split

    server.always(Reply(status=500))
    ask = Ask("{content}", model=model, limits=QUICK)
    graph = create_sectioning(planner=split.by_heading(), worker=ask)
    context = Context(limits=Limits(call_timeout=7))
    out = await graph.ainvoke({"content": "# a\nx"}, context=context)
    assert out["run_report"].branches == {"failed": 1}
    assert len(server.requests) == QUICK.attempts


def test_the_objects_of_a_loop_are_closed_with_it(model: str, server: ModelServer) -> None:
    """No object of a closed loop is kept."""
    from langgraph_parallel.runtime import loops

    asyncio.run(Ask("{text}", model=model).ainvoke("x"))
    assert not [loop for loop in loops._stores if loop.is_closed()]
