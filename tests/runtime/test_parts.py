"""Answers in parts: what servers make of a stream, and what is not guessed at."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from langgraph_parallel.errors import EndpointError
from langgraph_parallel.runtime.event_lines import BrokenStream, is_stream, split_lines
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.parts import UnreadableStream, read_parts
from langgraph_parallel.runtime.unmarked import drop_mark

DONE = "data: [DONE]\n\n"


def part(**choice: Any) -> str:
    """Return an event with one choice."""
    return f"data: {json.dumps({'choices': [{'index': 0, **choice}]}, ensure_ascii=False)}\n\n"


def said(text: Any, **more: Any) -> str:
    """Return an event that adds to the text."""
    return part(delta={"content": text}, **more)


async def _pieces(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def read(body: str | bytes, size: int = 10**6) -> Any:
    """Return the completion of a body that comes in pieces of so many bytes."""
    raw = body.encode() if isinstance(body, str) else body
    pieces = [raw[i : i + size] for i in range(0, len(raw), size)]
    return await read_parts(split_lines(_pieces(pieces)), lambda: None)


async def text_of(body: str | bytes, size: int = 10**6) -> Any:
    """Return the text of the first choice."""
    return (await read(body, size))["choices"][0]["message"]["content"]


ODD = {
    "another separator": (said("a\u2028b\u2029c\x85d\x0be\x1cf") + DONE, "a\u2028b\u2029c\x85d\x0be\x1cf"),
    "a mark at the begin": ("\ufeff" + said("first ") + said("last") + DONE, "first last"),
    "a mark within": (said("\ufeffkept") + DONE, "\ufeffkept"),
    "returns": (said("one ").replace("\n", "\r") + said("two").replace("\n", "\r\n") + DONE, "one two"),
    "beats": (
        "data:\n\n: x\n\ndata: beat\n\ndata: null\n\ndata: []\n\ndata: {}\n\n" + said("on") + DONE,
        "on",
    ),
    "no room": (said("tight").replace("data: ", "data:").replace("\n\n", "\n") + DONE, "tight"),
    "two lines": ('data: {"choices":\ndata:  [{"delta": {"content": "both"}}]}\n\n' + DONE, "both"),
    "objects alone": (said("bare", finish_reason="stop").removeprefix("data: "), "bare"),
    "a message": (part(message={"content": "whole"}, finish_reason="stop"), "whole"),
    "a text": (part(text="old ") + part(text="form", finish_reason="stop"), "old form"),
    "a text for a delta": (part(delta="plain") + DONE, "plain"),
    "blocks": (said([{"type": "text", "text": "a "}, "b"]) + DONE, "a b"),
    "nothing beside": (said("x") + 'data: {"choices": [null]}\n\ndata: {"choices": null}\n\n' + DONE, "x"),
    "one choice bare": ('data: {"choices": {"delta": {"content": "y"}}}\n\n' + DONE, "y"),
    "counted from 2": (said("z", index=2, finish_reason="stop"), "z"),
    "a number in words": (said("w", index="0") + DONE.lower(), "w"),
}


@pytest.mark.parametrize("size", [1, 2, 7, 10**6])
@pytest.mark.parametrize("name", ODD)
async def test_odd_streams_are_read(name: str, size: int) -> None:
    """However they are cut into pieces on their way."""
    body, text = ODD[name]
    assert await text_of(body, size) == text


async def test_thinking_in_blocks_is_apart() -> None:
    """As servers send it whole, too."""
    thought = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"text": "so"}]
    message = (await read(said(thought) + DONE))["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("so", "hm")


async def test_arguments_may_be_an_object() -> None:
    """It is all of them, not a part."""
    calls = [None, {"id": "c", "function": {"name": "f", "arguments": {"deep": [1]}}}]
    message = (await read(part(delta={"tool_calls": calls}) + DONE))["choices"][0]["message"]
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"deep": [1]}


UNREADABLE = {
    "nothing": DONE,
    "no words": part(delta={"role": "assistant"}, finish_reason="stop") + DONE,
    "a number": said(7) + DONE,
    "a picture": said([{"type": "image_url", "image_url": {"url": "data:,"}}]) + DONE,
    "a message twice": part(message={"content": "a"}) + part(message={"content": "ab"}) + DONE,
    "choices of words": 'data: {"choices": "none"}\n\n' + DONE,
    "an index of words": said("x", index="first") + DONE,
    "no JSON": 'data: {"choices": [}\n\n' + DONE,
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_may_mean_anything_is_not_guessed_at(name: str) -> None:
    """The endpoint is asked for a whole answer instead."""
    with pytest.raises(UnreadableStream):
        await read(UNREADABLE[name])


@pytest.mark.parametrize("body", ["", said("half"), said("half") + 'data: {"choi', ": beat\n\n"])
async def test_a_stream_without_its_end_is_broken(body: str) -> None:
    """Also one that has not even begun."""
    with pytest.raises(BrokenStream):
        await read(body)


@pytest.mark.parametrize(
    "error",
    [
        {"object": "error", "message": "prompt is too long: 9000 tokens", "code": 400},
        {"message": "prompt is too long: 9000 tokens", "type": "invalid_request_error"},
        {"error": {"message": "prompt is too long: 9000 tokens", "code": 400}},
    ],
)
async def test_an_error_says_what_the_server_said(error: dict[str, Any]) -> None:
    """In whatever form it has it."""
    with pytest.raises(EndpointError, match="too long") as caught:
        await read(f"event: error\ndata: {json.dumps(error)}\n\n")
    assert classify(caught.value).kind == "context"


@pytest.mark.parametrize("kind", ["", "TEXT/EVENT-STREAM; charset=UTF-8", "text/plain", "application/jsonl"])
def test_types_of_streams(kind: str) -> None:
    """Servers name them in many ways."""
    assert is_stream(kind)
    assert not is_stream("application/json; charset=utf-8")
    assert not is_stream("text/html")


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b"\xef\xbb\xbfdata", b"data"),
        (b"\xef\xbb", b"\xef\xbb"),
        (b"\xef\xbb\xbf\xef\xbb\xbf", b"\xef\xbb\xbf"),
        (b"data\xef\xbb\xbf", b"data\xef\xbb\xbf"),
        (b"", b""),
    ],
)
async def test_one_mark_is_dropped(body: bytes, left: bytes, size: int) -> None:
    """At the begin alone."""
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    assert b"".join([piece async for piece in drop_mark(_pieces(pieces))]) == left
