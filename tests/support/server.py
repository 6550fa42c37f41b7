"""An OpenAI-compatible server on loopback that answers, delays, throttles and fails on command.

    with ModelServer() as server:
        server.on("Is it safe?", Reply(json={"choice": "yes"}))
        server.on("#2", Reply(status=500))
        ...
        assert server.most_in_flight == 3

Answers are chosen by the text of the prompt, never by the order in which requests arrive. A structured
request that no rule matches gets the smallest object that fits its schema.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web


@dataclass(frozen=True)
class Reply:
    """The server's reaction to a request."""

    text: str | None = None
    json: Any = None
    """Answer as JSON, in the text or in the arguments of the tool that the request names."""
    delay: float = 0.0
    """Seconds before the answer."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    malformed: bool = False
    """Send a body that is cut off in the middle of its JSON."""
    refusal: str | None = None
    disconnect: bool = False
    """Close the connection without an answer."""
    hang: bool = False
    """Never answer; the client must give up."""
    usage: tuple[int, int] | None = (10, 5)
    """Tokens in and out."""
    finish: str = "stop"
    """Why the answer ends: `stop`, `length`, `content_filter`."""
    reasoning: str = ""
    """Thinking that the server returns apart from the text."""
    body: Any = None
    """The whole body instead, whatever the status: JSON, or a text, which is sent as a web page."""
    gate: "Gate | None" = None
    """Answer only once the gate is open."""


class Gate:
    """Holds answers back until it is opened.

    Args:
        opens_at: number of waiting requests at which the gate opens by itself; None for never.
    """

    def __init__(self, opens_at: int | None = None) -> None:
        self._opens_at = opens_at
        self._lock = threading.Lock()
        self._is_open = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def open(self) -> None:
        """Let all requests pass, now and later."""
        with self._lock:
            self._is_open = True
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            loop.call_soon_threadsafe(event.set)

    async def passed(self) -> None:
        """Wait until the gate is open."""
        event = asyncio.Event()
        with self._lock:
            if self._is_open:
                return
            self._waiting.append((asyncio.get_running_loop(), event))
            enough = self._opens_at is not None and len(self._waiting) >= self._opens_at
        if enough:
            self.open()
        await event.wait()


@dataclass
class Request:
    """A request, as the server received it."""

    body: dict[str, Any]
    headers: dict[str, str]
    started: float
    ended: float | None = None
    status: int | None = None
    """None while the request is in flight, and if its client went away."""

    @property
    def prompt(self) -> str:
        """All messages as one text."""
        return "\n\n".join(str(message["content"]) for message in self.body["messages"])


@dataclass
class _Rule:
    matches: Callable[[Request], bool]
    reply: Reply
    times: int | None


class ModelServer:
    """The server, in a thread of its own: sync code, subprocesses and any event loop can call it.

    It counts a request once its body has arrived. A client that gives up earlier is not in `requests`.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.hanging = 0
        """Requests in flight that are never answered."""
        self.cut_off = 0
        """Requests whose client went away before the answer."""
        self._rules: list[_Rule] = []
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port = 0

    @property
    def url(self) -> str:
        """The value for `OPENAI_BASE_URL`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def on(self, when: str | Callable[[Request], bool], reply: Reply, *, times: int | None = None) -> None:
        """Add a rule; the last rule that matches a request wins.

        Args:
            when: text in the prompt, or a function of the request.
            reply: the answer.
            times: number of requests after which the rule no longer applies; None for all.
        """
        matches = (lambda request: when in request.prompt) if isinstance(when, str) else when
        with self._changed:
            self._rules.append(_Rule(matches, reply, times))

    def always(self, reply: Reply) -> None:
        """Add a rule for all requests."""
        self.on(lambda _: True, reply)

    def limit(self, per_second: int, *, retry_after: str | None = "1") -> None:
        """Let a number of requests through in any second, and answer 429 to the others."""
        let_through: list[float] = []
        headers = {} if retry_after is None else {"retry-after": retry_after}

        def is_refused(request: Request) -> bool:
            refused = len(let_through) >= per_second and request.started - let_through[-per_second] < 1
            if not refused:
                let_through.append(request.started)
            return refused

        self.on(is_refused, Reply(status=429, headers=headers))

    def asked(self, text: str) -> list[Request]:
        """Return the requests whose prompt contains a text."""
        return [request for request in self.requests if text in request.prompt]

    def wait(self, condition: Callable[["ModelServer"], bool], seconds: float = 30.0) -> None:
        """Wait until a condition holds; fail if it does not within some seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self), seconds):
                raise AssertionError(
                    f"the condition never held: {len(self.requests)} requests, {self.in_flight} in flight"
                )

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/chat/completions", self._answer)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=2048)
        self._loop.run_until_complete(site.start())
        self.port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _answer(self, raw: web.Request) -> web.StreamResponse:
        request = Request(await raw.json(), dict(raw.headers), time.time())
        response = await self._respond(raw, request)
        if _is_of_another_client(request) and not response.prepared:
            response.force_close()
        return response

    async def _respond(self, raw: web.Request, request: Request) -> web.StreamResponse:
        with self._counting(request):
            reply = self._reply_to(request)
            if reply.gate is not None:
                await reply.gate.passed()
            if reply.hang:
                with self._counting_as_hanging():
                    await asyncio.Event().wait()
            if reply.delay:
                await asyncio.sleep(reply.delay)
            if reply.disconnect:
                assert raw.transport is not None
                raw.transport.close()
                return web.Response()
            request.status = reply.status
            if isinstance(reply.body, str):
                return web.Response(text=reply.body, content_type="text/html", status=reply.status)
            if reply.body is not None:
                return web.json_response(reply.body, status=reply.status, headers=reply.headers)
            if reply.status != 200:
                error = {"message": f"status {reply.status} on command", "type": "test", "code": None}
                return web.json_response({"error": error}, status=reply.status, headers=reply.headers)
            if reply.malformed:
                return web.Response(text='{"id": "x", "choices": [{"mess', content_type="application/json")
            if request.body.get("stream"):
                return await self._stream(raw, request, reply)
            return web.json_response(_completion(request.body, reply), headers=reply.headers)

    def _reply_to(self, request: Request) -> Reply:
        with self._changed:
            for rule in reversed(self._rules):
                if rule.times != 0 and rule.matches(request):
                    if rule.times is not None:
                        rule.times -= 1
                    return rule.reply
        return Reply()

    @contextmanager
    def _counting(self, request: Request) -> Iterator[None]:
        with self._changed:
            self.requests.append(request)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self._changed.notify_all()
        try:
            yield
        except asyncio.CancelledError:
            with self._changed:
                self.cut_off += 1
            raise
        finally:
            with self._changed:
                self.in_flight -= 1
                request.ended = time.time()
                self._changed.notify_all()

    @contextmanager
    def _counting_as_hanging(self) -> Iterator[None]:
        with self._changed:
            self.hanging += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self.hanging -= 1

    async def _stream(self, raw: web.Request, request: Request, reply: Reply) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        if _is_of_another_client(request):
            response.force_close()
        await response.prepare(raw)
        message = _completion(request.body, reply)["choices"][0]["message"]
        text = message["content"] or ""
        base = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": request.body["model"]}
        for piece in [text[i : i + 8] for i in range(0, len(text), 8)]:
            delta = {"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": None}
            await response.write(f"data: {json.dumps({**base, 'choices': [delta]})}\n\n".encode())
        for number, call in enumerate(message.get("tool_calls") or []):
            delta = {"index": 0, "delta": {"tool_calls": [{**call, "index": number}]}, "finish_reason": None}
            await response.write(f"data: {json.dumps({**base, 'choices': [delta]})}\n\n".encode())
        end = {"index": 0, "delta": {}, "finish_reason": reply.finish}
        parts = [{**base, "choices": [end]}]
        if (request.body.get("stream_options") or {}).get("include_usage"):
            parts.append({**base, "choices": [], "usage": _completion(request.body, reply)["usage"]})
        for part in parts:
            await response.write(f"data: {json.dumps(part)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response


def _is_of_another_client(request: Request) -> bool:
    """Return whether a request may come from a client that LangChain caches by the address of the server.

    It outlives the test and its event loop, and would reuse the connection for a server on the same port.
    """
    return bool(request.body["model"] != "test-model")


def _completion(body: dict[str, Any], reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": reply.refusal}
    tools = body.get("tools")
    if reply.refusal is None and tools and reply.text is None:
        function = tools[0]["function"]
        arguments = reply.json if reply.json is not None else smallest(function["parameters"])
        call = {"name": function["name"], "arguments": json.dumps(arguments)}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": call}]
    elif reply.refusal is None:
        message["content"] = _text(body, reply)
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    usage = reply.usage and {
        "prompt_tokens": reply.usage[0],
        "completion_tokens": reply.usage[1],
        "total_tokens": sum(reply.usage),
    }
    return {
        "id": "chatcmpl-test",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish}],
        "usage": usage,
    }


def _text(body: dict[str, Any], reply: Reply) -> str:
    if reply.text is not None:
        return reply.text
    if reply.json is not None:
        return json.dumps(reply.json)
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    return json.dumps(smallest(schema)) if schema else "ok"


def smallest(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Any:
    """Return the smallest value that fits a JSON schema."""
    root = root or schema
    if "$ref" in schema:
        return smallest(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if "anyOf" in schema:
        return smallest(schema["anyOf"][0], root)
    kind = schema.get("type")
    if kind == "object":
        return {name: smallest(field, root) for name, field in schema.get("properties", {}).items()}
    return {"array": [], "string": "ok", "integer": 1, "number": 1.0, "boolean": True, "null": None}[
        str(kind)
    ]
