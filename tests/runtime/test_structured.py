"""What goes out to a model as a schema, what comes back, and how errors and numbers are told."""

import json
import time
from collections.abc import Iterator
from typing import Any, Literal

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field, SecretStr

from langgraph_parallel.errors import InvalidAnswer, RefusedAnswer
from langgraph_parallel.records import Branch, Call, Usage
from langgraph_parallel.runtime.redact import describe, redact
from langgraph_parallel.runtime.retry import is_throttled, is_timeout, is_transient, retry_after
from langgraph_parallel.runtime.run_report import leaves, measure, percentile
from langgraph_parallel.runtime.structured import bind, json_schema, validate
from tests.support.ids import readable

few = settings(max_examples=60, deadline=None)


class Inner(BaseModel):
    """A place."""

    line: int = 1
    note: str | None = None


class Outer(BaseModel):
    """An answer."""

    title: str = Field(description="A few words.")
    kind: Literal["a", "b"] = "a"
    inner: Inner = Inner()
    many: list[Inner] = []


class Bare(BaseModel):  # noqa: D101 - a test is about its having no docstring
    name: str


class Empty(BaseModel):
    """Nothing at all."""


class FreeForm(BaseModel):
    """Any keys."""

    scores: dict[str, int]


class Awkward(BaseModel):
    """Fields that are called like words of JSON schema."""

    default: str
    properties: list[str]
    required: bool


def objects(node: Any) -> Iterator[dict[str, Any]]:
    """All schemas of objects within a schema."""
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from objects(item)


def strict(schema: type[BaseModel]) -> bool:
    """Whether OpenAI is asked to hold the model strictly to a schema."""
    bound = bind(ChatOpenAI(model="gpt", api_key=SecretStr("none")), schema, None)
    wanted: bool = bound.runnable.kwargs["response_format"]["json_schema"]["strict"]  # type: ignore[attr-defined]
    return wanted


def message(text: str, **extra: Any) -> AIMessage:
    """An answer of a model."""
    return AIMessage(content=text, additional_kwargs=extra)


# json_schema


def test_all_objects_are_closed_and_all_fields_required() -> None:
    """At every depth: at the top, and in definitions."""
    found = list(objects(json_schema(Outer)))
    assert [node["required"] for node in found if node["title"] == "Inner"] == [["line", "note"]]
    assert [node["required"] for node in found if node["title"] == "Outer"] == [
        ["title", "kind", "inner", "many"]
    ]
    assert all(node["additionalProperties"] is False for node in found)


def test_there_are_no_defaults_in_a_schema() -> None:
    """Strict mode refuses them."""
    assert '"default"' not in json.dumps(json_schema(Outer))


def test_definitions_and_descriptions_are_kept() -> None:
    """The model reads what a field means, and a nested record is a definition."""
    schema = json_schema(Outer)
    assert schema["properties"]["title"]["description"] == "A few words."
    assert schema["properties"]["many"]["items"] == {"$ref": "#/$defs/Inner"}
    assert list(schema["$defs"]) == ["Inner"]
    assert (schema["title"], schema["description"]) == ("Outer", "An answer.")


def test_a_schema_without_a_docstring_has_a_description() -> None:
    """Its name stands in for it."""
    assert json_schema(Bare)["description"] == "Bare"


def test_an_empty_object_is_closed() -> None:
    """It has no fields, and no other ones."""
    assert json_schema(Empty)["additionalProperties"] is False


@pytest.mark.parametrize("field", ["default", "properties", "required"])
def test_a_field_may_be_called_like_a_word_of_json_schema(field: str) -> None:
    """Such fields are fields like others, and nothing is added beside them."""
    schema = json_schema(Awkward)
    assert field in schema["properties"]
    assert sorted(schema["properties"]) == sorted(schema["required"]) == ["default", "properties", "required"]


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [(Outer, True), (Empty, True), (Bare, True), (FreeForm, False)],
    ids=lambda v: str(v),
)
def test_only_schemas_that_are_closed_throughout_are_strict(schema: type[BaseModel], wanted: bool) -> None:
    """A free-form dictionary cannot be closed, so the model is not held to it strictly."""
    assert strict(schema) is wanted


def test_a_free_form_dictionary_stays_open() -> None:
    """Closing it would forbid every answer."""
    assert json_schema(FreeForm)["properties"]["scores"]["additionalProperties"] == {"type": "integer"}


# validate


@pytest.mark.parametrize(
    "text",
    ['{"name": "x"}', ' \n{"name": "x"}\n', '```json\n{"name": "x"}\n```', '```\n{"name":\n"x"}\n```\n'],
    ids=["plain", "spaces", "json-fence", "bare-fence"],
)
def test_an_answer_is_read_with_a_fence_and_without(text: str) -> None:
    """White space and one Markdown fence around the JSON do not matter."""
    assert validate(message(text), Bare) == Bare(name="x")


