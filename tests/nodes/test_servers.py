"""Ask, at servers that are not OpenAI's: what they refuse, what they put into a 200, and what they cut."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from langgraph_parallel import Ask, Limits, create_labeling, create_voting
from langgraph_parallel.errors import (
    ContextOverflow,
    CutAnswer,
    EmptyAnswer,
    EndpointError,
    FilteredAnswer,
    InvalidAnswer,
)
from langgraph_parallel.runtime.explain import kind_of
from langgraph_parallel.runtime.recording import recording
from langgraph_parallel.runtime.redact import describe
from tests.support.server import Gate, ModelServer, Reply, Request

QUICK = Limits(backoff=0.001, attempts=3, patience=5)


class Mood(BaseModel):
    """The tone of a text."""

    mood: Literal["calm", "angry"]


CALM = Reply(json={"mood": "calm"})


def mood(model: Any, **options: Any) -> Ask:
    """Return a worker that asks for a record."""
    return Ask("{text}", model=model, schema=Mood, limits=QUICK, **options)


# what the prompt says


async def test_the_prompt_names_what_may_be_answered(model: str, server: ModelServer) -> None:
    """A server that constrains by a grammar shows the model nothing of the schema."""
    server.always(CALM)
    await mood(model).ainvoke("x")
    assert '`mood` (one of "calm", "angry")' in server.requests[0].prompt


async def test_a_label_is_chosen_from_labels_that_the_prompt_names(model: str, server: ModelServer) -> None:
    """Without guidelines it says nothing of guidelines; with data, one short rule says what data is."""
    server.always(Reply(json={"choice": "bug"}))
    await create_labeling(labels=["bug", "praise"], model=model, voters=1).ainvoke({"items": ["It broke."]})
    prompt = server.requests[0].prompt
    assert "one of: `bug`, `praise`" in prompt
    assert "guidelines" not in prompt
    assert "none" not in prompt.lower().replace("fits none of them", "")
    await create_labeling(labels=["bug", "praise"], guidelines="Be kind.", model=model, voters=1).ainvoke(
        {"items": ["It broke."]}
    )
    assert "The guidelines:\n\nBe kind." in server.requests[-1].prompt
    system = server.requests[0].body["messages"][0]["content"]
    assert len(system) < 250


async def test_the_repair_shows_schema_choices_and_problem(model: str, server: ModelServer) -> None:
    """The model gets its own answer back, too."""
    server.always(Reply(text="It is rather calm."))
    with pytest.raises(InvalidAnswer):
        await mood(model).ainvoke("x")
    repair = server.requests[1].prompt
    assert "It is rather calm." in repair
    assert "there is no JSON object" in repair
    assert '"enum": ["calm", "angry"]' in repair
    assert 'one of "calm", "angry"' in repair


# what a server refuses


def refuses(message: str, *, param: str | None = None, status: int = 400) -> Reply:
    """Return a refusal."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
    return Reply(status=status, body={"error": error})


def has_format(request: Request) -> bool:
    """Return whether a request asks for JSON by a parameter."""
    return "response_format" in request.body


REFUSALS = [
    refuses("This response_format type is not available now"),
    refuses("'response_format.type' must be 'text'", param="response_format"),
    refuses("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."),
    refuses("json_schema is not supported"),
    refuses("Failed to parse grammar"),
    refuses("Structured outputs are not enabled for this deployment", status=422),
    refuses("guided decoding backend failed", status=500),
    refuses("Bad Request"),
    Reply(status=400, body={"detail": "Extra inputs are not permitted: response_format"}),
    Reply(
        status=422,
        body={"detail": [{"loc": ["body", "response_format"], "msg": "extra fields not permitted"}]},
    ),
    Reply(status=400, body={"message": "unsupported"}),
    Reply(status=400, body={"object": "error", "message": "Grammar error: schema too deep", "code": 40001}),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda reply: json.dumps(reply.body))
async def test_a_server_without_schemas_is_asked_without(
    refusal: Reply, model: str, server: ModelServer
) -> None:
    """That is remembered for the endpoint and the model, and it is no failed attempt."""
    server.always(CALM)
    server.on(has_format, refusal)
    ask = Ask("{text}", model=model, schema=Mood, limits=Limits(attempts=1))
    assert await ask.ainvoke("x") == Mood(mood="calm")
    assert len(server.requests) == 3
    assert [request.body.get("response_format", {}).get("type") for request in server.requests] == [
        "json_schema",
        "json_object",
        None,
    ]
    assert await mood(model).ainvoke("y") == Mood(mood="calm")
    assert len(server.requests) == 4


