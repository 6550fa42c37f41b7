"""One answer of a model, whatever its provider calls the parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from langgraph_parallel.answers.finish import Finish, read_finish
from langgraph_parallel.answers.thinking import divide
from langgraph_parallel.errors import CutAnswer, EmptyAnswer, FilteredAnswer, InvalidAnswer, RefusedAnswer

_REASONING_KEYS = ("reasoning_content", "reasoning")
"""Fields in which servers return thinking apart from the text."""


@dataclass(frozen=True)
class Answer:
    """What a model answered to one request."""

    text: str
    """Without its thinking, and without tokens of a chat template at its ends."""
    finish: Finish = "stop"
    refusal: str = ""
    """Why the model declined; empty if it did not."""
    thinking: str = ""
    arguments: tuple[Any, ...] = ()
    """Arguments of the tools that it called."""

    def check(self) -> None:
        """Check that it is whole: neither declined, nor withheld, nor cut off.

        Raises:
            RefusedAnswer, FilteredAnswer, CutAnswer, InvalidAnswer: it is not.
        """
        if self.refusal or self.finish == "refusal":
            raise RefusedAnswer(f"the model declined to answer: {self.refusal or 'it gave no reason'}")
        if self.finish == "filter":
            raise FilteredAnswer("the provider's content filter withheld the answer")
        if self.finish == "error":
            raise InvalidAnswer("the server failed while it answered")
        if self.finish == "length" and not self.text and self.thinking:
            raise CutAnswer("the answer's token limit was spent on reasoning", partial="")
        if self.finish == "length":
            raise CutAnswer("the answer was cut off at its token limit", partial=self.text)

    def whole_text(self) -> str:
        """Return the text of a whole answer.

        Raises:
            AnswerError: as `check`; `EmptyAnswer` if there is no text.
        """
        self.check()
        if not self.text:
            raise EmptyAnswer(
                "the answer is empty: the model only thought" if self.thinking else "the answer is empty"
            )
        return self.text


def read_message(message: BaseMessage) -> Answer:
    """Read what LangChain made of a provider's answer."""
    extra: Mapping[str, Any] = message.additional_kwargs
    tool_calls = message.tool_calls if isinstance(message, AIMessage) else []
    if isinstance(message.content, str) and not extra and not tool_calls:  # nearly all answers
        thought = divide(message.content)
        return Answer(thought.answer, read_finish(message.response_metadata), thinking=thought.thinking)
    thought = divide(message.text)
    apart = [str(extra[key]) for key in _REASONING_KEYS if extra.get(key)]
    apart += _reasoning_blocks(message.content)
    return Answer(
        text=thought.answer,
        finish=read_finish(message.response_metadata),
        refusal=str(extra.get("refusal") or _refusal_block(message.content)),
        thinking="\n".join(filter(None, [*apart, thought.thinking])),
        arguments=tuple(call["args"] for call in tool_calls),
    )


def _reasoning_blocks(content: Any) -> list[str]:
    """Return the thinking in content blocks: Anthropic's and Gemini's, and LangChain's own."""
    blocks = [block for block in content if isinstance(block, Mapping)] if isinstance(content, list) else []
    return [
        str(block.get("thinking") or block.get("reasoning") or "...")
        for block in blocks
        if block.get("type") in ("thinking", "reasoning", "redacted_thinking")
    ]


def _refusal_block(content: Any) -> str:
    """Return the reason in a content block of OpenAI's Responses API; empty if there is none."""
    blocks = content if isinstance(content, list) else []
    return next((str(b["refusal"]) for b in blocks if isinstance(b, Mapping) and b.get("refusal")), "")


def unstripped(message: AIMessage) -> str:
    """Return the text of an answer with the white space at its ends, if nothing else is left out of it."""
    text = read_message(message).text
    return message.text if message.text.strip() == text else text
