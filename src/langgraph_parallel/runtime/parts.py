"""Chat completions that arrive in parts, put together to the completion that the server had sent whole.

Servers differ in what a part looks like. What has one meaning is read; what might have several is not guessed
at: then the answer is asked for again, whole (`runtime.stream_support`).
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from langgraph_parallel.errors import EndpointError
from langgraph_parallel.runtime.error_body import read_error
from langgraph_parallel.runtime.event_lines import BrokenStream

_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")
"""Fields of a message that arrive in parts, whose texts are one text."""
_ABOUT = ("id", "created", "model", "system_fingerprint", "service_tier")
BROKEN_OFF = "the stream of the answer broke off before its end"
"""What is said of it."""
_MAY_BE_EMPTY = frozenset({"content_filter", "length"})
"""Ends of answers that may say nothing."""


class UnreadableStream(EndpointError):
    """The stream has ended, and what it holds is no answer, or not in a form that is known."""


async def read_parts(lines: AsyncIterator[str], on_first: Callable[[], None]) -> dict[str, Any]:
    """Return the completion that a stream of events holds.

    Args:
        lines: of the response.
        on_first: called once when the first part with content has come.

    Raises:
        BrokenStream: the stream ended before the answer.
        UnreadableStream: it holds no answer, or one in a form that is not known.
        EndpointError: the stream holds an error.
    """
    whole = _Whole()
    try:
        async for data in _data(lines):
            if data is None:
                whole.is_done = True
                break
            if whole.add(data) and not whole.has_begun:
                whole.has_begun = True
                on_first()
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise UnreadableStream(f"a part of the streamed answer cannot be read: {error}") from error
    return whole.completion()


async def _data(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any] | None]:
    """Yield the objects of a stream, and None for its end.

    Raises:
        BrokenStream: it ended within an object.
        ValueError: an object is not JSON.
    """
    begun, is_event = "", False
    async for line in lines:
        if begun and is_event and not line:
            json.loads(begun)  # raises: the event has ended, and the object has not
        if begun and is_event != line.startswith("data:"):
            continue
        is_event = line.startswith("data:")
        data = line[5 * is_event :].strip()
        if data.upper() == "[DONE]" and not begun:
            yield None
        if not begun and not data.startswith("{"):
            continue  # names of events, and what servers keep the connection open with
        data = f"{begun}\n{data}" if begun else data
        try:
            part = json.loads(data)
        except ValueError:
            begun = data  # it goes on in the next line
            continue
        begun = ""
        yield part
    if begun:
        raise BrokenStream(BROKEN_OFF)


class _Choice:
    """One answer, as far as it has come."""

    def __init__(self) -> None:
        self.finish: str | None = None
        self._texts: dict[str, list[str]] = {}
        self._calls: dict[int, dict[str, Any]] = {}
        self._is_whole = False
        """Whether it came as a message, and not in parts of one."""

    @property
    def says_something(self) -> bool:
        """Whether it holds anything of an answer, or has ended in a way that needs nothing."""
        return bool(self._calls) or any(map(any, self._texts.values())) or self.finish in _MAY_BE_EMPTY

    def add(self, choice: Mapping[str, Any]) -> bool:
        """Add a part; return whether it has something of the answer."""
        if choice.get("error") or choice.get("finish_reason") == "error":
            raise _error({"choices": [dict(choice)]}, choice.get("error"))
        self.finish = choice.get("finish_reason") or self.finish
        delta = self._delta(choice)
        has_content = False
        for name, text in _texts_of(delta):
            self._texts.setdefault(name, []).append(text)
            has_content = has_content or bool(text)
        for call in delta.get("tool_calls") or ():
            if call is not None:
                self._add_call(call)
                has_content = True
        return has_content

    def _delta(self, choice: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a part adds to the message, in whatever field it is."""
        if (delta := choice.get("delta")) is None and (message := choice.get("message")):
            if self._texts or self._calls or self._is_whole:  # is it the rest, or all that there is?
                raise UnreadableStream("the stream has a message beside parts of one")
            self._is_whole = True
            return message  # type: ignore[no-any-return]  # of a server: whatever it is, it is looked at
        delta = choice.get("text") if delta is None else delta
        if delta is None:
            return {}
        return {"content": delta} if isinstance(delta, str) else delta

    def _add_call(self, part: Mapping[str, Any]) -> None:
        index = part.get("index")
        call = self._calls.setdefault(
            len(self._calls) if index is None else int(index),
            {"id": None, "type": "function", "function": {"name": "", "arguments": ""}},
        )
        call["id"] = part.get("id") or call["id"]
        function = part.get("function") or {}
        call["function"]["name"] = function.get("name") or call["function"]["name"]
        arguments = function.get("arguments") or ""
        if not isinstance(arguments, str):  # not a part of them, but all
            arguments = json.dumps(arguments)
        call["function"]["arguments"] += arguments

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
        self._choices: dict[int, _Choice] = {}
        """By their index: a request may ask for several, and some servers count from 1."""
        self._usage: Any = None

    def add(self, part: Mapping[str, Any]) -> bool:
        """Add a part; return whether it has something of the answer."""
        if part.get("error") or part.get("object") == "error" or _is_message_of_error(part):
            raise _error(dict(part), part)
        self._about |= {
            key: part[key] for key in _ABOUT if part.get(key) is not None and key not in self._about
        }
        self._usage = part.get("usage") or self._usage
        choices = part.get("choices") or ()
        added = [
            self._add_choice(choice)
            for choice in ([choices] if isinstance(choices, Mapping) else choices)
            if choice is not None
        ]
        return any(added)

    def _add_choice(self, choice: Mapping[str, Any]) -> bool:
        return self._choices.setdefault(int(choice.get("index") or 0), _Choice()).add(choice)

    def completion(self) -> dict[str, Any]:
        """Return the completion.

        Raises:
            BrokenStream: its end has not come.
            UnreadableStream: it says nothing.
        """
        ends = [choice.finish for choice in self._choices.values()] or [None]
        if not self.is_done and None in ends:
            raise BrokenStream(BROKEN_OFF)
        if not any(choice.says_something for choice in self._choices.values()):
            raise UnreadableStream("the streamed answer is empty")
        choices = [choice.completed(index) for index, (_, choice) in enumerate(sorted(self._choices.items()))]
        return {"object": "chat.completion", **self._about, "choices": choices, "usage": self._usage}


