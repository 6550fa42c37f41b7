"""Prefixes that a provider is told to keep: marks in the prompts of Anthropic's, where they are worth it."""

import asyncio
from collections.abc import Hashable, Iterator
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from pydantic import BaseModel, SecretStr

from langgraph_parallel import Ask, Limits
from langgraph_parallel.errors import FilteredAnswer, RefusedAnswer
from langgraph_parallel.runtime import led_call
from langgraph_parallel.runtime.dialect import Dialect
from langgraph_parallel.runtime.leading import leading
from langgraph_parallel.runtime.limiter_registry import reset_limits
from langgraph_parallel.runtime.marks import mark
from langgraph_parallel.runtime.prefix_terms import caching_of
from langgraph_parallel.runtime.rendered import find_prefixes
from tests.support.providers import Answer, ProviderRequest, ProviderServer

DOCUMENT = "A sentence of the document, as good as any other. " * 500
"""Of about 6,000 tokens."""
MARK = {"type": "ephemeral"}
ON = Limits(leader="on", attempts=2, backoff=0.001)
PLAIN = Limits(attempts=2, backoff=0.001)
pytestmark = pytest.mark.filterwarnings(
    # Of Google's client: its session is closed by the garbage collector.
    "ignore:.*AiohttpClientSession:DeprecationWarning",
    "ignore:unclosed:ResourceWarning",
    "ignore:Unclosed:ResourceWarning",
    "ignore:coroutine 'ClientResponse.json':RuntimeWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


class Choice(BaseModel):
    """A choice."""

    choice: str


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    """Run a server of all providers for one test."""
    reset_limits()
    with ProviderServer() as running:
        yield running


@pytest.fixture
def claude(provider: ProviderServer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a model of Anthropic's."""
    monkeypatch.setattr(led_call, "LOOK_SECONDS", 0.0 if "alone" in request.node.name else 30.0)
    kind = pytest.importorskip("langchain_anthropic", reason="needs langchain-anthropic; CI has it")
    return kind.ChatAnthropic(model="claude-sonnet-4-6", api_key="k", base_url=provider.url)


def asker(model: Any, limits: Limits = PLAIN, **options: Any) -> Ask:
    """Return a worker whose prompts begin with a document."""
    return Ask("Answer {title} about {content}.", shared=["content"], model=model, limits=limits, **options)


def asked(number: int, document: str = DOCUMENT) -> dict[str, str]:
    """Return what a worker gets."""
    return {"content": document, "title": f"question {number}"}


def marked(request: ProviderRequest) -> list[str]:
    """Return the texts of a request that are marked."""
    content = request.body["messages"][0]["content"]
    return [] if isinstance(content, str) else [b["text"] for b in content if b.get("cache_control") == MARK]


@pytest.mark.parametrize("schema", [None, Choice], ids=["text", "record"])
async def test_siblings_mark_what_they_share(
    schema: type[BaseModel] | None, claude: Any, provider: ProviderServer
) -> None:
    """All of them, since a read needs the mark, too; the leader is streamed, with the same answer."""
    provider.on("question", Answer(json={"choice": "left"}) if schema else Answer(text="roses"))
    ask = asker(claude, schema=schema)
    answers = await asyncio.gather(*(ask.ainvoke(asked(number)) for number in range(4)))
    assert answers == [Choice(choice="left") if schema else "roses"] * 4
    assert [len(marked(request)) for request in provider.requests] == [1] * 4
    assert all(DOCUMENT in marked(request)[0] for request in provider.requests)
    assert len({marked(request)[0] for request in provider.requests}) == 1
    assert [bool(request.body.get("stream")) for request in provider.requests] == [True, False, False, False]


async def test_one_alone_does_not_pay_for_writing(claude: Any, provider: ProviderServer) -> None:
    """Only the second call with a document shows that it is shared: it writes, and the third one reads."""
    ask = asker(claude)
    for number in range(3):
        assert await ask.ainvoke(asked(number)) == "ok"
    assert [len(marked(request)) for request in provider.requests] == [0, 1, 1]
    assert [bool(request.body.get("stream")) for request in provider.requests] == [False, True, False]


async def test_a_leader_rests_between_looks_for_siblings(
    claude: Any, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks ten times, and not at every turn of the event loop."""
    looks: list[object] = []
    is_shared = leading.is_shared

    def note(name: Hashable) -> bool:
        looks.append(name)
        return is_shared(name)

    monkeypatch.setattr(led_call, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(leading, "is_shared", note)
    assert await asker(claude).ainvoke(asked(1)) == "ok"
    assert 2 <= len(looks) <= 12


async def test_what_is_too_short_for_the_model_is_not_marked(claude: Any, provider: ProviderServer) -> None:
    """Small models keep 4,096 tokens at least."""
    small = claude.model_copy(update={"model": "claude-haiku-4-5"})
    document = DOCUMENT[: 4 * 3000]
    await asyncio.gather(*(asker(small).ainvoke(asked(number, document)) for number in range(3)))
    assert not any(map(marked, provider.requests))
    await asyncio.gather(*(asker(claude).ainvoke(asked(number, document)) for number in range(3)))
    assert all(map(marked, provider.requests[3:]))


async def test_a_leader_that_fails_is_followed_by_a_marked_one(claude: Any, provider: ProviderServer) -> None:
    """Overload of the provider, in the answer or in the middle of its stream."""
    provider.on("question", Answer(text="fine", failure="overloaded", late=True), times=1)
    answers = await asyncio.gather(*(asker(claude).ainvoke(asked(number)) for number in range(3)))
    assert sorted(answers) == ["ok", "ok", "ok"]
    assert len(provider.requests) == 4
    assert all(map(marked, provider.requests))


def test_marks_stand_where_the_prefixes_end() -> None:
    """In texts of any width, and nothing is lost; other messages stay as they are."""
    system, human = "Rüle", "Größe 1\n\nBuch 日本\n\nund die Frage"
    ends = [human.index("Buch"), human.index("und")]
    sizes = [prefix.size for prefix in find_prefixes(system, human, ends)]
    first, second = mark([SystemMessage(system), HumanMessage(human)], sizes)
    assert first.content == system
    assert second.content == [
        {"type": "text", "text": "Größe 1\n\n", "cache_control": MARK},
        {"type": "text", "text": "Buch 日本\n\n", "cache_control": MARK},
        {"type": "text", "text": "und die Frage"},
    ]
    others = [HumanMessage("hello")]
    assert mark(others, sizes) == others
    assert mark([SystemMessage(system), HumanMessage(human)], []) == [
        SystemMessage(system),
        HumanMessage(human),
    ]


def test_what_stands_before_the_messages_is_part_of_a_prefix() -> None:
    """Requests for other records have other prefixes, and those of equal schemas the same."""

    class Other(BaseModel):
        other: int

    model = ChatOpenAI(model="gpt-x", api_key=SecretStr("k"))
    dialect = Dialect()
    assert caching_of(model, Choice, dialect) == caching_of(model, Choice, dialect)
    prefaces = {caching_of(model, schema, dialect).preface for schema in (None, Choice, Other)}
    assert len(prefaces) == 3
    dialect.format = "text"
    assert caching_of(model, Choice, dialect).preface == caching_of(model, None, dialect).preface


OTHERS = ["azure", "responses", "gemini"]


def other(name: str, server: ProviderServer) -> Any:
    """Return a model of another provider."""
    key = SecretStr("k")
    if name == "azure":
        return AzureChatOpenAI(
            model="gpt-5-mini",
            azure_deployment="d",
            azure_endpoint=server.url,
            api_version="2024-10-21",
            api_key=key,
        )
    if name == "responses":
        return ChatOpenAI(model="gpt-5-mini", use_responses_api=True, base_url=server.openai_url, api_key=key)
    kind = pytest.importorskip("langchain_google_genai", reason="needs langchain-google-genai; CI has it")
    return kind.ChatGoogleGenerativeAI(model="gemini-x", api_key="k", base_url=server.url)


@pytest.mark.parametrize("schema", [None, Choice], ids=["text", "record"])
@pytest.mark.parametrize("name", OTHERS)
async def test_leaders_of_other_providers(
    name: str, schema: type[BaseModel] | None, provider: ProviderServer
) -> None:
    """One is streamed through LangChain, and its answer is that of the others."""
    provider.on("question", Answer(json={"choice": "left"}) if schema else Answer(text="roses"))
    ask = asker(other(name, provider), ON, schema=schema)
    answers = await asyncio.gather(*(ask.ainvoke(asked(number)) for number in range(3)))
    assert answers == [Choice(choice="left") if schema else "roses"] * 3
    if name != "gemini":
        assert [bool(request.body.get("stream")) for request in provider.requests] == [True, False, False]
        assert len({request.body["prompt_cache_key"] for request in provider.requests}) == 1


@pytest.mark.parametrize("end", ["refusal", "filter"])
@pytest.mark.parametrize("name", OTHERS)
async def test_a_leader_that_declines_is_told_as_the_others(
    name: str, end: Any, provider: ProviderServer
) -> None:
    """LangChain drops Azure's refusals from streams: then it is asked once more, whole."""
    provider.on("question", Answer(text="Some of it" if end == "filter" else None, end=end))
    ask = asker(other(name, provider), ON, schema=Choice)
    answers = await asyncio.gather(
        *(ask.ainvoke(asked(number)) for number in range(2)), return_exceptions=True
    )
    assert all(isinstance(answer, RefusedAnswer | FilteredAnswer) for answer in answers)
