"""Providers of models: the package that a string `provider:model` needs, and the variables of its key."""

from collections.abc import Sequence
from typing import NamedTuple


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
