"""Answers of Azure's chat completions and of OpenAI's Responses API, whole and in parts."""

import json
from collections.abc import Iterator
from typing import Any, Final

from tests.support.provider_answers import CACHED, THOUGHT, Answer, End, Part, pieces, said
from tests.support.provider_errors import error_of

_FINISH: Final[dict[End, str]] = {"length": "length", "filter": "content_filter"}
_INCOMPLETE: Final[dict[End, str]] = {"length": "max_output_tokens", "filter": "content_filter"}


def _azure_usage(answer: Answer) -> dict[str, Any] | None:
    if answer.usage is None:
        return None
    thought = THOUGHT if answer.thinking else 0
    asked, given = answer.usage[0], answer.usage[1] + thought
    return {
        "prompt_tokens": asked,
        "completion_tokens": given,
        "total_tokens": asked + given,
        "prompt_tokens_details": {"cached_tokens": CACHED},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }


def azure(body: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """Return a chat completion of Azure."""
    text, call = said(body, answer)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text if call is None else None,
        "refusal": None,
    }
    if answer.end == "refusal":
        message |= {"content": None, "refusal": answer.refusal}
    if call is not None:
        function = {"name": call[0], "arguments": json.dumps(call[1])}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    found = {"violence": {"filtered": answer.end == "filter", "severity": "safe"}}
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": _FINISH.get(answer.end, "tool_calls" if call else "stop"),
        "content_filter_results": found,
    }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "gpt-5-mini-2025-08-07",
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}],
        "choices": [choice],
        "usage": _azure_usage(answer),
    }


def azure_parts(body: dict[str, Any], answer: Answer) -> Iterator[Part]:
    """Yield the events of a streamed chat completion."""
    made = azure(body, answer)
    choice, base = made["choices"][0], made | {"object": "chat.completion.chunk", "usage": None}
    later = {key: value for key, value in base.items() if key != "prompt_filter_results"}
    message = choice["message"]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"content": piece} for piece in pieces(message["content"] or "")]
    deltas += [{"refusal": piece} for piece in pieces(message["refusal"] or "")]
    deltas += [{"tool_calls": [{"index": 0, **call}]} for call in message.get("tool_calls", [])]
    yield "", base | {"choices": []}
    for delta in deltas:
        yield "", later | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield "", later | {"choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}
    if (body.get("stream_options") or {}).get("include_usage"):
        yield "", later | {"choices": [], "usage": made["usage"]}


def response(body: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """Return an answer of the Responses API."""
    text, call = said(body, answer)
    output: list[dict[str, Any]] = []
    if answer.thinking:
        summary = [{"type": "summary_text", "text": answer.thinking}]
        output.append({"type": "reasoning", "id": "rs_1", "summary": summary})
    content: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    if answer.end == "refusal":
        content = {"type": "refusal", "refusal": answer.refusal}
    status = "incomplete" if answer.end in _INCOMPLETE else "completed"
    if call is not None:
        arguments = json.dumps(call[1])
        names = {"id": "fc_1", "call_id": "call_1", "name": call[0], "status": status}
        output.append({"type": "function_call", "arguments": arguments, **names})
    elif text or answer.end != "length":  # all tokens may have gone into reasoning
        shown = {"type": "message", "id": "msg_1", "role": "assistant", "status": status}
        output.append(shown | {"content": [content] if text or answer.end == "refusal" else []})
    usage = None
    if (counted := _azure_usage(answer)) is not None:
        usage = {
            "input_tokens": counted["prompt_tokens"],
            "output_tokens": counted["completion_tokens"],
            "total_tokens": counted["total_tokens"],
            "input_tokens_details": counted["prompt_tokens_details"],
            "output_tokens_details": counted["completion_tokens_details"],
        }
    error = None
    if answer.late and answer.failure is not None:
        failed = error_of("responses", answer.failure)
        status, error = "failed", {"code": failed.code or "server_error", "message": failed.message}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 0,
        "model": body["model"],
        "status": status,
        "error": error,
        "incomplete_details": {"reason": _INCOMPLETE[answer.end]} if status == "incomplete" else None,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }


def response_parts(body: dict[str, Any], answer: Answer) -> Iterator[Part]:
    """Yield the events of a streamed answer of the Responses API."""
    made = response(body, answer)
    events: list[dict[str, Any]] = []

    def add(kind: str, **data: Any) -> None:
        events.append({"type": f"response.{kind}", "sequence_number": len(events), **data})

    add("created", response=made | {"status": "in_progress", "output": [], "usage": None})
    for number, item in enumerate(made["output"]):
        place = {"item_id": item["id"], "output_index": number}
        empty = {"content": [], "summary": [], "arguments": ""}
        add(
            "output_item.added",
            output_index=number,
            item=item | {k: v for k, v in empty.items() if k in item},
        )
        for piece in pieces(item.get("arguments", "")):
            add("function_call_arguments.delta", delta=piece, **place)
        for part in item.get("summary", []):
            add("reasoning_summary_part.added", summary_index=0, part=part | {"text": ""}, **place)
            for piece in pieces(part["text"]):
                add("reasoning_summary_text.delta", summary_index=0, delta=piece, **place)
            add("reasoning_summary_part.done", summary_index=0, part=part, **place)
        for part in item.get("content", []):
            kind, said = ("refusal", part["refusal"]) if "refusal" in part else ("output_text", part["text"])
            key = "refusal" if kind == "refusal" else "text"
            add("content_part.added", content_index=0, part=part | {key: ""}, **place)
            for piece in pieces(said):
                add(f"{kind}.delta", content_index=0, delta=piece, logprobs=[], **place)
            add(f"{kind}.done", content_index=0, **{key: said}, logprobs=[], **place)
            add("content_part.done", content_index=0, part=part, **place)
        add("output_item.done", output_index=number, item=item)
    add(made["status"], response=made)
    yield from ((event["type"], event) for event in events)