async def test_a_server_that_takes_any_json_object_is_asked_for_one(model: str, server: ModelServer) -> None:
    """The report says so, and no voter has failed."""
    server.always(Reply(json={"choice": "yes"}))
    schema = refuses("json_schema is not supported")
    server.on(lambda r: "json_schema" in json.dumps(r.body.get("response_format")), schema)
    out = await create_voting(model=model, choices=["yes", "no"], voters=2, stop="all_votes").ainvoke(
        {"question": "?"}
    )
    assert (out["verdict"].cast, out["verdict"].failed) == (2, 0)
    (remark,) = out["run_report"].remarks
    assert remark.startswith(f"test-model at {server.url}/: answers are asked for as any JSON object")


def has_type(name: str) -> Callable[[Request], bool]:
    """Return a rule for what a second voter is asked in a format."""
    return lambda r: "voter 2" in r.prompt and r.body.get("response_format", {}).get("type") == name


@pytest.mark.parametrize("helps", [True, False])
async def test_a_guess_is_in_the_report_only_if_it_has_helped(
    helps: bool, model: str, server: ModelServer
) -> None:
    """A voter whose every request is refused says nothing of what others are asked for meanwhile."""
    server.always(Reply(json={"choice": "yes"}))
    server.on("voter 2", Reply(json={"choice": "yes"}) if helps else refuses("Bad Request"))
    guessing, first = Gate(), Gate(opens_at=2)
    server.on("voter 1", Reply(json={"choice": "yes"}, gate=first))
    server.on("Meanwhile", CALM)
    server.on(has_type("json_schema"), refuses("Bad Request"))
    server.on(has_type("json_object"), Reply(status=400, body={"error": "Bad Request"}, gate=guessing))
    graph = create_voting(model=model, choices=["yes", "no"], voters=2, stop="all_votes")
    running = asyncio.create_task(graph.ainvoke({"question": "?"}))
    await asyncio.to_thread(server.wait, lambda s: any(map(has_type("json_object"), s.requests)))
    first.open()  # voter 1 is answered while the format is a guess
    await asyncio.to_thread(server.wait, lambda s: any("voter 1" in r.prompt and r.ended for r in s.requests))
    another = await mood(model).ainvoke("Meanwhile")
    assert another.mood
    guessing.open()
    out = await running
    assert (out["verdict"].cast, out["verdict"].failed) == ((2, 0) if helps else (1, 1))
    remarks = out["run_report"].remarks
    assert [remark.partition(": ")[2] for remark in remarks] == (
        ["answers are asked for in JSON by the prompt alone"] if helps else []
    )


async def test_a_guess_that_has_helped_outlives_a_wrong_request(model: str, server: ModelServer) -> None:
    """What is refused later, without a format, does not take it back."""
    server.always(CALM)
    server.on(has_format, refuses("Bad Request"))
    assert await mood(model).ainvoke("x") == Mood(mood="calm")
    server.on("broken", refuses("Bad Request"))
    with pytest.raises(Exception, match="Bad Request"):
        await mood(model).ainvoke("broken")
    assert await mood(model).ainvoke("y") == Mood(mood="calm")
    assert len(server.requests) == 5


PARAMETERS = [
    ("temperature", refuses("Unsupported value: 'temperature' does not support 0.3", param="temperature")),
    ("temperature", refuses("temperature is not supported with this model")),
    ("strict", refuses("Unknown field: strict", param="response_format.json_schema.strict")),
    ("max_tokens", refuses("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")),
]


@pytest.mark.parametrize(("name", "refusal"), PARAMETERS)
async def test_a_parameter_that_is_refused_is_left_out(
    name: str, refusal: Reply, model: str, server: ModelServer
) -> None:
    """Once; everything else is sent as before."""
    server.always(CALM)
    server.on(lambda request: f'"{name}"' in json.dumps(request.body), refusal)
    ask = mood(model, temperature=0.3)
    assert [await ask.ainvoke(str(i)) for i in range(3)] == [Mood(mood="calm")] * 3
    assert len(server.requests) == 4
    body = server.requests[-1].body
    assert body["response_format"]["type"] == "json_schema"
    assert ("temperature" in body) is (name != "temperature")
    assert ("max_completion_tokens" in body) is (name == "max_tokens")


async def test_a_temperature_of_the_callers_model_is_left_out_too(
    server: ModelServer, own: ChatOpenAI
) -> None:
    """Where the model does not take it."""
    server.always(Reply(text="fine"))
    server.on(lambda request: "temperature" in request.body, PARAMETERS[0][1])
    warm = own.model_copy(update={"temperature": 0.7})
    assert await Ask("{text}", model=warm).ainvoke("x") == "fine"
    assert len(server.requests) == 2


