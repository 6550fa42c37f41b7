"""An OpenAI-compatible server on loopback that answers, delays, throttles and fails on command.

    with ModelServer() as server:
        server.on("Is it safe?", Reply(json={"choice": "yes"}))
        server.on("voter 2", Reply(status=500))
        ...
        assert server.most_in_flight == 3

Answers are chosen by the text of the prompt, never by the order in which requests arrive. A structured
request that no rule matches gets the smallest object that fits its schema.
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

from langgraph_parallel.counted import count
from langgraph_parallel.testing.batches import BatchApi
from langgraph_parallel.testing.replies import Reply, Request
from langgraph_parallel.testing.wire import completion, deltas

_PORTS: set[int] = set()
"""That servers of this process have had."""
_MOST_TRIES = 100


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
        self.models: Any = None
        """Body of `GET /models`, as JSON; None answers 404."""
        self.batches = BatchApi(self._reply_to, self.requests, self._changed)
        """Its files and batches."""

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
                seen = count(len(self.requests), "request")
                raise AssertionError(f"the condition never held: {seen}, {self.in_flight} in flight")

    def __enter__(self) -> Self:
        try:  # here, where an error is raised to whoever starts the server
            self._listening = _listen()
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
        app = web.Application(client_max_size=2**28)
        app.router.add_post("/v1/chat/completions", self._answer)
        app.router.add_get("/v1/models", self._list)
        self.batches.add_routes(app.router)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.SockSite(runner, self._listening, backlog=2048)
        self._loop.run_until_complete(site.start())
        self.port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self.batches.close())
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _list(self, raw: web.Request) -> web.Response:
        if self.models is None:
            raise web.HTTPNotFound
        return web.json_response(self.models)

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
            return await self._made(raw, request, reply)

    async def _made(self, raw: web.Request, request: Request, reply: Reply) -> web.StreamResponse:
        request.status = reply.status
        if isinstance(reply.body, str):
            return web.Response(text=reply.body, content_type="text/html", status=reply.status)
        if reply.events is not None:
            return web.Response(text=reply.events, content_type="text/event-stream")
        if reply.body is not None:
            return web.json_response(reply.body, status=reply.status, headers=reply.headers)
        if reply.status != 200:
            error = {"message": f"status {reply.status} on command", "type": "test", "code": None}
            return web.json_response({"error": error}, status=reply.status, headers=reply.headers)
        if reply.malformed:
            return web.Response(text='{"id": "x", "choices": [{"mess', content_type="application/json")
        if request.body.get("stream"):
            return await self._stream(raw, request, reply)
        if reply.rest is not None:
            await reply.rest.passed()
        self._begin(request)
        return web.json_response(completion(request.body, reply), headers=reply.headers)

    def _begin(self, request: Request) -> None:
        """Note that the answer to a request has begun."""

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
        whole = completion(request.body, reply)
        base = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": request.body["model"]}
        parts = [delta for choice in whole["choices"] for delta in deltas(choice)]
        for number, part in enumerate(parts):
            await response.write(f"data: {json.dumps({**base, 'choices': [part]})}\n\n".encode())
            if number == 0:
                self._begin(request)
                request.begun = time.time()
                with self._changed:
                    self._changed.notify_all()
                if reply.rest is not None:
                    await reply.rest.passed()
                if reply.breaks_off and raw.transport is not None:
                    raw.transport.close()
                    return response
        ends = [
            {"index": choice["index"], "delta": {}, "finish_reason": choice["finish_reason"]}
            for choice in whole["choices"]
        ]
        last: list[dict[str, Any]] = [{**base, "choices": [end]} for end in ends]
        if (request.body.get("stream_options") or {}).get("include_usage"):
            last.append({**base, "choices": [], "usage": whole["usage"]})
        for part in last:
            await response.write(f"data: {json.dumps(part)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response


def _is_of_another_client(request: Request) -> bool:
    """Return whether a request may come from a client that LangChain keeps for the address of the server.

    It outlives the test and its event loop; open connections would be lost with it, with a warning.
    """
    return bool(request.body["model"] != "test-model")


def _listen() -> socket.socket:
    """Listen at a port that no server of this process has had, as far as there is one.

    A client that is kept for each address, as LangChain does, outlives its event loop. It would ask a later
    server at the same port over a connection of that loop.
    """
    tried = [socket.create_server(("127.0.0.1", 0), backlog=2048)]
    while _port(tried[-1]) in _PORTS and len(tried) < _MOST_TRIES:
        tried.append(socket.create_server(("127.0.0.1", 0), backlog=2048))
    for other in tried[:-1]:
        other.close()
    _PORTS.add(_port(tried[-1]))
    return tried[-1]


def _port(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])
