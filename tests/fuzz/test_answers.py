"""Answers of models and bodies of servers, however they are written, are read or refused clearly."""

import json
from typing import Any, Literal

from hypothesis import example, given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from pydantic import BaseModel, Field

from langgraph_parallel.answers.finish import read_finish
from langgraph_parallel.answers.json_text import find_values
from langgraph_parallel.answers.message import read_message
from langgraph_parallel.answers.read import read_record
from langgraph_parallel.answers.thinking import ThinkingFilter, divide
from langgraph_parallel.errors import AnswerError, EndpointError
from langgraph_parallel.runtime.direct import parse_completion
from langgraph_parallel.runtime.error_body import read_error
from tests.support.fuzzing import JSON_SCALARS, fuzz, json_values, mutated, result_or_error


class Part(BaseModel):
    """A part of an answer."""

    name: str
    share: float | None = Field(None, ge=0, le=1)


class Sample(BaseModel):
    """An answer with every kind of field."""

    choice: Literal["yes", "no"] | None
    count: int = 0
    parts: list[Part] = []
    by_name: dict[str, int] = {}


KEYS = st.sampled_from(["choice", "count", "parts", "by_name", "name", "share", "item", "", "\ud800"])
VALID = st.fixed_dictionaries(
    {"choice": st.sampled_from(["yes", "no", None])},
    optional={
        "count": st.integers(0, 9),
        "parts": st.lists(st.fixed_dictionaries({"name": st.text(max_size=5)}), max_size=3),
        "by_name": st.dictionaries(st.text(max_size=3), st.integers(0, 3), max_size=2),
    },
)
TOKENS = (
    *(
        "```json\n",
        "```",
        "<think>",
        "</think>",
        "<|im_end|>",
        "{",
        "}",
        "[",
        "]",
        '"',
        ",",
        ":",
        "\\",
        "\\ud800",
    ),
    *("NaN", "-Infinity", "1e999", "9" * 5000, "null", "\x00", "\ufeff", '{"choice": "no"}', '{"a":', "//"),
)
WRITTEN = st.one_of(VALID, json_values(KEYS)).map(json.dumps)
TEXTS = mutated(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "Sure: ", "```json\n", "<think>so</think>"]),
        WRITTEN,
        st.sampled_from(["", "\n```", " Done.", "<|im_end|>"]),
    ),
    TOKENS,
)


@given(TEXTS, st.booleans())
@example("[" * 900 + "]" * 900, True)
@example('{"choice": ' * 900 + "1" + "}" * 900, True)
@example('{"choice": ' + "9" * 5000 + "}", True)
@example('{"choice": "yes", "count": 1e999}', False)
@fuzz
def test_an_answer_is_a_record_or_one_clear_error(text: str, abstain: bool) -> None:
    """Any text of a model is read as a record, or refused with an error that names what is wrong."""
    answer = read_message(AIMessage(content=text))
    result_or_error(
        lambda: read_record(answer, Sample, abstain=abstain), AnswerError, one_line=False, quoted=len(text)
    )
    assert isinstance(find_values(text), list)


@given(TEXTS, st.lists(st.integers(1, 7), min_size=1, max_size=5))
@fuzz
def test_thinking_is_divided_in_any_pieces(text: str, sizes: list[int]) -> None:
    """A text that arrives in pieces never breaks the filter of thinking, and nothing is invented."""
    thought = divide(text)
    assert thought.answer in text
    for hold in (False, True):
        parts, place, number, given = ThinkingFilter(hold=hold), 0, 0, list[str | None]()
        while place < len(text):
            piece = text[place : place + sizes[number % len(sizes)] * 50]
            given += parts.feed(piece)
            place, number = place + len(piece), number + 1
        given += parts.end()
        taken_back = max((place for place, part in enumerate(given) if part is None), default=-1)
        assert "".join(filter(None, given[taken_back + 1 :])).strip() in text


BODIES = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries(
                {
                    "message": st.dictionaries(
                        st.sampled_from(
                            ["content", "refusal", "reasoning", "reasoning_content", "tool_calls"]
                        ),
                        json_values(KEYS),
                        max_size=3,
                    )
                    | JSON_SCALARS
                },
                optional={"finish_reason": json_values(KEYS)},
            )
            | JSON_SCALARS,
            max_size=2,
        )
        | json_values(KEYS)
    },
    optional={
        "usage": st.dictionaries(
            st.sampled_from(
                ["prompt_tokens", "completion_tokens", "total_tokens", "completion_tokens_details"]
            ),
            json_values(st.just("reasoning_tokens")),
            max_size=4,
        )
        | JSON_SCALARS,
        "error": json_values(st.sampled_from(["message", "code", "type", "status", "error"])),
    },
)


@given(BODIES | json_values(KEYS))
@example({"choices": [{"message": {"content": "a"}}], "usage": [1]})
@example({"choices": [{"message": {"content": 5}}]})
@example({"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": "many"}})
@example({"choices": [{"message": {"content": "a"}}], "usage": {"completion_tokens_details": 1}})
@fuzz
def test_a_body_of_a_server_is_a_message_or_one_clear_error(body: Any) -> None:
    """Whatever JSON a server sends is a message, or an error of the endpoint."""
    message = result_or_error(lambda: parse_completion(body), EndpointError)
    if message is not None:
        read_message(message)


@given(
    json_values(st.sampled_from(["error", "message", "code", "type", "status", "detail", "finish_reason"]))
)
@fuzz
def test_what_a_server_says_of_an_error_or_an_end_is_read(body: Any) -> None:
    """Reading why a server failed, or why a model stopped, never fails itself."""
    read_error(body)
    if isinstance(body, dict):
        read_finish(body)