async def test_a_request_that_is_wrong_in_itself_stays_an_error(model: str, server: ModelServer) -> None:
    """Nothing is remembered of guesses that did not help."""
    server.always(refuses("Bad Request"))
    with pytest.raises(Exception, match="Bad Request"):
        await mood(model).ainvoke("x")
    assert len(server.requests) == 3
    server.always(CALM)
    assert await mood(model).ainvoke("x") == Mood(mood="calm")
    assert server.requests[-1].body["response_format"]["type"] == "json_schema"


async def test_a_text_that_is_refused_teaches_nothing_of_schemas(model: str, server: ModelServer) -> None:
    """A server without schemas is found out later all the same."""
    server.always(refuses("Bad Request"))
    with pytest.raises(Exception, match="Bad Request"):
        await Ask("{text}", model=model).ainvoke("x")
    server.always(CALM)
    server.on(has_format, refuses("Bad Request"))
    assert await mood(model).ainvoke("x") == Mood(mood="calm")


# a ceiling of tokens


async def test_a_ceiling_is_sent_where_an_answer_could_run_away(model: str, server: ModelServer) -> None:
    """By what the schema asks for; a limit of the caller's replaces it, and 0 sends none."""
    server.always(CALM)
    for most, sent in ((None, 1024), (77, 77), (0, None)):
        limits = {} if most is None else {"max_answer_tokens": most}
        await Ask("{text}", model=model, schema=Mood, limits=limits).ainvoke("x")
        assert server.requests[-1].body.get("max_tokens") == sent
    await Ask("{text}", model=model).ainvoke("x")
    assert "max_tokens" not in server.requests[-1].body
    await mood(ChatOpenAI(model="x", max_tokens=5, base_url=server.url, api_key=SecretStr("k"))).ainvoke("x")
    assert server.requests[-1].body["max_completion_tokens"] == 5
    assert "max_tokens" not in server.requests[-1].body


async def test_thinking_that_our_ceiling_cuts_off_is_asked_for_again(model: str, server: ModelServer) -> None:
    """Without a ceiling, now and later, because thinking counts against it; its tokens are in the record."""
    server.always(CALM)
    server.on(
        lambda r: "max_tokens" in r.body, Reply(text="", reasoning="hm", finish="length", usage=(9, 1024))
    )
    with recording() as calls:
        assert await mood(model).ainvoke("x") == Mood(mood="calm")
        assert await mood(model).ainvoke("y") == Mood(mood="calm")
    assert ["max_tokens" in request.body for request in server.requests] == [True, False, False]
    first = next(iter(calls.values()))
    assert (first.ok, first.usage.output_tokens) == (False, 1024)


async def test_an_answer_without_end_fails_once(model: str, server: ModelServer) -> None:
    """A model that does not think, and is cut off, is not asked again."""
    server.always(Reply(text='{"mood": "calm' + "m" * 500, finish="length"))
    with pytest.raises(CutAnswer, match="cut off at its token limit"):
        await mood(model).ainvoke("x")
    assert len(server.requests) == 1


# answers that are none


async def test_a_cut_text_is_continued_where_the_caller_asks_for_it(model: str, server: ModelServer) -> None:
    """As often as the caller says; the model sees what it has written."""
    server.always(Reply(text="third", finish="stop"))
    server.on(lambda r: len(r.body["messages"]) == 4, Reply(text="second ", finish="length"))
    server.on(lambda r: len(r.body["messages"]) == 2, Reply(text="First, ", finish="length"))
    server.on(lambda r: "First, second" in r.prompt, Reply(text="third."))
    ask = Ask("{text}", model=model, continuations=2)
    assert await ask.ainvoke("x") == "First, second third."
    assert len(server.requests) == 3
    with pytest.raises(CutAnswer) as cut:
        await Ask("{text}", model=model).ainvoke("x")
    assert cut.value.partial == "First,"


ENDS: list[tuple[Reply, type[Exception], str]] = [
    (Reply(text="The first half of a summ", finish="length"), CutAnswer, "cut"),
    (Reply(text="", reasoning="hm", finish="length"), CutAnswer, "cut"),
    (Reply(text="<think>never closed", finish="length"), CutAnswer, "cut"),
    (Reply(text="", finish="content_filter"), FilteredAnswer, "filter"),
    (Reply(text="Some", finish="content_filter"), FilteredAnswer, "filter"),
    (Reply(text=""), EmptyAnswer, "empty"),
    (Reply(text=" \n"), EmptyAnswer, "empty"),
    (Reply(text="<think>hm</think>"), EmptyAnswer, "empty"),
    (Reply(text="", reasoning="hm"), EmptyAnswer, "empty"),
    (Reply(text="<|im_end|>"), EmptyAnswer, "empty"),
]


