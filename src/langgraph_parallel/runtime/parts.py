"""Chat completions that arrive in parts, put together to the completion that the server had sent whole."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from langgraph_parallel.errors import EndpointError

_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")
"""Fields of a message that arrive in parts, whose texts are one text."""
_ABOUT = ("id", "created", "model", "system_fingerprint", "service_tier")
_BROKEN_OFF = "the stream of the answer broke off before its end"


class BrokenStream(ConnectionError):
    """The connection was closed before the answer had ended."""


async def read_parts(lines: AsyncIterator[str], on_first: Callable[[], None]) -> dict[str, Any]:
    """Return the completion that a stream of events holds.

    Args:
        lines: of the response.
        on_first: called once when the first part with content has come.

    Raises:
        BrokenStream: the stream ended before the answer.
        EndpointError: the stream holds an error.
        ValueError: a part is not JSON.
    """
    whole = _Whole()
    async for line in lines:
        if not line.startswith("data:"):
            continue  # comments, by which servers keep the connection open, and names of events
        data = line[5:].strip()
        if data == "[DONE]":
            whole.is_done = True
            break
        part = json.loads(data)
        if whole.add(part) and not whole.has_begun:
            whole.has_begun = True
            on_first()
    return whole.completion()


class _Choice:
    """One answer, as far as it has come."""

    def __init__(self) -> None:
        self.finish: str | None = None
        self._texts: dict[str, list[str]] = {}
        self._calls: dict[int, dict[str, Any]] = {}

    def add(self, choice: Mapping[str, Any]) -> bool:
        """Add a part; return whether it has something of the answer."""
        if choice.get("error") or choice.get("finish_reason") == "error":
            raise EndpointError("the server failed while it answered", body={"choices": [dict(choice)]})
        self.finish = choice.get("finish_reason") or self.finish
        delta = choice.get("delta") or {}
        has_content = False
        for name in _TEXTS:
            if isinstance(text := delta.get(name), str):
                self._texts.setdefault(name, []).append(text)
                has_content = has_content or bool(text)
        for call in delta.get("tool_calls") or ():
            self._add_call(call)
            has_content = True
        return has_content

    def _add_call(self, part: Mapping[str, Any]) -> None:
        index = part.get("index")
        call = self._calls.setdefault(
            len(self._calls) if index is None else index,
            {"id": None, "type": "function", "function": {"name": "", "arguments": ""}},
        )
        call["id"] = part.get("id") or call["id"]
        function = part.get("function") or {}
        call["function"]["name"] = function.get("name") or call["function"]["name"]
        call["function"]["arguments"] += function.get("arguments") or ""

    def completed(self, index: int) -> dict[str, Any]:
        """Return the choice of a completion."""
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
        message |= {name: "".join(parts) for name, parts in self._texts.items()}
        message["refusal"] = message["refusal"] or None
        if self._calls:
            message["tool_calls"] = [call for _, call in sorted(self._calls.items())]
            message["content"] = message["content"] or None
        return {"index": index, "message": message, "finish_reason": self.finish}


class _Whole:
    """A completion, as far as it has come."""

    def __init__(self) -> None:
        self.has_begun = self.is_done = False
        self._about: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {0: _Choice()}
        """By their index: a request may ask for several."""
        self._usage: Any = None

    def add(self, part: Any) -> bool:
        """Add a part; return whether it has something of the answer."""
        if not isinstance(part, Mapping):
            raise EndpointError("a part of the streamed answer is not a chat completion", body=part)
        if part.get("error"):
            raise EndpointError("the server failed while it answered", body=dict(part))
        self._about |= {
            key: part[key] for key in _ABOUT if part.get(key) is not None and key not in self._about
        }
        self._usage = part.get("usage") or self._usage
        added = [self._add_choice(choice) for choice in part.get("choices") or ()]
        return any(added)

    def _add_choice(self, choice: Mapping[str, Any]) -> bool:
        index = choice.get("index")
        return self._choices.setdefault(index if isinstance(index, int) else 0, _Choice()).add(choice)

    def completion(self) -> dict[str, Any]:
        """Return the completion.

        Raises:
            BrokenStream: its end has not come.
        """
        if not self.is_done and any(choice.finish is None for choice in self._choices.values()):
            raise BrokenStream(_BROKEN_OFF)
        choices = [choice.completed(index) for index, choice in sorted(self._choices.items())]
        return {"object": "chat.completion", **self._about, "choices": choices, "usage": self._usage}
