"""Records in the answers of models: read whatever is around them, and never guessed."""

import json
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from pydantic import BaseModel, Field, field_validator

from langgraph_parallel.answers.message import read_message
from langgraph_parallel.answers.read import read_record
from langgraph_parallel.errors import CutAnswer, EmptyAnswer, FilteredAnswer, InvalidAnswer, RefusedAnswer


class Ballot(BaseModel):
    """A ballot."""

    rationale: str = ""
    choice: Literal["yes", "no", "not sure"] | None
    confidence: float | None = Field(None, ge=0, le=1)


class Place(BaseModel):
    """A place."""

    line: int
    severity: Literal["high", "low"] = "low"
    text: str = ""


class Report(BaseModel):
    """A report."""

    findings: list[Place]


class Grade(BaseModel):
    """A grade."""

    grade: Literal[1, 2, 3]


GOOD = '{"rationale": "r", "choice": "yes", "confidence": 0.9}'
AROUND = {
    "alone": "{}",
    "white space": "\n\n  {}\n",
    "thinking": "<think>\nIs it {{maybe}}? yes.\n</think>\n{}",
    "thinking, closed only": "Is it {{maybe}}? yes.\n</think>\n{}",
    "prose before": "Sure! Here is my answer:\n{}",
    "prose after": "{}\n\nLet me know {{if}} you need more.",
    "prose around, in the line": "I say {} and I mean it.",
    "a fence": "```json\n{}\n```",
    "a bare fence": "```\n{}\n```",
    "prose and a fence": "Here:\n\n```json\n{}\n```\nDone.",
    "two fences": "I ran\n```python\nprint({{}})\n```\nand so\n```json\n{}\n```",
    "the same twice": "{0}\n\n```json\n{0}\n```",
    "tokens of the template": "{}<|im_end|>\n",
    "the next turn": "{}<|eot_id|><|start_header_id|>user",
    "an envelope": '{{"answer": {}}}',
    "an envelope that is named as the schema": '{{"Ballot": {}}}',
}


@pytest.mark.parametrize("place", AROUND)
def test_a_record_is_found_in_what_is_around_it(place: str) -> None:
    """It is the same record."""
    text = AROUND[place].format(GOOD)
    assert read(text).record == Ballot(rationale="r", choice="yes", confidence=0.9)


def read(text: str, schema: type[BaseModel] = Ballot, *, abstain: bool = False, **fields: Any) -> Any:
    """Return what is read of a message."""
    return read_record(read_message(AIMessage(text, **fields)), schema, abstain=abstain)


NAMED = [
    "YES",
    "Yes.",
    "**yes**",
    "`yes`",
    '"yes"',
    " yes ",
    "(yes)",
    "yes!",
    "_Yes_",
    "\u201cyes\u201d",
]


@pytest.mark.parametrize("said", NAMED)
def test_choices_are_compared_without_case_punctuation_and_markup(said: str) -> None:
    """In a record, and as the whole answer."""
    assert read(json.dumps({"choice": said})).record.choice == "yes"
    assert read(said).record.choice == "yes"


@pytest.mark.parametrize("said", ["not sure", "Not  Sure.", "NOT SURE"])
def test_a_choice_may_have_several_words(said: str) -> None:
    """White space does not matter."""
    assert read(json.dumps({"choice": said})).record.choice == "not sure"


UNCLEAR = [
    "Yes and no, it depends",
    "yes, mostly",
    "yess",
    "yes/no",
    "maybe",
    "",
    "no?yes",
    "The answer is yes",
    "1",
    "true",
]


@pytest.mark.parametrize("said", UNCLEAR)
def test_what_names_no_choice_is_never_guessed(said: str) -> None:
    """First it is an error, so that the model is asked again; then an abstention, which is noted."""
    text = json.dumps({"rationale": "r", "choice": said})
    with pytest.raises(InvalidAnswer, match="choice: "):
        read(text)
    fitted = read(text, abstain=True)
    assert fitted.record == Ballot(rationale="r", choice=None)
    assert fitted.notes[0].startswith("choice is read as null, ")