@pytest.mark.parametrize(("reply", "error", "kind"), ENDS)
async def test_what_is_no_whole_text_is_a_failure(
    reply: Reply, error: type[Exception], kind: str, model: str, server: ModelServer
) -> None:
    """With its own cause."""
    server.always(reply)
    with pytest.raises(error) as raised:
        await Ask("{text}", model=model).ainvoke("x")
    assert kind_of(raised.value) == kind


# errors in a 200


def ok(body: Any) -> Reply:
    """Return an answer of 200 with a body of its own."""
    return Reply(body=body)


LATER = [
    ok({"id": "gen-1", "error": {"message": "Upstream error: overloaded", "code": 502}}),
    ok({"error": {"message": "Provider returned error", "code": 503}}),
    ok({"error": {"message": "Rate limit exceeded", "code": 429}}),
    ok({"error": {"message": "slow down", "code": "429"}}),
    ok({"error": {"message": "rate limit reached for requests"}}),
    ok({"error": "the model is overloaded, try again"}),
    ok({"error": {"type": "overloaded_error", "message": "Overloaded"}}),
    ok({"choices": []}),
    ok({"choices": None}),
    ok({"id": "x"}),
    ok({"choices": [{"index": 0, "error": {"code": 502, "message": "Upstream"}, "finish_reason": "error"}]}),
    ok(
        {
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "error"}
            ]
        }
    ),
    Reply(malformed=True),
]


@pytest.mark.parametrize("reply", LATER, ids=lambda reply: json.dumps(reply.body))
@pytest.mark.parametrize("heard", [False, True])
async def test_an_error_in_a_200_is_asked_again(
    reply: Reply, heard: bool, model: str, server: ModelServer
) -> None:
    """As if the status had said so, on the short way and on LangChain's own."""
    from langchain_core.callbacks import BaseCallbackHandler

    server.always(Reply(text="fine"))
    server.on(lambda _: True, reply, times=1)
    config: Any = {"callbacks": [BaseCallbackHandler()]} if heard else None
    with recording() as calls:
        assert await Ask("{text}", model=model, limits=QUICK).ainvoke("x", config) == "fine"
    assert [call.ok for call in calls.values()] == [False, True]
    said = json.dumps(reply.body).lower()
    assert any(call.throttled for call in calls.values()) is ("429" in said or "rate limit" in said)


def error(status: int, **fields: str) -> Reply:
    """Return an error as OpenAI writes it."""
    return Reply(status=status, body={"error": fields})


LASTING = [
    (ok({"error": "Unexpected endpoint or method. (POST /chat/completions)"}), "address", "ends in /v1"),
    (ok("<!DOCTYPE html><html><body>Welcome</body></html>"), "address", "web page"),
    (Reply(status=404, body="<html>not found</html>"), "address", "web page"),
    (Reply(status=404, body={"detail": "Not Found"}), "address", "ends in /v1"),
    (ok({"error": {"message": "No auth credentials found", "code": 401}}), "key", "check OPENAI_API_KEY"),
    (
        error(401, message="Incorrect API key provided: sk-abc123456."),
        "key",
        r"\*\*\*",
    ),
    (
        error(400, message="API key not valid. Please pass a valid API key."),
        "key",
        "",
    ),
    (error(403, message="Country not supported"), "permission", "may not use"),
    (
        error(404, message="model 'x' not found, try pulling it first"),
        "model",
        "name",
    ),
    (error(400, message="Invalid model: x"), "model", "no such model"),
    (
        error(404, code="model_not_found", message="no"),
        "model",
        "no such model",
    ),
    (error(402, message="Insufficient credits"), "quota", "check its plan"),
    (
        error(429, code="insufficient_quota", message="no"),
        "quota",
        "check its plan",
    ),
    (
        error(429, message="You exceeded your current quota"),
        "quota",
        "check its plan",
    ),
]


