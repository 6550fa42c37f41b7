"""Tokens that a cache had, and thinking: whatever names and sums a server has for them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from pydantic import SecretStr

from langgraph_parallel import Ask, agents, create_sectioning, governed, split
from langgraph_parallel.records import Call, Usage
from langgraph_parallel.runtime.counted import add_counted, as_usage, completion_metadata
from langgraph_parallel.runtime.recording import read_usage, recording
from langgraph_parallel.runtime.structured import stream_listener
from langgraph_parallel.runtime.trial import Completion
from langgraph_parallel.testing import ModelServer, Reply
from tests.support.provider_answers import CACHED, Answer
from tests.support.providers import ProviderServer

OPENAI = {
    "prompt_tokens": 2000,
    "completion_tokens": 50,
    "total_tokens": 2050,
    "prompt_tokens_details": {"cached_tokens": 1536, "cache_write_tokens": 300, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 40},
}
COUNTED = Usage(
    input_tokens=2000,
    output_tokens=50,
    cache_read_tokens=1536,
    cache_write_tokens=300,
    reasoning_tokens=40,
)
SUM: dict[str, Any] = {"prompt_tokens": 2000, "completion_tokens": 50, "total_tokens": 2050}


def counted(**said: Any) -> Usage:
    """Return the usage of a completion whose body says something beside its tokens."""
    return as_usage(completion_metadata(SUM | said))


def cached(usage: Usage) -> tuple[int, int, int]:
    """Return the tokens of the prompt, and those read from and written to a cache."""
    return usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 1024}}, (2000, 1024, 0)),
        ({"prompt_cache_hit_tokens": 1984, "prompt_cache_miss_tokens": 16}, (2000, 1984, 0)),
        ({"cached_tokens": 512}, (2000, 512, 0)),
        ({"input_tokens_details": {"cached_tokens": 128}}, (2000, 128, 0)),
        ({"cache_read_input_tokens": 900, "cache_creation_input_tokens": 80}, (2000, 900, 80)),
        (
            {
                "prompt_tokens_details": {"cached_tokens": 900, "cache_creation_tokens": 80},
                "cache_read_input_tokens": 900,
                "cache_creation_input_tokens": 80,
            },
            (2000, 900, 80),
        ),
        ({"prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 1700}}, (2000, 0, 1700)),
        (
            {"prompt_tokens_details": {"cache_creation": {"ephemeral_5m_input_tokens": 1200}}},
            (2000, 0, 1200),
        ),
        ({"prompt_tokens_details": None, "completion_tokens_details": None}, (2000, 0, 0)),
        ({"prompt_tokens_details": {"cached_tokens": None}}, (2000, 0, 0)),
        ({"prompt_tokens_details": {"cached_tokens": 1024.0}}, (2000, 1024, 0)),
    ],
    ids=[
        "openai",
        "deepseek",
        "top level",
        "responses",
        "litellm",
        "litellm, twice",
        "written",
        "by time",
        "null",
        "null inside",
        "a float",
    ],
)
def test_a_server_s_name_for_cached_tokens_is_known(said: dict[str, Any], expected: Any) -> None:
    """Each server has names of its own, and some say the same number twice."""
    assert cached(counted(**said)) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"prompt_tokens_details": {"cached_tokens": "1024"}}, (2000, 0, 0)),
        ({"prompt_tokens_details": {"cached_tokens": -5}}, (2000, 0, 0)),
        ({"prompt_tokens_details": {"cached_tokens": True}}, (2000, 0, 0)),
        ({"prompt_tokens_details": {"cached_tokens": float("nan")}}, (2000, 0, 0)),
        ({"prompt_tokens_details": {"cached_tokens": float("inf")}}, (2000, 0, 0)),
        ({"prompt_tokens_details": {"cached_tokens": 10**30}}, (2000, 0, 0)),
        ({"prompt_tokens_details": [1024]}, (2000, 0, 0)),
        ({"prompt_tokens_details": "none"}, (2000, 0, 0)),
        ({"prompt_tokens_details": {"cached_tokens": 1500, "cache_write_tokens": 1500}}, (2000, 1500, 500)),
        ({"prompt_tokens": "2000", "prompt_tokens_details": {"cached_tokens": 1024}}, (2000, 1024, 0)),
        ({"prompt_tokens": "2000", "total_tokens": "2050"}, (0, 0, 0)),
    ],
)
def test_what_is_no_count_is_none_and_no_part_is_larger_than_the_whole(
    said: dict[str, Any], expected: Any
) -> None:
    """A price would be wrong without bound, or negative."""
    assert cached(counted(**said)) == expected


def test_a_sum_that_has_more_than_both_says_what_is_beside_them() -> None:
    """Some count cached tokens beside those of the prompt, and thinking beside those of the answer."""
    beside = {"prompt_tokens": 100, "cache_read_input_tokens": 1900, "completion_tokens": 50}
    assert cached(counted(**beside, total_tokens=2050)) == (2000, 1900, 0)
    thinking = {"completion_tokens_details": {"reasoning_tokens": 40}}
    usage = counted(**thinking, total_tokens=2090)
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == (2000, 90, 40)
    both = counted(**beside, **thinking, total_tokens=2090)
    assert (both.input_tokens, both.output_tokens) == (2000, 90)
    unnamed = counted(total_tokens=2350)
    assert (unnamed.input_tokens, unnamed.output_tokens, unnamed.reasoning_tokens) == (2000, 350, 300)
    unnamed = counted(total_tokens=2350, prompt_tokens_details={"cached_tokens": 1024})
    assert (*cached(unnamed), unnamed.output_tokens) == (2000, 1024, 0, 350)
    assert counted(total_tokens=9_999_999) == counted()  # nobody thinks for so long


def test_cached_tokens_that_are_more_than_the_prompt_are_beside_it() -> None:
    """Some gateways translate Anthropic's count, in which they are, and add it up without them."""
    said = {"prompt_tokens": 1678, "completion_tokens": 370, "total_tokens": 2048}
    usage = counted(**said, prompt_tokens_details={"cached_tokens": 105_530})
    assert (*cached(usage), usage.output_tokens) == (1678 + 105_530, 105_530, 0, 370)