def test_a_fence_within_a_value_is_a_part_of_it() -> None:
    """Only the fence around the answer is taken away."""
    text = json.dumps({"name": "```py\nx\n```"})
    assert validate(message(text), Bare).name == "```py\nx\n```"
    assert validate(message(f"```json\n{text}\n```"), Bare).name == "```py\nx\n```"


def test_an_answer_in_blocks_is_read() -> None:
    """Some models answer with a list of content blocks."""
    answer = AIMessage(content=[{"type": "text", "text": '{"name": "x"}'}])
    assert validate(answer, Bare) == Bare(name="x")


def test_a_refusal_is_told_in_the_models_words() -> None:
    """A model that declines is not asked to repair its answer."""
    with pytest.raises(RefusedAnswer, match="I cannot help"):
        validate(message("", refusal="I cannot help"), Bare)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('{"title": "x", "inner": {"line": "many"}}', ["inner.line"]),
        ('{"title": "x", "many": [{}, {"line": []}]}', ["many.1.line"]),
        ('{"kind": "c"}', ["title", "kind"]),
        ("[]", ["answer"]),
        ("", ["answer"]),
        ("I think it is fine.", ["answer"]),
        ('{"title": "x"', ["answer"]),
    ],
    ids=["nested", "in-a-list", "two", "no-object", "empty", "prose", "cut"],
)
def test_an_answer_that_does_not_fit_names_the_places(text: str, places: list[str]) -> None:
    """The message goes back to the model: it says the schema, and every place with what is wrong."""
    with pytest.raises(InvalidAnswer, match="does not fit Outer") as error:
        validate(message(text), Outer)
    assert all(f"{place}: " in str(error.value) for place in places)


# redact


@pytest.mark.parametrize(
    "secret",
    [
        "sk-abc123456789",
        "sk-proj-abc_123-456.789",
        "lsv2_pt_abcdef123456",
        "ghp_abcdefghijklmnop",
        "xoxb-123456-abcdef",
        "hf_abcdefghij",
        "Bearer abc.def.ghi",
        "bearer abcdef",
    ],
)
def test_what_looks_like_a_key_is_masked(secret: str) -> None:
    """Wherever it stands in the text."""
    assert secret not in redact(f"Incorrect key ({secret}) for you")
    assert redact(f"key {secret}") == "key ***"


@pytest.mark.parametrize(
    "text", ["", "a plain text", "risk-assessment of task-management", "sk-1", "desk_abcdefgh"]
)
def test_what_does_not_look_like_a_key_stays(text: str) -> None:
    """Ordinary words are not masked."""
    assert redact(text) == text


@pytest.mark.parametrize("name", ["MY_API_KEY", "MY_TOKEN", "my_secret", "DB_PASSWORD"])
def test_values_of_secret_variables_are_masked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where they look like nothing in particular."""
    monkeypatch.setenv(name, "correct horse")
    assert redact("the correct horse was refused; correct horse!") == "the *** was refused; ***!"


def test_short_values_and_other_variables_are_not_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masking every `test` would make errors unreadable."""
    monkeypatch.setenv("MY_TOKEN", "test")
    monkeypatch.setenv("MY_MODEL", "a-long-model-name")
    assert redact("test a-long-model-name") == "test a-long-model-name"


