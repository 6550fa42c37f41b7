"""What servers repeat of keys in their errors: masked before anybody reads it."""

import json
from typing import Any

import httpx2
import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_parallel import Ask
from langgraph_parallel.runtime import redact as masking
from langgraph_parallel.runtime.account import Account
from langgraph_parallel.runtime.redact import note_secrets, redact
from langgraph_parallel.runtime.response import mask_error
from tests.support.server import ModelServer, Reply

PLAIN = "a key that looks like none"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know no key of models of other tests."""
    monkeypatch.setattr(masking, "_noted", {})


def answered(content: bytes, kind: str = "application/json") -> httpx2.Response:
    """Return an answer of 401."""
    return httpx2.Response(401, content=content, headers={"content-type": kind})


@pytest.mark.parametrize(
    ("body", "masked"),
    [
        pytest.param(
            {"error": {"message": f"wrong: {PLAIN}"}}, {"error": {"message": "wrong: ***"}}, id="text"
        ),
        pytest.param({"a": [1, None, {"b": PLAIN}]}, {"a": [1, None, {"b": "***"}]}, id="nested"),
        pytest.param({"error": "Bearer sk-0123456789"}, {"error": "***"}, id="header"),
        pytest.param(
            {"error": {"code": "invalid_api_key"}}, {"error": {"code": "invalid_api_key"}}, id="none"
        ),
    ],
)
def test_json_stays_json(body: Any, masked: Any) -> None:
    """Texts in it are masked, and nothing else is changed; also if it was read before."""
    note_secrets([PLAIN])
    response = answered(json.dumps(body).encode())
    assert response.text
    mask_error(response)
    assert response.json() == json.loads(response.text) == masked


def test_other_bodies_are_masked_as_text() -> None:
    """A page, and bytes that are no text."""
    note_secrets([PLAIN])
    response = answered(b"<p>" + PLAIN.encode() + b"\xff</p>", "text/html")
    mask_error(response)
    assert response.content.startswith(b"<p>***")


def test_a_body_without_a_secret_stays_as_it_is() -> None:
    """Byte for byte."""
    response = answered(b'{"error":  {"message": "no"}}')
    mask_error(response)
    assert response.content == b'{"error":  {"message": "no"}}'


def test_keys_of_models_are_known_and_short_ones_are_none() -> None:
    """As many as are remembered; a word such as `test` would make errors unreadable."""
    for number in range(1005):
        note_secrets([f"plain key {number:04d}"])
    note_secrets(["test", None, lambda: "x" * 20])
    assert redact("test plain key 0004 plain key 0005") == "test plain key 0004 ***"
    Account.of(ChatOpenAI(model="own", api_key=SecretStr(PLAIN)))
    assert redact(f"wrong: {PLAIN}") == "wrong: ***"


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
async def test_the_error_of_a_call_has_none(server: ModelServer, streams: bool) -> None:
    """In its text, its body and its response, which LangChain passes on to tracers."""
    server.always(Reply(status=401, body={"error": {"message": f"wrong: {PLAIN}"}}))
    model = ChatOpenAI(model="own", base_url=server.url, api_key=SecretStr(PLAIN), streaming=streams)
    with pytest.raises(Exception, match="wrong") as caught:
        await Ask("{question}", model=model).ainvoke("?")
    error: Any = caught.value
    said = [str(error), repr(error.body), error.response.text, repr(error.__cause__), repr(error.__context__)]
    assert [text for text in said if PLAIN in text] == []
