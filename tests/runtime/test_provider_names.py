"""Names of providers: those that LangChain knows, and what is said of others."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

from langgraph_parallel import Ask, create_voting, errors
from langgraph_parallel.runtime import providers
from langgraph_parallel.runtime.providers import PROVIDERS, check_provider


@pytest.fixture(autouse=True)
def read_anew() -> None:
    """Forget what LangChain has told."""
    providers._names_of_langchain.cache_clear()


def without_langchain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it look as if langchain was not installed."""
    monkeypatch.setattr(providers, "find_spec", lambda name: None if name == "langchain" else find_spec(name))


@pytest.mark.parametrize("wrong", ["openia:m", "nope:x", "OpenAI2:x"])
def test_an_unknown_provider_is_an_error_where_it_is_named(wrong: str) -> None:
    """As a model, as a fallback, and as the model of a worker."""
    words = f"'{wrong}' is not a model: no provider is called"
    for build in (
        lambda: create_voting(model=wrong, choices=["yes", "no"]),
        lambda: create_voting(model="openai:m", choices=["yes", "no"], fallbacks=[wrong]),
        lambda: Ask("{x}", model=wrong),
        lambda: Ask("{x}", model="openai:m", fallbacks=[wrong]),
    ):
        with pytest.raises(errors.ModelError, match=words):
            build()


def test_all_that_langchain_knows_is_taken() -> None:
    """Those that this package lists, others, and the spellings that LangChain takes."""
    known = providers._names_of_langchain()
    assert known >= {provider.name for provider in PROVIDERS}
    for name in [*known, "google-genai", "Anthropic"]:
        check_provider(f"{name}:m")


def test_a_provider_that_needs_langchain_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the packages to install; what is misspelt is not installed."""
    without_langchain(monkeypatch)
    check_provider("openai:m")
    with pytest.raises(errors.ModelError, match="needs langchain: pip install langchain langchain-aws,"):
        check_provider("bedrock:m")
    with pytest.raises(errors.ModelError, match="did you mean openai"):
        check_provider("openia:m")


def test_names_are_not_checked_where_langchain_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version with other words in its error: then it says itself what it does not know."""

    def refuse(*_: Any, **__: Any) -> None:
        raise ValueError("no such model")

    monkeypatch.setattr(import_module("langchain.chat_models"), "init_chat_model", refuse)
    check_provider("nope:x")


async def test_a_missing_package_is_named() -> None:
    """The provider exists, so that naming it is no error; calling it says what to install."""
    missing = next(p for p in PROVIDERS if not find_spec(p.package.replace("-", "_")))
    vote = create_voting(model=f"{missing.name}:m", choices=["yes", "no"], voters=1)
    out = await vote.ainvoke({"question": "Is it?"})
    assert f"{missing.package}`" in out["branches"]["#1"].error.replace("_", "-")
