"""The model server of the tests: what the other tests rely on, seen through `ChatOpenAI`."""

import asyncio
import time
from collections.abc import AsyncIterator

import openai
import pytest
from langchain_openai import ChatOpenAI
from openai import DefaultAioHttpClient
from pydantic import BaseModel

from tests.support.server import Gate, ModelServer, Reply


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


@pytest.fixture
async def chat(server: ModelServer) -> AsyncIterator[ChatOpenAI]:
    """A chat model that asks the server, without retries."""
    client = DefaultAioHttpClient()
    yield ChatOpenAI(
        model="m", api_key="k", base_url=server.url, max_retries=0, http_async_client=client
    )  # fmt: skip
    await client.aclose()


async def test_it_answers_by_prompt_and_the_last_rule_wins(server: ModelServer, chat: ChatOpenAI) -> None:
    """Rules match what the prompt says, may be used up, and fall back to earlier ones."""
    server.always(Reply(text="anything"))
    server.on("capital", Reply(text="Paris"), times=1)
    assert [(await chat.ainvoke("capital?")).text for _ in range(2)] == ["Paris", "anything"]
    assert len(server.asked("capital")) == 2


async def test_it_answers_in_structure(server: ModelServer, chat: ChatOpenAI) -> None:
    """A schema is met by what the rule says, or by the smallest object that fits."""
    structured = chat.with_structured_output(City)
    assert await structured.ainvoke("x") == City(name="ok", inhabitants=1)
    server.always(Reply(json={"name": "Oslo", "inhabitants": 700000}))
    assert await structured.ainvoke("x") == City(name="Oslo", inhabitants=700000)


async def test_it_calls_tools(server: ModelServer, chat: ChatOpenAI) -> None:
    """A request with tools gets a call of the first one."""
    server.always(Reply(json={"name": "Oslo", "inhabitants": 1}))
    message = await chat.bind_tools([City]).ainvoke("x")
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [
        ("City", {"name": "Oslo", "inhabitants": 1})
    ]


async def test_it_streams(server: ModelServer, chat: ChatOpenAI) -> None:
    """A text comes in pieces that add up."""
    server.always(Reply(text="one two three four"))
    pieces = [chunk.text async for chunk in chat.astream("x")]
    assert "".join(pieces) == "one two three four"
    assert sum(piece != "" for piece in pieces) > 1


async def test_it_refuses(server: ModelServer, chat: ChatOpenAI) -> None:
    """A refusal is where OpenAI puts it."""
    server.always(Reply(refusal="no"))
    assert (await chat.ainvoke("x")).additional_kwargs["refusal"] == "no"


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
async def test_it_fails_as_it_is_told(server: ModelServer, chat: ChatOpenAI, status: int) -> None:
    """The status and the headers reach the client's error."""
    server.always(Reply(status=status, headers={"retry-after": "7"}))
    with pytest.raises(openai.APIStatusError) as caught:
        await chat.ainvoke("x")
    assert (caught.value.status_code, caught.value.response.headers["retry-after"]) == (status, "7")


async def test_it_breaks_connections_and_bodies(server: ModelServer, chat: ChatOpenAI) -> None:
    """A dropped connection and a cut body are errors of the client."""
    server.always(Reply(disconnect=True))
    with pytest.raises(openai.APIConnectionError):
        await chat.ainvoke("x")
    server.always(Reply(malformed=True))
    with pytest.raises(Exception, match=r"(?i)json|unterminated|delimiter"):
        await chat.ainvoke("x")


async def test_it_hangs_until_the_client_goes(server: ModelServer, chat: ChatOpenAI) -> None:
    """A client that gives up is counted as cut off."""
    server.always(Reply(hang=True))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(chat.ainvoke("x"), 0.2)
    server.wait(lambda s: s.cut_off == 1 and s.in_flight == 0)


async def test_it_delays_and_counts_what_is_in_flight(server: ModelServer, chat: ChatOpenAI) -> None:
    """Requests at a gate are in flight together, and a delay is at least what it says."""
    server.always(Reply(gate=Gate(opens_at=5)))
    await asyncio.gather(*(chat.ainvoke("x") for _ in range(5)))
    assert (server.most_in_flight, server.in_flight, len(server.requests)) == (5, 0, 5)
    server.always(Reply(delay=0.05))
    started = time.monotonic()
    await chat.ainvoke("x")
    assert time.monotonic() - started >= 0.05