def test_langchain_s_tiers_and_times_are_parts_of_the_same() -> None:
    """A tier of service is in the name of a count, and tokens by the time that they are kept are written."""
    flex = {"flex_cache_read": 700, "flex": 1300}
    metadata = {"input_tokens": 2000, "output_tokens": 50, "total_tokens": 2050}
    assert cached(as_usage({**metadata, "input_token_details": flex})) == (2000, 700, 0)
    times = {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 200, "cache_creation": 0}
    usage = as_usage({**metadata, "input_token_details": times})
    assert (*cached(usage), usage.cache_hour_tokens) == (2000, 0, 500, 200)
    times["cache_creation"] = 500  # as their sum
    assert as_usage({**metadata, "input_token_details": times}) == usage


def test_a_server_that_names_no_cached_tokens_differs_from_one_that_names_none() -> None:
    """Zero says that it has a cache."""
    said = completion_metadata(SUM | {"prompt_tokens_details": {"cached_tokens": 0}})
    assert said is not None
    assert said["input_token_details"] == {"cache_read": 0}
    assert "input_token_details" not in (completion_metadata(SUM) or {})


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5000),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.dictionaries(
        st.sampled_from(
            ["cached_tokens", "cache_write_tokens", "reasoning_tokens", "ephemeral_1h_input_tokens"]
        ),
        st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=2)),
    ),
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                *OPENAI,
                "cache_creation",
                "prompt_cache_hit_tokens",
                "cache_creation_input_tokens",
                "input_tokens_details",
            ]
        ),
        anything,
    )
)
def test_no_answer_of_a_server_makes_a_usage_that_cannot_be(said: dict[str, Any]) -> None:
    """Whatever it says, nothing raises, and parts are at most the whole."""
    usage = as_usage(completion_metadata(said))
    assert usage.cache_read_tokens + usage.cache_write_tokens <= usage.input_tokens
    assert usage.cache_hour_tokens <= usage.cache_write_tokens
    assert usage.reasoning_tokens <= usage.output_tokens


def test_parts_of_a_stream_are_added_before_they_are_read() -> None:
    """A part may take back what an earlier one has counted too much."""
    parts = [(20, 1), (-8, 4)]
    total = None
    for asked, answered in parts:
        chunk = AIMessageChunk(content="x")
        chunk.usage_metadata = {
            "input_tokens": asked,
            "output_tokens": answered,
            "total_tokens": asked + answered,
            "input_token_details": {"cache_read": 4 if asked > 0 else 0},
        }
        total = add_counted(total, chunk)
    assert as_usage(total) == Usage(input_tokens=12, output_tokens=5, cache_read_tokens=4)


def read_beside(said: Any, **details: int) -> Usage:
    """Return what is read of a message whose details LangChain knows, and whose server said more."""
    metadata: Any = {"input_tokens": 2000, "output_tokens": 50, "total_tokens": 2050}
    message = AIMessage(
        "x",
        usage_metadata=metadata | {"input_token_details": details},
        response_metadata={"token_usage": said},
    )
    return read_usage(message)


def test_what_langchain_leaves_out_is_read_from_the_server_s_words() -> None:
    """`ChatOpenAI` knows neither DeepSeek's name nor all of LiteLLM's, but passes them on."""
    assert cached(read_beside(SUM | {"prompt_cache_hit_tokens": 1984})) == (2000, 1984, 0)
    lite = {"prompt_tokens_details": {"cached_tokens": 1024}, "cache_creation_input_tokens": 900}
    assert cached(read_beside(SUM | lite, cache_read=1024)) == (2000, 1024, 900)
    assert read_beside(SUM | {"total_tokens": 2350}).output_tokens == 350
    assert read_beside(SUM) == Usage(input_tokens=2000, output_tokens=50)
    assert cached(read_beside(SUM, cache_read=1024)) == cached(read_beside("?", cache_read=1024))
    assert read_usage(AIMessage("x")) == Usage()


