"""The server: chat completions, files and batches on loopback, and its bill.

    python -m benchmarks.billing

Prints its port. `POST /reset` takes a profile as JSON and begins a new bill; `GET /bill` returns it;
`GET /modules` the names of all modules that the process has imported.
"""

import asyncio
import json
import sys
from typing import Any

from aiohttp import web

from benchmarks.billing.batches import Batches
from benchmarks.billing.desk import Asked, Desk, Refused
from benchmarks.billing.profile import Profile

_MOST_BYTES = 256 * 1024 * 1024


class Server:
    """The application, and the desk of its present profile."""

    def __init__(self) -> None:
        self.desk = Desk(Profile())
        self.batches = Batches(self.desk)
        self.app = web.Application(client_max_size=_MOST_BYTES)
        self.app.router.add_post("/v1/chat/completions", self.chat)
        self.app.router.add_post("/reset", self.reset)
        self.app.router.add_get("/bill", self.bill)
        self.app.router.add_get("/modules", self.modules)
        self.batches.add_to(self.app)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Answer a chat completion, and bill it."""
        desk, body = self.desk, await request.json()
        try:
            asked = desk.take(body)
        except Refused as refused:
            headers = {"retry-after": refused.retry_after} if refused.retry_after else {}
            return web.json_response(refused.body, status=refused.status, headers=headers)
        desk.bill.in_flight += 1
        desk.bill.most_in_flight = max(desk.bill.most_in_flight, desk.bill.in_flight)
        seconds = desk.answer_seconds(asked)
        try:
            return await _answer(request, desk, asked, seconds)
        except (asyncio.CancelledError, ConnectionError):
            if not asked.line.ended:
                desk.cut_off(asked, seconds)
            raise
        finally:
            desk.bill.in_flight -= 1

    async def reset(self, request: web.Request) -> web.Response:
        """Begin anew, with another profile."""
        self.desk = Desk(Profile.of(await request.json()))
        self.batches.reset(self.desk)
        return web.json_response({})

    async def bill(self, request: web.Request) -> web.Response:
        """Return the bill."""
        return web.json_response(self.desk.bill.as_json())

    async def modules(self, request: web.Request) -> web.Response:
        """Return what this process has imported."""
        return web.json_response(sorted(sys.modules))

    async def serve(self) -> None:
        """Serve until the process ends."""
        runner = web.AppRunner(self.app, access_log=None, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()


async def _answer(request: web.Request, desk: Desk, asked: Asked, seconds: float) -> web.StreamResponse:
    await asyncio.sleep(desk.first_seconds(asked))
    desk.first_token(asked)
    if not asked.line.streamed:
        await asyncio.sleep(seconds)
        return web.json_response(desk.answer(asked))
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for index, text in enumerate(asked.texts):
        await _send(response, asked, {"role": "assistant", "content": ""}, index)
        await _send(response, asked, {"content": text[:1]}, index)
    await asyncio.sleep(seconds)
    completion = desk.answer(asked)
    for choice in completion["choices"]:
        text = choice["message"]["content"]
        for begin in range(1, len(text), 200):
            await _send(response, asked, {"content": text[begin : begin + 200]}, choice["index"])
        await _send(response, asked, {}, choice["index"], finish="stop")
    if (asked.body.get("stream_options") or {}).get("include_usage"):
        await _event(response, {**_chunk(asked), "choices": [], "usage": completion["usage"]})
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


async def _send(
    response: web.StreamResponse, asked: Asked, delta: dict[str, Any], index: int, finish: str | None = None
) -> None:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    await _event(response, {**_chunk(asked), "choices": [choice]})


def _chunk(asked: Asked) -> dict[str, Any]:
    kind, line = "chat.completion.chunk", asked.line
    return {"id": line.id, "object": kind, "created": 0, "model": line.model}


async def _event(response: web.StreamResponse, data: dict[str, Any]) -> None:
    await response.write(f"data: {json.dumps(data)}\n\n".encode())
