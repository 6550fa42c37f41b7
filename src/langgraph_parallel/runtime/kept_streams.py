"""Streams of governed models as answers that are kept, and back."""

from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.utils import message_chunk_to_message
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.outputs.chat_generation import merge_chat_generation_chunks

from langgraph_parallel.runtime.stored_answer import is_whole


class Whole:
    """The parts of an answer.

    Args:
        collects: whether the answer is to be kept; else the parts are forgotten.
    """

    def __init__(self, *, collects: bool) -> None:
        self._collects = collects
        self._parts: list[ChatGenerationChunk] = []

    def add(self, part: ChatGenerationChunk) -> None:
        """Add the next part."""
        if self._collects:
            self._parts.append(part)

    def result(self) -> ChatResult | None:
        """Return the answer; None unless it is whole."""
        merged = merge_chat_generation_chunks(self._parts)
        if merged is None:
            return None
        message: Any = message_chunk_to_message(merged.message)
        generation = ChatGeneration(message=message, generation_info=merged.generation_info)
        result = ChatResult(generations=[generation])
        return result if is_whole(result) else None


def as_chunk(answer: ChatResult) -> ChatGenerationChunk:
    """Return an answer as the only part of a stream: one that was kept, or came in a batch."""
    generation = answer.generations[0]
    message: Any = generation.message
    fields = {name: value for name, value in dict(message).items() if name != "type"}
    chunk = AIMessageChunk(**fields, chunk_position="last")
    return ChatGenerationChunk(message=chunk, generation_info=generation.generation_info)