@pytest.mark.parametrize("said", ["Seven is prime.", "I say yes", "yes yes", "yes, because", "[]"])
def test_prose_is_no_record(said: str) -> None:
    """Not even where a choice occurs in it."""
    with pytest.raises(InvalidAnswer, match="does not fit Ballot"):
        read(said, abstain=True)


def test_different_records_in_one_answer_are_ambiguous() -> None:
    """An example and an answer look alike."""
    with pytest.raises(InvalidAnswer, match="2 different objects fit"):
        read('{"choice": "yes"} or rather {"choice": "no"}', abstain=True)
    assert read('For example {"choice": "..."}. My answer: {"choice": "no"}').record.choice == "no"


OPTIONAL: list[tuple[Any, float | None]] = [
    ("high", None),
    (None, None),
    (95, None),
    (-1, None),
    ([], None),
    ({}, None),
    ("0.9", 0.9),
    ("90%", 0.9),
    (1, 1.0),
    ("about 0.9", None),
]


@pytest.mark.parametrize(("said", "confidence"), OPTIONAL)
def test_what_is_optional_does_not_void_the_rest(said: Any, confidence: float | None) -> None:
    """It is read if it can be, and else left out."""
    fitted = read(json.dumps({"choice": "no", "confidence": said}))
    assert fitted.record == Ballot(choice="no", confidence=confidence)


@pytest.mark.parametrize("key", ["Choice", "CHOICE", "`choice`", "**choice**", " choice: "])
def test_names_of_fields_are_compared_likewise(key: str) -> None:
    """A model that writes Markdown writes it everywhere."""
    assert read(json.dumps({key: "no"})).record.choice == "no"


BAD: list[Any] = [
    "nothing else",
    None,
    {},
    {"line": None},
    {"line": "many"},
    {"text": "x"},
    [],
    7,
    {"line": {}},
    [1],
]


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_a_bad_item_does_not_void_a_list(bad: Any) -> None:
    """The good ones stay, in their order, and the other one is named."""
    items = [{"line": 1, "severity": "High"}, bad, {"line": "3"}]
    fitted = read(json.dumps({"findings": items}), Report)
    assert fitted.record.findings == [Place(line=1, severity="high"), Place(line=3)]
    assert len(fitted.notes) == 1
    assert fitted.notes[0].startswith("findings.1 was left out, ")


def test_a_list_of_bad_items_is_not_an_empty_list() -> None:
    """Nothing found and nothing readable are two things."""
    with pytest.raises(InvalidAnswer, match=r"findings\.0"):
        read('{"findings": [{"line": "many"}, "x"]}', Report, abstain=True)
    assert read('{"findings": []}', Report).record == Report(findings=[])


def test_a_bare_list_is_that_of_the_only_field() -> None:
    """And a list in an answer with other fields is nothing."""
    assert read('[{"line": 2}]', Report).record.findings == [Place(line=2)]
    with pytest.raises(InvalidAnswer):
        read('["yes", "no"]', Ballot)


@pytest.mark.parametrize("said", ["2", "2.", "**2**", 2, 2.0, ["2"]], ids=repr)
def test_numbers_among_choices_may_be_texts(said: Any) -> None:
    """A model does not always know which type is due."""
    assert read(json.dumps({"grade": said}), Grade).record.grade == 2


def test_texts_may_be_numbers_and_lines() -> None:
    """What stands for a text is written as one."""
    fitted = read('{"findings": [{"line": 1, "text": ["a", "b"]}, {"line": 2, "text": 3.5}]}', Report)
    assert [finding.text for finding in fitted.record.findings] == ["a\nb", "3.5"]


