"""Providers of models: the package that a string `provider:model` needs, and the variables of its key."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from langgraph_parallel.errors import ModelError


class Provider(NamedTuple):
    """A provider, as LangChain's `init_chat_model` knows it."""

    name: str
    package: str
    """Distribution that has its chat models."""
    keys: tuple[str, ...]
    """Variables of the environment that hold its key; any one is enough."""


PROVIDERS: Sequence[Provider] = (
    Provider("openai", "langchain-openai", ("OPENAI_API_KEY",)),
    Provider("anthropic", "langchain-anthropic", ("ANTHROPIC_API_KEY",)),
    Provider("azure_openai", "langchain-openai", ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN")),
    Provider("bedrock", "langchain-aws", ("AWS_ACCESS_KEY_ID", "AWS_BEARER_TOKEN_BEDROCK")),
    Provider("cohere", "langchain-cohere", ("COHERE_API_KEY", "CO_API_KEY")),
    Provider("deepseek", "langchain-deepseek", ("DEEPSEEK_API_KEY",)),
    Provider("fireworks", "langchain-fireworks", ("FIREWORKS_API_KEY",)),
    Provider("google_genai", "langchain-google-genai", ("GOOGLE_API_KEY", "GEMINI_API_KEY")),
    Provider("google_vertexai", "langchain-google-vertexai", ("GOOGLE_APPLICATION_CREDENTIALS",)),
    Provider("groq", "langchain-groq", ("GROQ_API_KEY",)),
    Provider("huggingface", "langchain-huggingface", ("HUGGINGFACEHUB_API_TOKEN", "HF_TOKEN")),
    Provider("mistralai", "langchain-mistralai", ("MISTRAL_API_KEY",)),
    Provider("nvidia", "langchain-nvidia-ai-endpoints", ("NVIDIA_API_KEY",)),
    Provider("ollama", "langchain-ollama", ()),
    Provider("openrouter", "langchain-openrouter", ("OPENROUTER_API_KEY",)),
    Provider("perplexity", "langchain-perplexity", ("PPLX_API_KEY", "PERPLEXITY_API_KEY")),
    Provider("together", "langchain-together", ("TOGETHER_API_KEY",)),
    Provider("xai", "langchain-xai", ("XAI_API_KEY",)),
)


def find_provider(model: str) -> Provider | None:
    """Return the provider of `provider:model`; None for one that is not known here."""
    name = model.partition(":")[0]
    return next((provider for provider in PROVIDERS if provider.name == name), None)


def check_provider(model: str) -> None:
    """Check that LangChain knows the provider of `provider:model`, and is installed if it is needed.

    Raises:
        ModelError: it does not, or it is not.
    """
    name = model.partition(":")[0]
    spelled = name.replace("-", "_").lower()  # LangChain takes these, too
    if name == "openai" or (find_provider(spelled) is not None and find_spec("langchain")):
        return
    told = _names_of_langchain() if find_spec("langchain") else frozenset(one.name for one in PROVIDERS)
    if told and spelled not in told:
        near = get_close_matches(spelled, told, n=2, cutoff=0.7)
        hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(sorted(told))}"
        raise ModelError(f"{model!r} is not a model: no provider is called {name!r}; {hint}")
    if find_spec("langchain") is None:
        provider = find_provider(spelled)
        package = provider.package if provider else f"langchain-{name}"
        install = f"pip install langchain {package}"
        raise ModelError(f"the provider of {model!r} needs langchain: {install}, or pass a chat model")


@lru_cache(maxsize=1)
def _names_of_langchain() -> frozenset[str]:
    """Return the providers that LangChain, which is installed, knows; empty if it does not tell.

    It tells them in the error about one that it does not know, and nowhere else in public.
    """
    try:
        import_module("langchain.chat_models").init_chat_model("none", model_provider="none")
    except Exception as error:
        listed = re.search(r"providers?[^:]*: ([a-z_0-9]+(?:, [a-z_0-9]+)+)", str(error))
        return frozenset(listed[1].split(", ")) if listed else frozenset()
    return frozenset()
