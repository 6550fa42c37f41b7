"""POST requests below the HTTP client: what the client would have done with a request, and nothing else."""

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from aiohttp import web
from openai import APIConnectionError, DefaultAioHttpClient

from langgraph_parallel.runtime.direct import Direct
from langgraph_parallel.runtime.models import get_model
from langgraph_parallel.runtime.short_post import ShortPost
from langgraph_parallel.runtime.transport import http_client
from tests.support.server import ModelServer, Reply

BODY = {"model": "test-model", "messages": [{"role": "user", "content": "hello"}]}
COMPLETION = {"choices": [{"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}


async def _prepared(name: str) -> Direct:
    direct = Direct.of(await get_model(name), {})
    assert direct is not None
    return direct


def _by_the_client(direct: Direct) -> Direct:
    """Let the client send everything from now on."""
    assert direct._short is not None
    direct._short = None
    return direct


async def _outcome(direct: Direct) -> Any:
    """Return the answer to a request, or what its error says: kinds, words, status, and body."""
    try:
        return await direct.post(BODY)
    except Exception as error:
        cause = error.__cause__ and type(error.__cause__)
        return (
            type(error),
            str(error),
            cause,
            getattr(error, "status_code", None),
            getattr(error, "body", None),
        )


@asynccontextmanager
async def _answering(handler: Any) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)
    app.router.add_post("/v1/moved", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(text="fine"),
        Reply(status=400),
        Reply(status=429, headers={"retry-after": "7"}),
        Reply(status=500),
        Reply(status=529),
        Reply(malformed=True),
        Reply(disconnect=True),
        Reply(body="<html>a page</html>"),
        Reply(body={"choices": []}),
        Reply(body={"error": {"message": "overloaded", "code": 503}}),
        Reply(body={"choices": [{"finish_reason": "error", "message": {"content": ""}}]}),
        Reply(body={"nothing": 1}),
        Reply(status=201, body=COMPLETION),
    ],
    ids=[
        "fine",
        "bad request",
        "throttled",
        "failed",
        "overloaded",
        "malformed",
        "disconnected",
        "page",
        "no choices",
        "error in a success",
        "error in a choice",
        "other JSON",
        "created",
    ],
)
async def test_answers_and_errors_are_those_of_the_client(
    model: str, server: ModelServer, reply: Reply
) -> None:
    """Whatever an endpoint says, a caller cannot tell which way the request went."""
    direct = await _prepared(model)
    server.always(reply)
    short = await _outcome(direct)
    assert str(short) == str(await _outcome(_by_the_client(direct)))
    assert len(server.requests) == 2


async def test_an_endpoint_that_is_gone_raises_what_the_client_raises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A refused connection is the same error on either way."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{free.getsockname()[1]}/v1")
    direct = await _prepared("openai:m")
    short = await _outcome(direct)
    assert issubclass(short[0], APIConnectionError)
    assert str(short) == str(await _outcome(_by_the_client(direct)))


async def test_the_client_follows_a_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that redirects is left to the client, from then on for every request."""
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        if not request.path.endswith("moved"):
            return web.Response(status=308, headers={"location": "/v1/moved"})
        return web.json_response(COMPLETION)

    async with _answering(handler) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        direct = await _prepared("openai:m")
        assert await direct.post(BODY) == COMPLETION
        assert seen == ["/v1/chat/completions", "/v1/chat/completions", "/v1/moved"]
        assert await direct.post(BODY) == COMPLETION
        assert seen[3:] == ["/v1/chat/completions", "/v1/moved"]


async def test_compressed_answers_and_cookies_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that the server compressed is read, and a cookie that it set comes back to it, on either way."""
    cookies: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        cookies.append(request.cookies.get("session"))
        response = web.json_response(COMPLETION)
        response.enable_compression(web.ContentCoding.gzip)
        response.set_cookie("session", "7")
        return response

    async with _answering(handler) as url:
        # Cookies are kept for names only, not for addresses.
        monkeypatch.setenv("OPENAI_BASE_URL", url.replace("127.0.0.1", "localhost"))
        direct = await _prepared("openai:m")
        assert await direct.post(BODY) == COMPLETION
        assert await direct.post(BODY) == COMPLETION
        assert await _by_the_client(direct).post(BODY) == COMPLETION
    assert cookies == [None, "7", "7"]


async def test_the_clients_log_notes_each_request(
    model: str, server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Who reads the client's log finds the same line for every request, whichever way it went."""
    direct = await _prepared(model)
    with caplog.at_level(logging.INFO, "httpx2"):
        await direct.post(BODY)
        await _by_the_client(direct).post(BODY)
    short, long = [record for record in caplog.records if record.name == "httpx2"]
    assert short.getMessage() == long.getMessage()
    assert "chat/completions" in short.getMessage()


async def test_only_a_client_of_ours_without_a_proxy_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of the caller's, and one that sends through a proxy, send everything themselves."""
    url = httpx2.URL("http://example.invalid/v1/chat/completions")
    async with DefaultAioHttpClient() as client:
        assert ShortPost.of(client, url, {}, {}) is None
    async with httpx2.AsyncClient() as plain:
        assert ShortPost.of(plain, url, {}, {}) is None
    assert ShortPost.of(await http_client("plain"), url, {}, {}) is not None
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert ShortPost.of(await http_client("through a proxy"), url, {}, {}) is None
