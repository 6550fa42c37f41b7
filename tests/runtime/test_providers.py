"""Azure, the Responses API, Anthropic and Gemini: their answers, refusals, errors and waits mean the same."""

import gc
import sys
from collections.abc import Callable, Iterator

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from pydantic import BaseModel, SecretStr

from langgraph_parallel import Ask, Limits, create_sectioning, split
from langgraph_parallel.errors import CutAnswer, EmptyAnswer, FilteredAnswer, RefusedAnswer
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.explain import kind_of
from langgraph_parallel.runtime.limiter_registry import reset_limits
from langgraph_parallel.runtime.recording import recording
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.structured import stream_listener
from tests.support.provider_errors import Failure
from tests.support.providers import Answer, ProviderServer

QUICK = Limits(attempts=3, backoff=0.001, patience=5)
pytestmark = pytest.mark.filterwarnings(
    # Of Google's client: its session is closed by the garbage collector.
    "ignore:.*AiohttpClientSession:DeprecationWarning",
    "ignore:unclosed:ResourceWarning",
    "ignore:Unclosed:ResourceWarning",
    "ignore:coroutine 'ClientResponse.json':RuntimeWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


def azure(server: ProviderServer) -> BaseChatModel:
    """Return a model of Azure's."""
    return AzureChatOpenAI(
        model="gpt-5-mini",
        azure_deployment="d",
        azure_endpoint=server.url,
        api_version="2024-10-21",
        api_key=SecretStr("k"),
    )


def responses(server: ProviderServer) -> BaseChatModel:
    """Return a model that is asked through OpenAI's Responses API."""
    return ChatOpenAI(
        model="gpt-5-mini", use_responses_api=True, base_url=server.openai_url, api_key=SecretStr("k")
    )


def anthropic(server: ProviderServer) -> BaseChatModel:
    """Return a model of Anthropic's."""
    kind = pytest.importorskip("langchain_anthropic", reason="needs langchain-anthropic; CI has it")
    model: BaseChatModel = kind.ChatAnthropic(model="claude-haiku-4-5", api_key="k", base_url=server.url)
    return model


def gemini(server: ProviderServer) -> BaseChatModel:
    """Return a model of Google's."""
    kind = pytest.importorskip("langchain_google_genai", reason="needs langchain-google-genai; CI has it")
    model: BaseChatModel = kind.ChatGoogleGenerativeAI(model="gemini-x", api_key="k", base_url=server.url)
    return model


PROVIDERS: list[Callable[[ProviderServer], BaseChatModel]] = [azure, responses, anthropic, gemini]


class Choice(BaseModel):
    """A choice."""

    choice: str


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    """Run a server of all providers for one test."""
    reset_limits()
    with ProviderServer() as running:
        yield running
    if "google.genai" in sys.modules:
        gc.collect()  # what its client has left is found here, where warnings of it are ignored


@pytest.fixture(params=PROVIDERS, ids=lambda build: build.__name__)
def chat(provider: ProviderServer, request: pytest.FixtureRequest) -> BaseChatModel:
    """Return a model of each provider in turn."""
    model: BaseChatModel = request.param(provider)
    return model


async def test_answers_are_read_and_counted(chat: BaseChatModel, provider: ProviderServer) -> None:
    """As text and as a record, without the thinking, which Anthropic and Gemini send along."""
    provider.on("a poem", Answer(text="roses", thinking="hm"))
    provider.on("a choice", Answer(json={"choice": "left"}, thinking="hm"))
    with recording() as calls:
        assert await Ask("Write a poem about {thing}", model=chat).ainvoke("tea") == "roses"
        record = await Ask("Make a choice: {thing}", model=chat, schema=Choice).ainvoke("tea")
    assert record == Choice(choice="left")
    assert all(call.usage.input_tokens >= 10 for call in calls.values())


ENDS = {
    "cut": (Answer(text="The first half of a", end="length"), CutAnswer, "cut off at its token limit"),
    "only thinking": (Answer(text="", thinking="hm", end="length"), CutAnswer, "token limit"),
    "filtered": (Answer(text="Some of it", end="filter"), RefusedAnswer, "withheld|declined"),
    "declined": (Answer(end="refusal"), RefusedAnswer, "declined|withheld"),
    "empty": (Answer(text=""), EmptyAnswer, "empty"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("schema", [None, Choice])
@pytest.mark.parametrize("streamed", [False, True])
async def test_what_is_no_whole_answer_is_a_failure(
    end: str, schema: type[BaseModel] | None, streamed: bool, chat: BaseChatModel, provider: ProviderServer
) -> None:
    """With that cause, and its tokens; whole and streamed, as text and as a record."""
    answer, error, words = ENDS[end]
    if end == "declined" and streamed and isinstance(chat, AzureChatOpenAI):
        pytest.skip("LangChain drops the refusal from the stream")
    provider.on("?", answer)
    parts: list[str | None] = []
    token = stream_listener.set(parts.append if streamed else None)
    try:
        with recording() as calls, pytest.raises(error, match=words):
            await Ask("{text}", model=chat, schema=schema, limits=QUICK).ainvoke("?")
    finally:
        stream_listener.reset(token)
    assert len(provider.requests) == (2 if end == "empty" and schema else 1)
    # LangChain says nothing of the tokens of an answer that Azure has filtered.
    unknown = end == "filtered" and schema is None and isinstance(chat, AzureChatOpenAI)
    assert unknown or all(call.usage.output_tokens for call in calls.values())


async def test_a_prompt_that_is_blocked_was_filtered(chat: BaseChatModel, provider: ProviderServer) -> None:
    """By an error, a stop reason, or feedback on the prompt; for Anthropic it is a refusal."""
    provider.on("?", Answer(end="prompt_blocked"))
    with pytest.raises(Exception) as raised:  # noqa: PT011 - of the provider
        await Ask("{text}", model=chat).ainvoke("?")
    assert kind_of(raised.value) == "filter" or isinstance(raised.value, RefusedAnswer)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("failure", ["throttled", "unavailable", "overloaded", "failed"])
async def test_what_passes_is_waited_for(
    failure: Failure, chat: BaseChatModel, provider: ProviderServer
) -> None:
    """Each request is a call of ours: the client repeats nothing by itself."""
    provider.on("?", Answer(text="fine"))
    provider.on("?", Answer(failure=failure, retry_after=0.05), times=2)
    with recording() as calls:
        assert await Ask("{text}", model=chat, limits=QUICK).ainvoke("?") == "fine"
    assert [call.ok for call in calls.values()] == [False, False, True]
    assert len(provider.requests) == 3
    assert sum(call.throttled for call in calls.values()) == (2 if failure == "throttled" else 0)


LASTING: dict[Failure, str] = {"bad_key": "key", "not_found": "model", "too_long": "context"}


@pytest.mark.parametrize("failure", LASTING)
async def test_what_lasts_is_said_once(
    failure: Failure, chat: BaseChatModel, provider: ProviderServer
) -> None:
    """The kind is the same for all providers; the text names the endpoint, the model and the way out."""
    provider.on("?", Answer(failure=failure))
    with pytest.raises(Exception) as raised:  # noqa: PT011 - of the provider
        await Ask("{text}", model=chat, limits=QUICK).ainvoke("?")
    assert kind_of(raised.value) == LASTING[failure]
    assert f"from {provider.url}" in describe(raised.value)
    assert len(provider.requests) == 1


async def test_a_stream_that_breaks_off_is_asked_for_again(
    chat: BaseChatModel, provider: ProviderServer
) -> None:
    """An error in the middle of a stream is one of the endpoint, and the listener starts anew."""
    provider.on("?", Answer(text="fine, all of it"))
    provider.on("?", Answer(text="fine, not all", failure="overloaded", late=True), times=1)
    parts: list[str | None] = []
    token = stream_listener.set(parts.append)
    try:
        answer = await Ask("{text}", model=chat, limits=QUICK).ainvoke("?")
    finally:
        stream_listener.reset(token)
    assert answer == "fine, all of it"
    last = len(parts) - parts[::-1].index(None)
    assert "".join(filter(None, parts[last:])) == answer
    assert len(provider.requests) == 2


async def test_a_wrong_key_ends_a_fan_out(chat: BaseChatModel, provider: ProviderServer) -> None:
    """No further branch asks, and all have one cause."""
    provider.on("x", Answer(failure="bad_key"))
    worker = Ask("{content}", model=chat, limits=Limits(concurrency=2))
    text = "\n".join(f"# {i}\nx" for i in range(12))
    out = await create_sectioning(planner=split.by_heading(), worker=worker).ainvoke({"content": text})
    assert len(provider.requests) == 2
    assert len(set(out["run_report"].failures.values())) == 1
    assert out["run_report"].status == "failed"
    assert out["run_report"].usage == Usage()


async def test_a_filtered_answer_is_a_refusal_of_the_provider() -> None:
    """Code that handles refusals handles it, too."""
    assert issubclass(FilteredAnswer, RefusedAnswer)