def _error(body: Mapping[str, Any], error: Any) -> EndpointError:
    said = read_error(error)
    message = f": {said.message}" if said is not None and said.message else ""
    return EndpointError(f"the server failed while it answered{message}", body=body)


def _texts_of(delta: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the texts of a part, with the names of their fields.

    Raises:
        UnreadableStream: one of them is something else.
    """
    texts: list[tuple[str, str]] = []
    for name in _TEXTS:
        said = delta.get(name)
        if isinstance(said, Sequence) and not isinstance(said, str):
            texts += _blocks(name, said)
        elif isinstance(said, str):
            texts.append((name, said))
        elif said is not None and name == "content":
            raise UnreadableStream("a part of the streamed answer has a content that is no text")
    return texts


def _blocks(name: str, blocks: Sequence[Any]) -> list[tuple[str, str]]:
    """Return the texts of a content in blocks; thinking has a field of its own."""
    texts: list[tuple[str, str]] = []
    for block in blocks:
        if isinstance(block, str):
            texts.append((name, block))
        elif isinstance(block.get("text"), str):
            texts.append((name, block["text"]))
        elif isinstance(thinking := block.get("thinking"), str):
            texts.append(("reasoning_content", thinking))
        elif isinstance(thinking, Sequence):
            texts += [("reasoning_content", text) for _, text in _blocks(name, thinking)]
        else:
            raise UnreadableStream("a part of the streamed answer has a content that is no text")
    return texts


def _is_message_of_error(part: Mapping[str, Any]) -> bool:
    """Return whether a part is the inner side of an error, as some servers send it."""
    return "choices" not in part and bool(part.get("message")) and bool(part.get("code") or part.get("type"))