def test_a_rule_of_the_caller_holds() -> None:
    """A validator refuses what fits the types."""

    class Even(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def is_even(cls, number: int) -> int:
            if number % 2:
                raise ValueError("odd")
            return number

    assert read('The number is {"number": 4}', Even).record.number == 4
    with pytest.raises(InvalidAnswer, match="odd"):
        read('{"number": 3}', Even)


CALL = {"name": "Ballot", "args": {"choice": "Yes"}, "id": "1", "type": "tool_call"}


def test_a_record_may_be_the_arguments_of_a_tool() -> None:
    """Where there is no text; several calls must agree."""
    stop = {"finish_reason": "tool_calls"}
    assert read("", tool_calls=[CALL], response_metadata=stop).record.choice == "yes"
    other = {**CALL, "args": {"choice": "no"}, "id": "2"}
    with pytest.raises(InvalidAnswer, match="2 different"):
        read("", tool_calls=[CALL, other])


THOUGHT = {"reasoning_content": GOOD}


def test_a_record_in_the_thinking_counts_only_if_there_is_nothing_else() -> None:
    """All of the thinking must be the record, and the model must have stopped by itself."""
    assert read("", additional_kwargs=THOUGHT).record.choice == "yes"
    with pytest.raises(EmptyAnswer, match="only thought"):
        read("", additional_kwargs={"reasoning_content": f"so: {GOOD}"})
    with pytest.raises(InvalidAnswer):
        read("hm", additional_kwargs=THOUGHT)
    with pytest.raises(CutAnswer, match="spent on reasoning"):
        read("", additional_kwargs=THOUGHT, response_metadata={"finish_reason": "length"})


ENDS: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"finish_reason": "length"}, CutAnswer),
    ({"finish_reason": "MAX_TOKENS"}, CutAnswer),
    ({"stop_reason": "max_tokens"}, CutAnswer),
    ({"stop_reason": "model_context_window_exceeded"}, CutAnswer),
    ({"done_reason": "length"}, CutAnswer),
    ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, CutAnswer),
    ({"finish_reason": "content_filter"}, FilteredAnswer),
    ({"finish_reason": "SAFETY"}, FilteredAnswer),
    ({"stopReason": "guardrail_intervened"}, FilteredAnswer),
    ({"prompt_feedback": {"block_reason": "SAFETY"}}, FilteredAnswer),
    ({"stop_reason": "refusal"}, RefusedAnswer),
    ({"finish_reason": "error"}, InvalidAnswer),
]


@pytest.mark.parametrize(("metadata", "error"), ENDS, ids=str)
def test_an_answer_that_did_not_end_well_is_none(metadata: dict[str, Any], error: type[Exception]) -> None:
    """Even where what there is of it fits; every provider has its own words."""
    with pytest.raises(error):
        read(GOOD, response_metadata=metadata)
    with pytest.raises(error):
        read_message(AIMessage("So far", response_metadata=metadata)).whole_text()


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"finish_reason": "stop"},
        {"finish_reason": None},
        {"stop_reason": "end_turn"},
        {"finish_reason": "eos"},
    ],
    ids=str,
)
def test_an_answer_that_ended_well_is_whole(metadata: dict[str, Any]) -> None:
    """A server that does not say is believed."""
    assert (
        read_message(AIMessage("<think>x</think> Fine.", response_metadata=metadata)).whole_text() == "Fine."
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=json_values, abstain=st.booleans())
def test_any_json_gives_a_record_or_an_error_of_ours(value: Any, abstain: bool) -> None:
    """A model cannot break the reader by what it writes."""
    for schema in (Ballot, Report, Grade):
        try:
            read(json.dumps(value), schema, abstain=abstain)
        except (InvalidAnswer, EmptyAnswer):
            continue


@given(choice=st.sampled_from(["yes", "no", "not sure"]), confidence=st.none() | st.floats(0, 1))
def test_what_fits_is_read_as_it_is(choice: str, confidence: float | None) -> None:
    """Nothing is left out, and nothing is noted."""
    fitted = read(json.dumps({"rationale": "r", "choice": choice, "confidence": confidence}))
    assert (fitted.record.choice, fitted.record.confidence, fitted.notes) == (choice, confidence, [])


@pytest.mark.parametrize("text", ["[" * 50_000, "{" * 50_000, '{"a":' * 20_000, "```" * 20_000])
def test_brackets_without_end_take_no_time(text: str) -> None:
    """A model that repeats itself does not hold up the run."""
    with pytest.raises(InvalidAnswer):
        read(text)