@pytest.mark.parametrize("short_first", [True, False])
def test_a_secret_that_begins_another_one_does_not_bare_its_end(
    short_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of the environment does not matter."""
    pair = [("A_KEY", "abcdefgh"), ("B_KEY", "abcdefgh-rest-of-it")]
    for name, value in pair if short_first else reversed(pair):
        monkeypatch.setenv(name, value)
    assert "rest" not in redact("got abcdefgh-rest-of-it")


def test_an_error_is_described_on_one_line_with_its_type() -> None:
    """Secrets are masked in it."""
    assert describe(ValueError("bad\n  key sk-abc123456789")) == "ValueError: bad key ***"


def test_an_error_without_a_message_is_its_type() -> None:
    """No colon stands at the end."""
    assert describe(TimeoutError()) == "TimeoutError"


def test_a_long_error_is_cut_and_says_so() -> None:
    """To 300 characters; one of exactly 300 is whole."""
    described = describe(ValueError("x" * 5000))
    assert (len(described), described[-1]) == (300, "…")
    assert describe(ValueError("x" * 288)) == "ValueError: " + "x" * 288


def test_a_secret_is_masked_before_the_text_is_cut() -> None:
    """A key at the edge is not shown in part."""
    assert "sk-" not in describe(ValueError("x" * 280 + " sk-abcdefghijklmnop"))


# retry


class Answered(Exception):
    """An error of a client that got an answer, with its status and headers."""

    def __init__(self, status: int | None = None, code: str | None = None, **headers: str) -> None:
        super().__init__("no luck")
        self.code = code
        self.response = httpx.Response(
            status or 200, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )
        if status is not None:
            self.status_code = status


class JSONDecodeError(ValueError):
    """As it is called in more than one library."""


class APIConnectionError(Exception):
    """As it is called in the SDKs of OpenAI and others."""


class APITimeoutError(APIConnectionError):
    """A kind of connection error."""


TRANSIENT = [
    *(Answered(status) for status in (408, 409, 425, 429, 500, 502, 503, 504, 529)),
    TimeoutError(),
    ConnectionResetError(),
    APIConnectionError(),
    APITimeoutError(),
    JSONDecodeError(),
    httpx.ConnectError("x"),
    httpx.ReadError("x"),
    httpx.ReadTimeout("x"),
    httpx.RemoteProtocolError("x"),
    httpx.ConnectTimeout("x"),
    httpx.WriteTimeout("x"),
    httpx.PoolTimeout("x"),
    httpx.WriteError("x"),
]
LASTING = [
    *(Answered(status) for status in (400, 401, 403, 404, 413, 422)),
    Answered(429, "insufficient_quota"),
    ValueError("x"),
    KeyError("x"),
    InvalidAnswer("x"),
    RefusedAnswer("x"),
]


def name_of(error: Exception) -> str:
    """What a case is called."""
    return f"{type(error).__name__}{getattr(error, 'status_code', '')}{getattr(error, 'code', None) or ''}"


@pytest.mark.parametrize("error", TRANSIENT, ids=name_of)
def test_what_a_second_request_may_not_get_is_transient(error: Exception) -> None:
    """Throttling, overload, broken connections, cut bodies and time-outs of any phase."""
    assert is_transient(error)


@pytest.mark.parametrize("error", LASTING, ids=name_of)
def test_what_a_second_request_gets_again_is_not_transient(error: Exception) -> None:
    """Wrong requests, missing rights, used-up quota and errors of one's own code."""
    assert not is_transient(error)


def test_a_status_in_the_response_is_enough() -> None:
    """Some clients give the error itself no status."""
    error = httpx.HTTPStatusError("x", request=httpx.Request("GET", "http://x"), response=httpx.Response(503))
    assert is_transient(error)


@pytest.mark.parametrize(("status", "throttled"), [(429, True), (529, False), (503, False), (400, False)])
def test_too_many_requests_are_throttling(status: int, throttled: bool) -> None:
    """Other failures are not, overload among them: it says nothing of how much this client asks."""
    assert is_throttled(Answered(status)) is throttled


NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after": "-3"}, 0.0),
        ({"retry_after_ms": "250"}, 0.25),
        ({"retry_after_ms": "250", "retry_after": "1"}, 0.25),
        ({"retry_after_ms": "soon", "retry_after": "1"}, 1.0),
        ({"retry_after": "Sun, 06 Nov 1994 08:50:07 GMT"}, 30.0),
        ({"retry_after": "Sun, 06 Nov 1994 08:49:00 GMT"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": ""}, None),
        ({"retry_after": "Mon, 01 Jan 99999999999 00:00:00 GMT"}, None),
        ({}, None),
    ],
    ids=readable,
)
def test_the_pause_that_a_server_asks_for_is_read(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, a date or milliseconds; a date that is over is no pause, and nonsense is none either."""
    assert retry_after(Answered(429, **headers), now=NOW) == seconds


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_an_old_date_without_a_zone_is_read_as_gmt(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9110 (5.6.7): the asctime format is accepted, and means GMT wherever the client is."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert retry_after(Answered(429, retry_after="Sun Nov  6 08:50:07 1994"), now=NOW) == 30.0
    finally:
        monkeypatch.undo()
        time.tzset()


@few
@given(
    value=st.text(st.characters(codec="ascii", exclude_categories=["Cc"])), unit=st.sampled_from(["", "_ms"])
)
def test_whatever_a_header_says_the_pause_is_a_number_from_zero(value: str, unit: str) -> None:
    """A server cannot break the retry with what it writes."""
    pause = retry_after(Answered(429, **{f"retry_after{unit}": value}), now=NOW)
    assert pause is None or pause >= 0


@pytest.mark.parametrize("value", ["nan", "-5"])
@pytest.mark.parametrize("header", ["retry_after", "retry_after_ms"])
def test_numbers_that_are_no_pause_are_not_waited_for(header: str, value: str) -> None:
    """Negative numbers and NaN are no pause, in seconds and in milliseconds."""
    assert not retry_after(Answered(429, **{header: value}), now=NOW)


def test_an_error_without_an_answer_asks_for_nothing() -> None:
    """There are no headers to read."""
    assert retry_after(ConnectionResetError()) is None


# run_report


def call(name: str, started: float = 0.0, ended: float = 1.0, **fields: Any) -> Call:
    """A call of a model."""
    return Call.model_validate(
        {"id": name, "kind": "model", "target": "m", "started": started, "ended": ended, **fields}
    )


def branch(name: str, *calls: Call, ended: float = 1.0, **fields: Any) -> Branch:
    """A branch that began at 0."""
    return Branch.model_validate(
        {"id": name, "name": name, "order": 0, "status": "ok", "calls": calls, "ended": ended, **fields}
    )


def tokens(count: int) -> Usage:
    """As many tokens in as out."""
    return Usage(input_tokens=count, output_tokens=count)


def test_a_run_is_measured() -> None:
    """Two branches side by side, one with a throttled first attempt, and a judge after them."""
    report = measure(
        [
            branch("a", call("a1", 0, 4, usage=tokens(10)), ended=4),
            branch(
                "b",
                call("b1", 0, 1, ok=False, throttled=True, usage=tokens(1)),
                call("b2", 2, 5, attempt=2, usage=tokens(5)),
                ended=5,
            ),
        ],
        started=0,
        ended=8,
        closing=[call("judge", 5, 7, usage=tokens(2))],
    )
    assert (report.wall_seconds, report.sequential_seconds, report.speedup) == (8, 10, 1.25)
    assert report.critical_path_seconds == 7
    assert (report.call_p50_seconds, report.call_p95_seconds) == (2, 4)
    assert (report.retries, report.throttled_share) == (1, 0.25)
    assert (report.usage, report.wasted) == (tokens(18), tokens(1))
    assert (report.branches, report.failures) == ({"ok": 2}, {})
    assert [made.id for made in report.calls] == ["a1", "b1", "b2", "judge"]


def test_a_call_that_is_in_two_branches_counts_once() -> None:
    """Calls are told apart by id."""
    shared = call("c", usage=tokens(3))
    report = measure([branch("a", shared), branch("b", shared)], started=0, ended=1)
    assert (len(report.calls), report.usage, report.sequential_seconds) == (1, tokens(3), 1)


def test_a_run_without_calls_has_no_speedup() -> None:
    """Nothing is divided by zero, and no share is of nothing."""
    report = measure([], started=5, ended=5)
    assert (report.speedup, report.wall_seconds, report.throttled_share) == (1, 0, 0)
    assert (report.call_p50_seconds, report.critical_path_seconds, report.branches) == (0, 0, {})


def test_a_clock_that_was_set_back_makes_no_negative_times() -> None:
    """Durations are never below zero."""
    report = measure([branch("a", call("c", 5, 3))], started=9, ended=8)
    assert (report.wall_seconds, report.sequential_seconds) == (0, 0)


def test_failures_are_named_with_the_branches_around_them() -> None:
    """A branch that is ok may hold some that are not; one without a cause has its status."""
    report = measure(
        [
            branch("outer", failures={"vote#2": "TimeoutError"}, leaves={"ok": 2, "timed_out": 1}),
            branch("broken", status="failed", error="ValueError: x"),
            branch("left", status="skipped"),
        ],
        started=0,
        ended=1,
    )
    assert report.failures == {
        "vote#2 in outer": "TimeoutError",
        "broken": "ValueError: x",
        "left": "skipped",
    }


def test_a_branch_stands_for_those_below_it() -> None:
    """Leaves are counted by status, at every level; a branch with leaves is not one itself."""
    below = branch("b", leaves={"ok": 2, "failed": 1})
    assert leaves([branch("a"), below, branch("c", status="failed")]) == {"failed": 2, "ok": 3}


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [
        (1, 0.5, 1),
        (1, 0.95, 1),
        (2, 0.5, 1),
        (3, 0.5, 2),
        (4, 0.5, 2),
        (20, 0.95, 19),
        (21, 0.95, 20),
        (100, 0.95, 95),
    ],
)
def test_a_percentile_is_the_nearest_rank(count: int, share: float, expected: int) -> None:
    """It is always one of the values."""
    assert percentile(range(1, count + 1), share) == expected


@few
@given(values=st.lists(st.floats(0, 100), min_size=1), share=st.sampled_from([0.5, 0.95]))
def test_enough_values_are_not_above_a_percentile(values: list[float], share: float) -> None:
    """At least that share of the values is at or below it, and the value is one of them."""
    found = percentile(sorted(values), share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_the_percentile_of_nothing_is_zero() -> None:
    """There is no value to give."""
    assert percentile([], 0.5) == 0


def test_a_time_out_is_known_whoever_raises_it() -> None:
    """Ours, the builtin, and those of clients by the name of their class."""

    class ReadTimeout(Exception):
        pass

    assert is_timeout(TimeoutError())
    assert is_timeout(ReadTimeout())
    assert not is_timeout(ValueError("timeout"))
