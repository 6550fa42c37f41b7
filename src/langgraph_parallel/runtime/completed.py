"""Chat completions, as the SDK of OpenAI returns them or raises for them."""

from collections.abc import Mapping
from typing import Any

_CUT_OFF = ("length", "content_filter")
"""Why an answer ended, where the SDK raises instead of returning a structured one."""


def complete_fields(body: Any) -> dict[str, Any]:
    """Return a chat completion with the fields that it leaves out, as the SDK does."""
    from openai.types import completion_usage as sdk

    usage = body.get("usage")
    if usage:
        usage = {**dict.fromkeys(sdk.CompletionUsage.model_fields), **usage}
        for key, kind in (
            ("completion_tokens_details", sdk.CompletionTokensDetails),
            ("prompt_tokens_details", sdk.PromptTokensDetails),
        ):
            if usage[key]:
                usage[key] = {**dict.fromkeys(kind.model_fields), **usage[key]}
    choices = [{"logprobs": None, "finish_reason": None, **choice} for choice in body["choices"]]
    return {"service_tier": None, "system_fingerprint": None, **body, "usage": usage, "choices": choices}


def check_is_whole(completion: Mapping[str, Any]) -> None:
    """Check that a structured answer was not cut off.

    Raises:
        LengthFinishReasonError, ContentFilterFinishReasonError: the SDK's; it was.
    """
    if not any(choice["finish_reason"] in _CUT_OFF for choice in completion["choices"]):
        return
    from openai import ContentFilterFinishReasonError, LengthFinishReasonError
    from openai.types.chat import ChatCompletion

    whole = ChatCompletion.construct(**completion)
    if completion["choices"][0]["finish_reason"] == "length":
        raise LengthFinishReasonError(completion=whole)
    raise ContentFilterFinishReasonError(completion=whole)