@pytest.mark.parametrize(("reply", "kind", "words"), LASTING)
async def test_what_lasts_is_asked_once(
    reply: Reply, kind: str, words: str, model: str, server: ModelServer
) -> None:
    """The text names the endpoint, the model and the way out, and holds no key."""
    server.always(reply)
    with pytest.raises(Exception) as raised:  # noqa: PT011 - of the provider
        await Ask("{text}", model=model, limits=QUICK).ainvoke("x")
    text = describe(raised.value)
    assert kind_of(raised.value) == kind
    assert f"from {server.url}: " in text
    assert "test-model" in text
    assert "sk-abc" not in text
    assert len(server.requests) == 1
    import re

    assert re.search(words, text)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (429, "You exceeded your current quota, please check your plan and billing details; retry in 34s"),
        (429, "Quota exceeded for requests per minute"),
        (429, "Request too large on tokens per min (TPM): Limit 30000"),
    ],
)
async def test_a_quota_that_comes_back_is_a_rate(
    status: int, message: str, model: str, server: ModelServer
) -> None:
    """It is waited for."""
    server.always(Reply(status=status, body={"error": {"message": message}}))
    with pytest.raises(Exception) as raised:  # noqa: PT011 - of the provider
        await Ask("{text}", model=model, limits=Limits(patience=0)).ainvoke("x")
    assert kind_of(raised.value) == "throttled"


@pytest.mark.parametrize("status", [503, 529])
async def test_an_overload_says_later_for_as_long_as_patience_lasts(
    status: int, model: str, server: ModelServer
) -> None:
    """It is no failed attempt."""
    server.always(Reply(text="fine"))
    server.on(lambda _: True, Reply(status=status), times=6)
    ask = Ask("{text}", model=model, limits=Limits(attempts=1, backoff=0.001, patience=30))
    assert await ask.ainvoke("x") == "fine"
    assert len(server.requests) == 7


async def test_an_answer_that_cannot_be_read_says_what_was_expected(model: str, server: ModelServer) -> None:
    """After the last attempt."""
    server.always(ok({"choices": [{"index": 0}]}))
    with pytest.raises(EndpointError, match=r"expected choices\[0\].message"):
        await Ask("{text}", model=model, limits=QUICK).ainvoke("x")


# the context of the model


OVERFLOWS = [
    (400, {"message": "This model's maximum context length is 8192 tokens. However, you requested 9000."}),
    (400, {"code": "context_length_exceeded", "message": "no"}),
    (
        400,
        {"type": "exceed_context_size_error", "message": "request exceeds the available context"},
    ),
    (400, {"message": "prompt is too long: 210000 tokens > 200000 maximum"}),
    (
        400,
        {"message": "The input token count (1200000) exceeds the maximum number of tokens allowed."},
    ),
    (400, {"message": "Please reduce the length of the messages or completion."}),
    (
        400,
        {
            "message": "Trying to keep the first 5000 tokens when context the overflows. However, "
            "the model is loaded with context length of only 4096 tokens"
        },
    ),
    (422, {"message": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096."}),
    (413, {"message": "Request too large: too many tokens"}),
    (400, {"message": "The prompt exceeds the context window of the model"}),
    (500, {"message": "the input length exceeds the context length"}),
]


@pytest.mark.parametrize(("status", "error"), OVERFLOWS, ids=str)
async def test_a_prompt_that_is_too_long_is_a_cause_of_its_own(
    status: int, error: dict[str, str], model: str, server: ModelServer
) -> None:
    """It is not asked again, and names the size and the setting."""
    server.always(Reply(status=status, body={"error": error}))
    with pytest.raises(Exception) as raised:  # noqa: PT011 - of the provider
        await mood(model).ainvoke("x")
    assert kind_of(raised.value) == "context"
    assert "lower section_tokens (--max-tokens)" in describe(raised.value)
    assert "tokens is longer than the context" in describe(raised.value)
    assert len(server.requests) == 1


async def test_a_prompt_that_was_cut_in_silence_is_noticed(model: str, server: ModelServer) -> None:
    """A server that has read just as many tokens as its context holds has not read the rest."""
    text = "a word and another one\n" * 2000
    server.always(Reply(text="fine", usage=(2047, 5)))
    with (
        recording() as calls,
        pytest.raises(ContextOverflow, match="read 2,047 tokens of a prompt of about"),
    ):
        await Ask("{text}", model=model).ainvoke(text)
    assert [call.usage.input_tokens for call in calls.values()] == [2047]
    server.always(Reply(text="fine", usage=(9000, 5)))
    assert await Ask("{text}", model=model).ainvoke(text) == "fine"
    server.always(Reply(text="fine", usage=(2047, 5)))
    assert await Ask("{text}", model=model).ainvoke("a word\n" * 1500) == "fine"
