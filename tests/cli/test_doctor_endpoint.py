"""The command `doctor` asks an endpoint: what it says of each kind of server."""

import socket
import ssl
from collections.abc import Mapping
from typing import Any

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.doctor import endpoint
from langgraph_parallel.runtime.explain import explain
from langgraph_parallel.runtime.rate_headers import seen_rates
from langgraph_parallel.runtime.redact import describe
from tests.cli.doctor import ANSWER, Doctor, completion, make_able, refuse
from tests.support.providers import Answer, ProviderServer
from tests.support.server import Gate, ModelServer, Reply
from tests.support.traces import traces

LIST = {"data": [{"id": "test-model-2"}, {"id": "elephant"}, {"id": "test-models"}]}


@pytest.fixture
def doctor(model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """The command, for the model of the server."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    return Doctor(monkeypatch, capsys)


def test_an_endpoint_that_takes_everything(doctor: Doctor, server: ModelServer) -> None:
    """Every part is found, by a handful of calls, and nothing is a problem."""
    make_able(server, {"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499"})
    found = doctor.found()
    assert doctor.code == 0
    values = {name: checks[0].value for name, checks in found.items() if checks[0].section == "endpoint"}
    assert values.pop("address") == server.url
    assert values.pop("answers") > 0  # type: ignore[operator]
    streaming: Any = values.pop("streaming")
    assert (streaming["taken"], streaming["usage"]) == ("yes", True)
    assert streaming["first_seconds"] > 0
    cost: Any = values.pop("cost")
    assert cost["calls"] == len(server.requests) == 7
    assert cost["input_tokens"] > 0
    assert values == {
        "usage": True,
        "models": {"listed": 2, "context_window": 4096},
        "structured_output": {"format": "json_schema", "obeyed": True, "usable": True},
        "answer_ceiling": {"max_completion_tokens": "yes", "max_tokens": "yes"},
        "temperature": "yes",
        "seed": "yes",
        "n": "yes",
        "tools": "yes",
        "cached_tokens": 4,
        "rates": [{"of": "requests", "limit": 500.0, "left": 499.0, "reset": None}],
    }
    assert all(checks[0].status == "ok" for checks in found.values() if checks[0].section == "endpoint")


UNUSABLE: Mapping[str, tuple[Reply, str, str, str]] = {
    "wrong key": (Reply(status=401), "key", "401 from", "set the key"),
    "no right": (Reply(status=403), "permission", "may not use this model", "permit the model"),
    "no such model": (
        Reply(status=404, body={"error": {"code": "model_not_found", "message": "no such model"}}),
        "model",
        "there is no such model",
        "it lists test-models, test-model-2",
    ),
    "no such path": (
        Reply(status=404, body="<html>nothing</html>"),
        "address",
        "nothing answers at this address",
        "correct OPENAI_BASE_URL",
    ),
    "a web page": (
        Reply(body="<html>hello</html>"),
        "address",
        "nothing answers at this address",
        "correct OPENAI_BASE_URL",
    ),
    "a rate": (Reply(status=429, headers={"retry-after": "20"}), "throttled", "429", "try again in 20 s"),
    "a spent quota": (
        Reply(status=429, body={"error": {"code": "insufficient_quota", "message": "pay"}}),
        "quota",
        "quota or the credit",
        "add credit",
    ),
    "a failure": (Reply(status=500), "server", "500 from", "look at the server's own log"),
    "an overload": (Reply(status=529), "overloaded", "529 from", "try again later"),
    "a broken connection": (Reply(disconnect=True), "connection", "cannot reach", "OPENAI_BASE_URL"),
    "silence": (Reply(hang=True), "timeout", "no answer from test-model within 0.3 s", "raise --timeout"),
    "a cut body": (Reply(malformed=True), "connection", "", ""),
    "another answer": (Reply(body={"hello": "world"}), "server", "not a chat completion", "log"),
    "no choice": (Reply(body={"choices": []}), "server", "not a chat completion", "log"),
    "an error in a 200": (Reply(body={"error": {"message": "out of memory"}}), "server", "memory", "log"),
}
"""What a server answers; what that means, what is said, and the way out."""


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_endpoint_that_does_not_answer(
    doctor: Doctor, server: ModelServer, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says why and one the way out; the exit code is 1, and nothing else is asked."""
    monkeypatch.setattr(endpoint, "_LONGEST_PAUSE", 0.1)  # a 529 is not waited out
    reply, kind, said, way_out = UNUSABLE[case]
    server.always(reply)
    server.models = LIST
    found = doctor.found("--timeout", "0.3" if reply.hang else "30")
    [check] = found["answers"]
    assert (check.status, check.value) == ("problem", kind)
    assert said in check.text
    assert way_out in check.way_out
    assert "Error:" not in check.text
    assert doctor.code == 1
    assert "structured_output" not in found
    assert len({request.prompt for request in server.requests}) <= 1


@pytest.mark.parametrize(
    ("scheme", "advice"), [("http", "is the server running?"), ("https", "does not speak TLS")]
)
def test_a_server_that_cannot_be_reached(
    doctor: Doctor, server: ModelServer, scheme: str, advice: str
) -> None:
    """No server at the port, and one that does not speak TLS."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"https://127.0.0.1:{server.port}/v1" if scheme == "https" else f"http://127.0.0.1:{port}/v1"
    [check] = doctor.found("--base-url", url)["answers"]
    assert (check.status, check.value) == ("problem", "connection")
    assert f"cannot reach {url}: " in check.text
    assert advice in check.text


@pytest.mark.parametrize(
    ("root", "advice"),
    [
        (socket.gaierror(-2, "Name or service not known"), "its name is not known"),
        (ssl.SSLCertVerificationError(1, "self-signed certificate"), "its certificate is not trusted"),
        (ssl.SSLError(1, "wrong version number"), "it does not speak TLS"),
        (ConnectionRefusedError(111, "refused"), "is the server running?"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_why_a_server_cannot_be_reached_is_said(root: Exception, advice: str) -> None:
    """A name, a certificate, TLS and a port have each another way out."""
    error = ConnectionError("Connection error.")
    error.__cause__ = root
    explain(error, endpoint="https://a.example/v1", model="m")
    assert f"cannot reach https://a.example/v1: {advice}" in describe(error)


def test_an_address_without_a_name_in_the_list(doctor: Doctor, server: ModelServer) -> None:
    """A model that answers although the list does not have it is no problem."""
    make_able(server)
    server.models = LIST
    [check] = doctor.found()["models"]
    assert check.status == "ok"
    assert "test-model is none of them, but answers" in check.text


@pytest.mark.parametrize(
    "body",
    [[], "x", {"data": 3}, {"data": [1, None, {"id": 7}]}, {"models": [{"name": "a"}]}, ["a", "b"], {}],
)
def test_a_list_of_models_may_have_any_form(doctor: Doctor, server: ModelServer, body: Any) -> None:
    """A list that cannot be read leaves the models unknown; everything else is found."""
    make_able(server)
    server.models = body
    found = doctor.found()
    assert found["models"][0].status in ("ok", "unknown")
    assert found["n"][0].value == "yes"


@pytest.mark.parametrize(
    ("parameter", "named"),
    [
        *(
            (name, True)
            for name in ("temperature", "seed", "n", "tools", "max_tokens", "max_completion_tokens")
        ),
        *((name, False) for name in ("temperature", "seed", "n", "tools", "max_completion_tokens")),
    ],
)
def test_a_parameter_that_is_refused(
    doctor: Doctor, server: ModelServer, parameter: str, named: bool
) -> None:
    """It is named, whether or not the error names it in a field; the others are found all the same."""
    make_able(server)
    said = f"Unsupported parameter: '{parameter}' is not supported" if named else "Bad request body."
    refuse(server, parameter, said, named=named)
    found = doctor.found()
    assert doctor.code == 0
    ceiling: Any = found["answer_ceiling"][0].value
    taken = {name: found[name][0].value for name in ("temperature", "seed", "n", "tools")} | ceiling
    assert taken == dict.fromkeys(taken, "yes") | {parameter: "refused"}
    place = "answer_ceiling" if parameter in ceiling else parameter
    assert said.rstrip(".") in found[place][0].text


def test_a_record_that_cannot_be_asked_for_is_a_problem(doctor: Doctor, server: ModelServer) -> None:
    """A ceiling that is refused without a word of it: a run would not get a record either."""
    make_able(server)
    refuse(server, "max_tokens", "Bad request body.", named=False)
    found = doctor.found()
    assert found["answers"][0].status == "ok"
    assert found["structured_output"][0].status == "problem"
    assert found["answer_ceiling"][0].value == {"max_completion_tokens": "yes", "max_tokens": "refused"}
    assert run(["vote", "Is it red?", "--choices", "yes,no", "--voters", "1"]) == 2


def test_parameters_that_are_ignored(doctor: Doctor, server: ModelServer) -> None:
    """One answer where two were asked for, text for a tool, a long answer for a short one."""
    make_able(server)
    server.on("numbers from 1 to 40", Reply(text="1 2 3", usage=(20, 90)))
    server.on(lambda request: bool(request.body.get("tools")), ANSWER)
    server.on(lambda request: bool(request.body.get("n")), Reply(samples=[ANSWER]))
    found = doctor.found()
    assert doctor.code == 0
    assert found["answer_ceiling"][0].status == "warning"
    assert found["answer_ceiling"][0].value == {"max_completion_tokens": "ignored", "max_tokens": "ignored"}
    assert [found[name][0].value for name in ("n", "tools")] == ["ignored", "ignored"]


@pytest.mark.parametrize(
    ("refused", "format", "status"),
    [
        ([], "json_schema", "ok"),
        (["json_schema"], "json_object", "warning"),
        (["json_schema", "json_object"], "text", "warning"),
    ],
)
def test_how_records_are_asked_for(
    doctor: Doctor, server: ModelServer, refused: list[str], format: str, status: str
) -> None:
    """A format that is refused gives way to the next, as in a run; records come all the same."""
    make_able(server)
    for name in refused:
        refuse(server, name, f"response_format {name} is not available", named=False)
    if refused:
        server.on("Note any word", ANSWER)
    for name in refused:
        refuse(server, name, f"response_format {name} is not available", named=False)
    [check] = doctor.found()["structured_output"]
    obeyed = format == "json_schema"
    assert (check.status, check.value) == (status, {"format": format, "obeyed": obeyed, "usable": True})


def test_a_schema_that_is_taken_and_not_obeyed(doctor: Doctor, server: ModelServer) -> None:
    """The form in the prompt is what makes records then; the line says so."""
    make_able(server)
    server.on("Note any word", Reply(text="Sure! The word is tree."))
    [check] = doctor.found()["structured_output"]
    assert check.status == "warning"
    assert "the form in the prompt is followed" in check.text


def test_a_model_that_gives_no_records_is_a_problem(doctor: Doctor, server: ModelServer) -> None:
    """Votes and reviews would fail, so the exit code is 1."""
    make_able(server)
    server.on("Note any word", ANSWER)
    server.on("Name any colour", ANSWER)
    [check] = doctor.found()["structured_output"]
    assert check.status == "problem"
    assert doctor.code == 1
    assert check.way_out


def test_a_server_that_does_not_stream(doctor: Doctor, server: ModelServer) -> None:
    """It answers with a whole body, or refuses, or says nothing of tokens."""
    make_able(server)
    server.on(lambda request: bool(request.body.get("stream")), Reply(body=completion("OK")))
    [check] = doctor.found()["streaming"]
    assert check.status in ("warning", "unknown")
    refuse(server, "stream_options", "stream is not supported")
    [check] = doctor.found()["streaming"]
    assert check.status == "unknown"
    assert "stream is not supported" in check.text
    assert doctor.code == 0


def test_a_server_that_counts_no_tokens(doctor: Doctor, server: ModelServer) -> None:
    """Budgets of tokens would miss its answers, which is a warning."""
    make_able(server)
    server.on("Answer with the word OK", Reply(text="OK", usage=None))
    found = doctor.found()
    assert found["usage"][0].status == "warning"
    assert found["streaming"][0].status == "warning"


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("response_format", "structured_output"),
        ("n", "n"),
        ("tools", "tools"),
        ("seed", "seed"),
        ("stream", "streaming"),
    ],
)
@pytest.mark.parametrize("case", ["silence", "a failure", "a broken connection", "another answer"])
def test_a_part_that_fails_is_a_line(
    doctor: Doctor, server: ModelServer, where: str, name: str, case: str
) -> None:
    """One request hangs, breaks or answers nonsense: that part stays open, and the others are found."""
    make_able(server)
    server.on(lambda request: bool(request.body.get(where)), UNUSABLE[case][0])
    found = doctor.found("--timeout", "2")
    assert found[name][0].status in ("unknown", "missing", "warning", "problem")
    others = {"n": "tools"}.get(name, "n")
    assert found[others][0].value == "yes"
    assert found["cost"]


def test_an_endpoint_that_falls_silent_costs_a_bounded_time(doctor: Doctor, server: ModelServer) -> None:
    """It answers once, and never again: what is not found out in time stays open."""
    gate = Gate()
    server.always(Reply(text="OK", gate=gate))
    server.on(lambda request: len(server.requests) == 1, ANSWER)
    found = doctor.found("--timeout", "2")
    gate.open()
    assert found["answers"][0].status == "ok"
    parts = ("structured_output", "n", "tools", "temperature", "seed", "answer_ceiling", "streaming")
    assert {found[name][0].status for name in parts} == {"unknown"}
    assert any("not found out within 4 s; raise --timeout" in found[name][0].text for name in parts)


def test_text_of_a_server_is_shown_without_its_control_characters(
    doctor: Doctor, server: ModelServer
) -> None:
    """An error may try to control the terminal, and to be long."""
    server.always(Reply(status=400, body={"error": {"message": "\x1b[2J\x1b]0;owned\x07" + "a" * 5000}}))
    text = doctor.text()
    assert "\x1b" not in text
    assert "\x07" not in text
    assert max(map(len, text.splitlines())) < 400


def test_a_server_whose_numbers_lie(doctor: Doctor, server: ModelServer) -> None:
    """Counts and headers of any form break nothing."""
    headers = {
        "x-ratelimit-limit-requests": "9" * 400,
        "x-ratelimit-remaining-tokens": "many",
        "ratelimit-limit": "-1",
    }
    make_able(server, headers)
    usage = {"prompt_tokens": "x", "completion_tokens": -3, "prompt_tokens_details": [1]}
    server.on(lambda request: request.body.get("n") == 2, Reply(body=completion("a", "b", usage=usage)))
    found = doctor.found()
    assert found["n"][0].value == "yes"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"},
            [("tokens", None, 0, 360)],
        ),
        ({"x-ratelimit-limit": "60", "x-ratelimit-remaining": "59"}, [("requests", 60, 59, None)]),
        ({"ratelimit-limit": "100;w=60", "ratelimit-remaining": "50"}, [("requests", 100, 50, None)]),
        (
            {"anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "49"},
            [("requests", 50, 49, None)],
        ),
        ({"x-ratelimit-limit-requests": "nan"}, []),
        ({}, []),
    ],
    ids=str,
)
def test_headers_of_rates_are_read(headers: dict[str, str], expected: list[tuple[Any, ...]]) -> None:
    """Those of OpenAI, of Anthropic, of gateways, and of the draft standard."""
    assert seen_rates(headers, now=0) == expected


def test_nothing_of_it_is_traced(
    doctor: Doctor, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doctor's own calls go to the endpoint alone, also while traces are on."""
    from langsmith import tracing_context

    make_able(server)
    with traces() as sink, tracing_context(enabled=True, client=sink.client):
        doctor.found()
        sink.client.flush()
        assert server.requests
        assert not sink.runs


def test_a_run_meets_what_the_doctor_has_said(doctor: Doctor, server: ModelServer) -> None:
    """The doctor goes the way of every call, so a run in the same process has learned from it."""
    make_able(server)
    refuse(server, "json_schema", "response_format json_schema is not available", named=False)
    [check] = doctor.found()["structured_output"]
    assert "a schema is refused" in check.text
    server.requests.clear()
    server.on("Is it red?", Reply(json={"rationale": "r", "choice": "yes"}))
    assert run(["vote", "Is it red?", "--choices", "yes,no", "--voters", "1"]) == 0
    assert [request.body["response_format"]["type"] for request in server.requests] == ["json_object"]


def test_a_provider_with_a_protocol_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of Anthropic's, texts, records and streams are tried, and single parameters are not."""
    pytest.importorskip("langchain_anthropic", reason="needs langchain-anthropic; CI has it")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-not-a-real-key")
    with ProviderServer() as server:
        for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL"):
            monkeypatch.setenv(name, server.url)
        server.on("word OK", Answer(text="OK"))
        server.on("Note any word", Answer(json={"noted_word": "tree"}))
        found = Doctor(monkeypatch, capsys).found("--model", "anthropic:claude-x")
    statuses = {
        name: found[name][0].status for name in ("answers", "structured_output", "streaming", "usage")
    }
    assert set(statuses.values()) == {"ok"}
    assert found["parameters"][0].status == "unknown"
    cost: Any = found["cost"][0].value
    assert (cost["calls"], cost["usd"]) == (3, None)
