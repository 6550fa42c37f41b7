"""A server on loopback that speaks the wire formats of four providers, and answers and fails on command.

    with ProviderServer() as server:
        server.on("Is it safe?", Answer(json={"choice": "yes"}))
        server.on("#2", Answer(failure="overloaded"))
        model = ChatAnthropic(model="claude-x", api_key="k", base_url=server.anthropic_url)

Azure's chat completions, OpenAI's Responses API, Anthropic's Messages API and Gemini's generateContent, each
whole and streamed. Answers are chosen by the text of the prompt; the last rule that matches wins.
"""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from aiohttp import web

from tests.support.provider_answers import Answer, Part
from tests.support.provider_errors import Provider, error_body, error_of, is_failure
from tests.support.provider_openai import azure, azure_parts, response, response_parts
from tests.support.provider_others import generated, generated_parts, message, message_parts

__all__ = ["Answer", "Provider", "ProviderRequest", "ProviderServer"]

_WHOLE: Final[Mapping[Provider, Callable[[dict[str, Any], Answer], dict[str, Any]]]] = {
    "azure": azure,
    "responses": response,
    "anthropic": message,
    "gemini": generated,
}
_PARTS: Final[Mapping[Provider, Callable[[dict[str, Any], Answer], Iterator[Part]]]] = {
    "azure": azure_parts,
    "responses": response_parts,
    "anthropic": message_parts,
    "gemini": generated_parts,
}
_PROMPT = ("instructions", "system", "systemInstruction", "messages", "input", "contents")
_NESTED = ("content", "parts", "text")


@dataclass
class ProviderRequest:
    """A request, as the server received it."""

    provider: Provider
    body: dict[str, Any]
    headers: dict[str, str]
    path: str

    @property
    def prompt(self) -> str:
        """All texts of the prompt as one."""
        return "\n\n".join(text for key in _PROMPT for text in _texts(self.body.get(key)))


class ProviderServer:
    """The server, in a thread of its own: sync code and any event loop can call it.

    Args:
        keeps_connections: let clients use a connection again. Some clients that LangChain caches outlive
            their event loop, and break in the next one if they may.
    """

    def __init__(self, *, keeps_connections: bool = False) -> None:
        self._keeps_connections = keeps_connections
        self.requests: list[ProviderRequest] = []
        self._rules: list[tuple[str, Answer, int | None]] = []
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port = 0

    @property
    def url(self) -> str:
        """The address without a path: what Azure's, Anthropic's and Google's classes take."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """The address for `ChatOpenAI`."""
        return f"{self.url}/v1"

    def on(self, text: str, answer: Answer, *, times: int | None = None) -> None:
        """Add a rule for prompts that contain a text; the last one that matches wins.

        Args:
            text: in the prompt.
            answer: to such prompts.
            times: number of requests after which the rule no longer applies; None for all.
        """
        with self._lock:
            self._rules.append((text, answer, times))

    def asked(self, text: str) -> list[ProviderRequest]:
        """Return the requests whose prompt contains a text."""
        return [request for request in self.requests if text in request.prompt]

    def __enter__(self) -> Self:
        try:  # here, where an error is raised to whoever starts the server
            self._listening = socket.create_server(("127.0.0.1", 0))
        except OSError:
            self._loop.close()
            raise
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=2**26)
        routes: dict[str, Provider] = {
            "/openai/deployments/{model}/chat/completions": "azure",
            "/v1/responses": "responses",
            "/v1/messages": "anthropic",
            r"/{version:v1|v1beta}/models/{model}:{method}": "gemini",
        }
        for path, provider in routes.items():
            app.router.add_post(path, self._handler(provider))
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.SockSite(runner, self._listening).start())
        self.port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def _handler(self, provider: Provider) -> Callable[[web.Request], Any]:
        async def handle(raw: web.Request) -> web.StreamResponse:
            body = await raw.json()
            request = ProviderRequest(provider, body, dict(raw.headers), raw.path_qs)
            answer = self._answer_to(request)
            await asyncio.sleep(answer.delay)
            is_stream = bool(body.get("stream")) or "streamGenerateContent" in raw.path
            made = _failed(provider, answer, is_stream=is_stream)
            if made is None and is_stream:
                return await self._stream(raw, provider, body, answer)
            made = made or web.json_response(_WHOLE[provider](body, answer), headers=answer.headers)
            if not self._keeps_connections:
                made.force_close()
            return made

        return handle

    async def _stream(
        self, raw: web.Request, provider: Provider, body: dict[str, Any], answer: Answer
    ) -> web.StreamResponse:
        sent = web.StreamResponse(headers={"Content-Type": "text/event-stream", **answer.headers})
        if not self._keeps_connections:
            sent.force_close()
        await sent.prepare(raw)
        for name, data in _events(provider, body, answer):
            head = f"event: {name}\n" if name else ""
            await sent.write(f"{head}data: {json.dumps(data)}\n\n".encode())
        if provider == "azure":
            await sent.write(b"data: [DONE]\n\n")
        return sent

    def _answer_to(self, request: ProviderRequest) -> Answer:
        with self._lock:
            self.requests.append(request)
            for index, (text, answer, times) in reversed(list(enumerate(self._rules))):
                if times != 0 and text in request.prompt:
                    self._rules[index] = (text, answer, None if times is None else times - 1)
                    return answer
        return Answer()


def _texts(node: Any) -> Iterator[str]:
    """Yield the texts of a part of a prompt, in any provider's form."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for item in node:
            yield from _texts(item)
    elif isinstance(node, dict):
        for key in _NESTED:
            yield from _texts(node.get(key))


def _failed(provider: Provider, answer: Answer, *, is_stream: bool) -> web.Response | None:
    """Return the error that a request gets; None if it gets an answer."""
    failure = answer.failure
    if failure is None and answer.end == "prompt_blocked" and provider in {"azure", "responses"}:
        failure = "prompt_blocked"
    if (
        failure is None
        or not is_failure(provider, failure)
        or (answer.late and (is_stream or provider == "responses"))
    ):
        return None
    headers = dict(answer.headers)
    if answer.retry_after is not None and provider != "gemini":
        headers["retry-after"] = f"{answer.retry_after:g}"
    body = error_body(provider, failure, answer.retry_after)
    status = answer.status or error_of(provider, failure).status
    return web.json_response(body, status=status, headers=headers)


def _events(provider: Provider, body: dict[str, Any], answer: Answer) -> Iterator[Part]:
    """Yield the events of a stream, and of one that fails late a half of them and the error."""
    parts = list(_PARTS[provider](body, answer))
    if not answer.late or answer.failure is None:
        yield from parts
        return
    yield from parts[: max(2, len(parts) // 2)]
    error = error_body(provider, answer.failure, answer.retry_after)
    if provider == "responses":
        yield "error", {**error["error"], "type": "error", "sequence_number": 99}
    else:
        yield ("error" if provider == "anthropic" else ""), error
