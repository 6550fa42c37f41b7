"""The short way to an endpoint: the same requests as on the long way."""

from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, get_usage_metadata_callback
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from openai import APIStatusError
from pydantic import BaseModel

from langgraph_parallel import Ask, Limits, create_voting
from langgraph_parallel.errors import EndpointError
from langgraph_parallel.runtime import direct, reported
from langgraph_parallel.runtime.direct import Direct
from langgraph_parallel.runtime.models import get_model
from tests.support.fans import GIVEN, flat
from tests.support.server import ModelServer, Reply


class Mood(BaseModel):
    """How a text sounds."""

    mood: str


class Listener(AsyncCallbackHandler):
    """Counts model calls."""

    def __init__(self) -> None:
        self.heard = 0

    async def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        """Count a call."""
        self.heard += 1


@pytest.fixture
def long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no call take the short way while something listens."""
    monkeypatch.setattr(reported, "is_streamed_to", lambda handlers: True)


@pytest.mark.usefixtures("long_way")
@pytest.mark.parametrize("schema", [None, Mood], ids=["text", "schema"])
@pytest.mark.parametrize("temperature", [None, 0.5], ids=["default", "warm"])
async def test_it_sends_the_same_as_the_long_way(
    model: str, server: ModelServer, schema: type[BaseModel] | None, temperature: float | None
) -> None:
    """Neither the request nor the answer depends on which way a call takes."""
    server.always(Reply(json={"mood": "calm"}))
    own = ChatOpenAI(model="own", max_completion_tokens=77, seed=3, model_kwargs={"user": "me"})
    for each in (model, own):
        server.requests.clear()
        ask = Ask("{text}", model=each, schema=schema, temperature=temperature)
        short = await ask.ainvoke("hello")
        listener = Listener()
        long = await ask.ainvoke("hello", {"callbacks": [listener]})
        assert (short, listener.heard) == (long, 1)
        first, second = (request.body for request in server.requests)
        assert {**first, "stream": False} == {**second, "stream": False}
        headers = [{k.lower(): v for k, v in request.headers.items()} for request in server.requests]
        ignored = ("x-stainless-", "content-length", "connection")
        assert (
            len({str(sorted(h for h in sent.items() if not h[0].startswith(ignored))) for sent in headers})
            == 1
        )


async def test_listeners_hear_every_call(model: str, server: ModelServer) -> None:
    """Callbacks, LangChain's token counters and message streams miss nothing."""
    listener = Listener()
    await flat(3, model).ainvoke(GIVEN, {"callbacks": [listener]})
    assert listener.heard == 3
    with get_usage_metadata_callback() as counted:
        await flat(2, model).ainvoke(GIVEN)
    assert [usage["input_tokens"] for usage in counted.usage_metadata.values()] == [20]
    vote = create_voting(model=model, voters=2)
    parts = [part async for part in vote.astream({"question": "?"}, stream_mode="messages", subgraphs=True)]
    assert parts


@pytest.mark.parametrize(
    "make",
    [
        lambda: ChatOpenAI(model="x", cache=True),
        lambda: ChatOpenAI(model="x", streaming=True),
        lambda: ChatOpenAI(model="x", n=2),
        lambda: ChatOpenAI(model="x", use_responses_api=True),
        lambda: ChatOpenAI(model="x", extra_body={"a": 1}),
        lambda: type("Mine", (ChatOpenAI,), {})(model="x"),
        lambda: AzureChatOpenAI(
            model="x", azure_endpoint="https://example.invalid", api_version="1", api_key="k"
        ),
    ],
    ids=["cache", "streaming", "several answers", "responses", "extra body", "subclass", "azure"],
)
async def test_a_model_with_special_settings_takes_the_long_way(model: str, make: Any) -> None:
    """A setting may change more than the parameters of a request."""
    assert Direct.of(await get_model(make()), {}) is None
    assert Direct.of(await get_model(ChatOpenAI(model="x")), {}) is not None


@pytest.mark.usefixtures("long_way")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 422, 429, 500, 503])
async def test_errors_are_those_of_the_sdk(model: str, server: ModelServer, status: int) -> None:
    """LangChain derives its own errors from them; status, code and message are the same on both ways."""
    server.always(Reply(status=status, headers={"retry-after": "0"}))
    ask = Ask("{text}", model=model, limits=Limits(attempts=1, patience=0))
    ends: list[Any] = []
    for config in (None, {"callbacks": [Listener()]}):
        with pytest.raises(APIStatusError) as raised:
            await ask.ainvoke("x", config)  # type: ignore[arg-type]
        ends.append(raised.value)
    short, long = ends
    assert isinstance(long, type(short))
    assert (str(short), short.code, short.status_code) == (str(long), long.code, long.status_code)
    assert short.response.headers["retry-after"] == "0"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        {"choices": []},
        {"choices": [{}]},
        {"choices": None},
        {"choices": [{"message": "x"}]},
    ],
)
def test_a_body_that_is_not_an_answer_is_an_error(body: Any) -> None:
    """The error carries the body."""
    with pytest.raises(EndpointError, match="not a chat completion"):
        direct.parse_completion(body)


def test_an_answer_without_counts_has_none() -> None:
    """A missing count is not a zero."""
    message = direct.parse_completion({"choices": [{"message": {"content": None, "refusal": "no"}}]})
    assert (message.text, message.usage_metadata) == ("", None)
    assert message.additional_kwargs == {"refusal": "no"}