def test_a_trial_of_parameters_counts_likewise() -> None:
    """What a probe costs is priced as the calls of a run."""
    completion = Completion.__new__(Completion)
    assert completion.usage({"usage": OPENAI}) == COUNTED
    assert completion.usage("no completion") == Usage()


async def first_call(ask: Callable[[BaseChatModel], Any], model: BaseChatModel) -> Call:
    """Return the only call of a run of one section."""
    graph = create_sectioning(planner=split.by_heading(), worker=ask(model))
    out = await graph.ainvoke({"content": "# A\n\ntext"})
    calls: list[Call] = out["run_report"].calls
    assert len(calls) == 1
    return calls[0]


async def streamed(model: BaseChatModel) -> str:
    """Ask a model by a stream, as code of others does."""
    return "".join([part.text async for part in model.astream([HumanMessage("x")])])


def by_stream(model: BaseChatModel) -> Any:
    """Return a worker whose own code streams."""

    async def worker(section: Any) -> str:
        return await streamed(model)

    return worker


def in_sync_code(model: BaseChatModel) -> Any:
    """Return a worker whose own code is sync."""

    def worker(section: Any) -> str:
        return model.invoke([HumanMessage("x")]).text

    return worker


PATHS: dict[str, Callable[[BaseChatModel], Any]] = {
    "ask": lambda model: Ask("{content}", model=model),
    "others": lambda model: agents.adapt(model, input=lambda _: [HumanMessage("x")], output=lambda m: m.text),
    "governed": lambda model: agents.adapt(
        governed(model), input=lambda _: [HumanMessage("x")], output=lambda m: m.text
    ),
    "stream of others": by_stream,
    "governed stream": lambda model: by_stream(governed(model)),
    "sync": in_sync_code,
    "governed, sync": lambda model: in_sync_code(governed(model)),
}


LITELLM = SUM | {
    "prompt_tokens_details": {"cached_tokens": 1024},
    "cache_creation_input_tokens": 900,
    "cache_read_input_tokens": 1024,
}


@pytest.mark.parametrize("path", [path for path in PATHS if path != "stream of others"])
async def test_names_that_langchain_does_not_know_are_read_on_each_path(
    path: str, server: ModelServer
) -> None:
    """What was written costs more than what was not; only of streams of others nobody passes it on."""
    server.always(Reply(text="yes", usage=LITELLM))
    model = ChatOpenAI(model="gpt-5-mini", base_url=server.url, api_key=SecretStr("k"), stream_usage=True)
    call = await first_call(PATHS[path], model)
    assert cached(call.usage) == (2000, 1024, 900)


@pytest.mark.parametrize("path", PATHS)
async def test_every_path_of_a_call_counts_the_same(path: str, server: ModelServer) -> None:
    """Whoever makes the call, and however its answer arrives."""
    server.always(Reply(text="yes", usage=OPENAI))
    model = ChatOpenAI(model="gpt-5-mini", base_url=server.url, api_key=SecretStr("k"), stream_usage=True)
    call = await first_call(PATHS[path], model)
    assert call.usage == COUNTED
    assert call.usd == pytest.approx((164 * 0.25 + 1536 * 0.025 + 300 * 0.25 + 50 * 2) / 1e6)
    assert call.saved is not None
    assert call.saved.caching == pytest.approx(1536 * (0.25 - 0.025) / 1e6)


@pytest.mark.parametrize(("said", "expected"), [(OPENAI, (2000, 1536, 300)), (LITELLM, (2000, 1024, 900))])
async def test_an_ask_that_streams_counts_the_same(said: Any, expected: Any, server: ModelServer) -> None:
    """Streams of our own go through LangChain."""
    server.always(Reply(text="yes", usage=said))
    model = ChatOpenAI(model="gpt-5-mini", base_url=server.url, api_key=SecretStr("k"))
    token = stream_listener.set(lambda part: None)
    try:
        call = await first_call(PATHS["ask"], model)
    finally:
        stream_listener.reset(token)
    assert cached(call.usage) == expected


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


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("make", [azure, responses, anthropic, gemini])
@pytest.mark.filterwarnings(
    "ignore:.*AiohttpClientSession:DeprecationWarning",  # of Google's client
    "ignore:unclosed:ResourceWarning",
    "ignore:Unclosed:ResourceWarning",
    "ignore:coroutine 'ClientResponse.json':RuntimeWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
async def test_tokens_of_every_provider_include_what_a_cache_had(
    make: Callable[[ProviderServer], BaseChatModel], *, is_streamed: bool
) -> None:
    """Anthropic counts them beside the prompt, the others in it: here all are in it."""
    with ProviderServer() as server:
        server.on("x", Answer(text="yes", thinking="hm", usage=(10, 5)))
        model = governed(make(server))
        with recording() as calls:
            if is_streamed:
                await streamed(model)
            else:
                await model.ainvoke([HumanMessage("x")])
        (call,) = calls.values()
        assert (*cached(call.usage), call.usage.output_tokens) == (10, CACHED, 0, 8)
