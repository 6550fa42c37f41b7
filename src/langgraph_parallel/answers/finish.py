"""Why a model stopped, in one vocabulary for all providers."""

from collections.abc import Mapping
from typing import Any, Literal

Finish = Literal["stop", "length", "filter", "refusal", "error"]
"""`stop`: the answer is whole; `length`: cut off at a limit of tokens; `filter`: withheld by the provider's
content filter; `refusal`: the model declined; `error`: the server failed while answering."""

_WORDS: Mapping[str, Finish] = {
    **dict.fromkeys(
        ("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"),
        "length",
    ),
    **dict.fromkeys(
        (
            "content_filter",
            "content_filtered",
            "guardrail_intervened",
            "safety",
            "recitation",
            "blocklist",
            "prohibited_content",
            "spii",
            "image_safety",
            "error_toxic",
            "sensitive",
        ),
        "filter",
    ),
    "refusal": "refusal",
    "error": "error",
    "malformed_function_call": "error",
}
_KEYS = ("finish_reason", "stop_reason", "stopReason", "done_reason")
"""Where OpenAI and Gemini, Anthropic, Bedrock, and Ollama put it."""


def read_finish(metadata: Mapping[str, Any]) -> Finish:
    """Return why a model stopped; `stop` if it does not say.

    Args:
        metadata: of the answer, as LangChain keeps them.

    >>> read_finish({"finish_reason": "MAX_TOKENS"}), read_finish({"stop_reason": "end_turn"})
    ('length', 'stop')
    """
    if metadata == {"finish_reason": "stop"}:  # nearly all answers
        return "stop"
    said = [metadata.get(key) for key in _KEYS]
    # OpenAI's Responses API: {"status": "incomplete", "incomplete_details": {"reason": ...}}
    said.append(_get(metadata.get("incomplete_details"), "reason"))
    # Gemini, where the prompt itself was blocked.
    said.append("safety" if _get(metadata.get("prompt_feedback"), "block_reason") else None)
    words = [str(getattr(word, "name", word)).lower().rpartition(".")[2] for word in said if word]
    return next((_WORDS[word] for word in words if word in _WORDS), "stop")


def _get(value: Any, key: str) -> Any:
    found = value.get(key) if isinstance(value, Mapping) else getattr(value, key, None)
    return None if found in (0, "", "BLOCK_REASON_UNSPECIFIED") else found
