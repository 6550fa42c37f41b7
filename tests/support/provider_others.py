"""Answers of Anthropic's Messages API and of Gemini, whole and in parts."""

import json
from collections.abc import Iterator
from typing import Any, Final

from tests.support.provider_answers import CACHED, THOUGHT, Answer, End, Part, pieces, said

_STOP_REASON: Final[dict[End, str]] = {
    "length": "max_tokens",
    "filter": "refusal",
    "refusal": "refusal",
    "prompt_blocked": "refusal",
    "window": "model_context_window_exceeded",
}
_GEMINI_FINISH: Final[dict[End, str]] = {
    "length": "MAX_TOKENS",
    "filter": "SAFETY",
    "refusal": "PROHIBITED_CONTENT",
}


def message(body: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """Return a message of Anthropic's."""
    text, call = said(body, answer)
    content: list[dict[str, Any]] = []
    if answer.thinking:
        content.append({"type": "thinking", "thinking": answer.thinking, "signature": "c2lnbmVk"})
    if text:
        content.append({"type": "text", "text": text})
    if call is not None:
        content.append({"type": "tool_use", "id": "toolu_1", "name": call[0], "input": call[1]})
    reason = _STOP_REASON.get(answer.end, "tool_use" if call else "end_turn")
    asked, given = answer.usage or (0, 0)
    made: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        # The tokens that come from a cache are not among the input tokens.
        "usage": {
            "input_tokens": max(0, asked - CACHED),
            "cache_read_input_tokens": min(asked, CACHED),
            "cache_creation_input_tokens": 0,
            "output_tokens": given + (THOUGHT if answer.thinking else 0),
        },
    }
    if reason == "refusal":
        made["stop_details"] = {"type": "refusal", "category": "cyber", "explanation": answer.refusal}
    return made


def message_parts(body: dict[str, Any], answer: Answer) -> Iterator[Part]:
    """Yield the events of a streamed message."""
    made = message(body, answer)
    usage = made["usage"]
    start = {key: value for key, value in made.items() if key != "stop_details"}
    events: list[dict[str, Any]] = []

    def add(kind: str, **data: Any) -> None:
        events.append({"type": kind, **data})

    opening = {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
    add("message_start", message=start | opening)
    add("ping")
    for index, block in enumerate(made["content"]):
        kind = block["type"]
        empty: dict[str, Any] = {"text": "", "thinking": "", "signature": "", "input": {}}
        opened = {key: empty.get(key, value) for key, value in block.items()}
        add("content_block_start", index=index, content_block=opened)
        deltas: list[dict[str, Any]] = []
        if kind == "tool_use":
            parts = pieces(json.dumps(block["input"]))
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in parts]
        else:
            deltas = [{"type": f"{kind}_delta", kind: piece} for piece in pieces(block[kind])]
        if kind == "thinking":
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        for delta in deltas:
            add("content_block_delta", index=index, delta=delta)
        add("content_block_stop", index=index)
    ended = {key: made[key] for key in ("stop_reason", "stop_sequence", "stop_details") if key in made}
    add("message_delta", delta=ended, usage=usage)
    add("message_stop")
    yield from ((event["type"], event) for event in events)


def generated(body: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """Return an answer of Gemini's generateContent."""
    text, call = said(body, answer)
    parts: list[dict[str, Any]] = []
    if answer.thinking:
        parts.append({"text": answer.thinking, "thought": True})
    if text:
        parts.append({"text": text})
    if call is not None:
        parts.append({"functionCall": {"name": call[0], "args": call[1]}})
    made: dict[str, Any] = {"modelVersion": "gemini-2.5-flash", "responseId": "r_1"}
    if answer.usage is not None:
        asked, given = answer.usage
        thought = THOUGHT if answer.thinking else 0
        made["usageMetadata"] = {
            "promptTokenCount": asked,
            "candidatesTokenCount": given,
            "totalTokenCount": asked + given + thought,
            "cachedContentTokenCount": CACHED,
            **({"thoughtsTokenCount": thought} if thought else {}),
        }
    if answer.end == "prompt_blocked":
        return made | {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
    candidate: dict[str, Any] = {"index": 0, "finishReason": _GEMINI_FINISH.get(answer.end, "STOP")}
    if parts or answer.end == "stop":
        candidate["content"] = {"role": "model", "parts": parts}
    if answer.end == "filter":
        harm = {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}
        candidate["safetyRatings"] = [harm]
    return made | {"candidates": [candidate]}


def generated_parts(body: dict[str, Any], answer: Answer) -> Iterator[Part]:
    """Yield the events of Gemini's streamGenerateContent: each counts all tokens so far."""
    made = generated(body, answer)
    if "candidates" not in made:
        yield "", made
        return
    candidate = made["candidates"][0]
    parts = candidate.get("content", {}).get("parts", [])
    pieced = [part | {"text": piece} for part in parts for piece in pieces(part.get("text", ""))]
    pieced += [part for part in parts if "functionCall" in part]
    for part in pieced[:-1]:
        yield "", made | {"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}]}
    content = {"content": {"role": "model", "parts": pieced[-1:]}} if "content" in candidate else {}
    yield "", made | {"candidates": [candidate | content]}
