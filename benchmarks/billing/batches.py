"""Files and batches: requests in a file, worked on at a fraction of the price."""

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import web

from benchmarks.billing.desk import Desk, Refused
from benchmarks.billing.tokens import sequence

_UNFINISHED = ("validating", "in_progress", "finalizing", "cancelling")
_STEP = 0.02
"""Seconds after which a batch notices that it is cancelled."""
_EXPIRED = "This request could not be executed before the completion window expired."


@dataclass
class _Batch:
    shown: dict[str, Any]
    """What the endpoint says of it."""
    requests: list[dict[str, Any]]
    tokens: int
    output: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Batches:
    """The endpoints, and what they keep.

    Args:
        desk: at which requests are worked on.
    """

    def __init__(self, desk: Desk) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.reset(desk)

    def reset(self, desk: Desk) -> None:
        """Begin anew."""
        self._desk = desk
        self._files: dict[str, tuple[dict[str, Any], bytes]] = {}
        self._batches: dict[str, _Batch] = {}
        self._numbers = count(1)
        self._draw = random.Random(desk.profile.seed)
        for task in self._tasks:
            task.cancel()

    def add_to(self, app: web.Application) -> None:
        """Add the endpoints to an application."""
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files", self._list_files)
        app.router.add_get("/v1/files/{id}", self._file)
        app.router.add_get("/v1/files/{id}/content", self._content)
        app.router.add_delete("/v1/files/{id}", self._delete)
        app.router.add_post("/v1/batches", self._create)
        app.router.add_get("/v1/batches", self._list)
        app.router.add_get("/v1/batches/{id}", self._get)
        app.router.add_post("/v1/batches/{id}/cancel", self._cancel)

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        given: Any = form["file"]
        data = given.file.read() if hasattr(given, "file") else str(given).encode()
        name = getattr(given, "filename", None) or "file.jsonl"
        return self._answer(request, self._keep(data, str(form.get("purpose")), name))

    async def _list_files(self, request: web.Request) -> web.Response:
        shown = [file for file, _ in self._files.values()]
        return self._answer(request, {"object": "list", "data": shown, "has_more": False})

    async def _file(self, request: web.Request) -> web.Response:
        found = self._files.get(request.match_info["id"])
        return self._answer(request, found and found[0])

    async def _content(self, request: web.Request) -> web.Response:
        found = self._files.get(request.match_info["id"])
        if found is None or self._is_lost(request):
            return self._answer(request, None)
        return web.Response(body=found[1], content_type="application/octet-stream")

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        found = self._files.pop(name, None)
        return self._answer(request, found and {"id": name, "object": "file", "deleted": True})

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        content = self._files.get(body["input_file_id"])
        if content is None:
            return self._answer(request, None)
        requests = _requests(content[1])
        name = f"batch_{len(self._batches) + 1}"
        shown = {
            "id": name,
            "object": "batch",
            "endpoint": body["endpoint"],
            "errors": None,
            "input_file_id": body["input_file_id"],
            "completion_window": body["completion_window"],
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": int(time.time()),
            "expires_at": int(time.time()) + 86_400,
            "request_counts": {"total": len(requests), "completed": 0, "failed": 0},
            "metadata": body.get("metadata"),
        }
        tokens = sum(len(sequence(one["body"])) for one in requests)
        batch = self._batches[name] = _Batch(shown, requests, tokens)
        if (problem := self._problem(batch)) is not None:
            shown |= {"status": "failed", "errors": {"object": "list", "data": [problem]}}
        else:
            self._desk.bill.posted += [one["custom_id"] for one in requests]
            task = asyncio.create_task(self._work(batch, self._desk))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._answer(request, shown)

    async def _list(self, request: web.Request) -> web.Response:
        # The newest first, as the endpoint lists them.
        shown = [batch.shown for batch in reversed(self._batches.values())]
        after, limit = request.query.get("after"), int(request.query.get("limit", 20))
        ids = [one["id"] for one in shown]
        begin = ids.index(after) + 1 if after in ids else 0
        page = shown[begin : begin + limit]
        more = begin + limit < len(shown)
        ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {}
        return self._answer(request, {"object": "list", "data": page, "has_more": more, **ends})

    async def _get(self, request: web.Request) -> web.Response:
        found = self._batches.get(request.match_info["id"])
        return self._answer(request, None if found is None else found.shown)

    async def _cancel(self, request: web.Request) -> web.Response:
        found = self._batches.get(request.match_info["id"])
        if found is not None and found.shown["status"] in _UNFINISHED:
            found.shown["status"] = "cancelling"
        return self._answer(request, None if found is None else found.shown)

    def _problem(self, batch: _Batch) -> dict[str, Any] | None:
        """Return why a batch is not worked on."""
        if not batch.requests:
            return _problem("invalid_file", "The file has no requests, or a line that is none.")
        ids = {one["custom_id"] for one in batch.requests}
        if len(ids) < len(batch.requests):
            return _problem("duplicate_custom_id", "The custom_id of a request is not unique.")
        if len({one["body"].get("model") for one in batch.requests}) > 1:
            return _problem("mismatched_model", "All requests of a batch must name the same model.")
        if len(batch.requests) > self._desk.profile.batch_most:
            return _problem("too_many_tasks", "The batch has too many requests.")
        most = self._desk.profile.batch_enqueued
        others = sum(b.tokens for b in self._batches.values() if b.shown["status"] in _UNFINISHED)
        if most is not None and others > most:
            return _problem("token_limit_exceeded", f"Enqueued token limit reached. Limit: {most:,}.")
        return None

    async def _work(self, batch: _Batch, desk: Desk) -> None:
        profile, shown = desk.profile, batch.shown
        begun = time.monotonic()
        for number, one in enumerate(batch.requests):
            due = begun + profile.batch_seconds + number * profile.batch_seconds_each
            shown["status"] = {"validating": "in_progress"}.get(shown["status"], shown["status"])
            while shown["status"] != "cancelling":
                left = min(due - time.monotonic(), self._seconds_left(begun, desk), _STEP)
                if left <= 0:
                    break
                await asyncio.sleep(left)
            if shown["status"] == "cancelling" or not self._seconds_left(begun, desk):
                self._leave(batch, batch.requests[number:])
                break
            self._work_on(batch, one, desk)
        ends = {"cancelling": "cancelled", "in_progress": "completed"}
        for name, lines in (("output_file_id", batch.output), ("error_file_id", batch.errors)):
            if lines:
                data = "".join(f"{line}\n" for line in lines).encode()
                shown[name] = self._keep(data, "batch_output", f"{shown['id']}_output.jsonl")["id"]
        shown["status"] = ends.get(shown["status"], shown["status"])

    def _work_on(self, batch: _Batch, one: dict[str, Any], desk: Desk) -> None:
        counts = batch.shown["request_counts"]
        try:
            asked = desk.take(one["body"], "batch", one["custom_id"])
            desk.first_token(asked)
            status, body = 200, desk.answer(asked)
            counts["completed"] += 1
        except Refused as refused:
            status, body = refused.status, refused.body
            counts["failed"] += 1
        name = f"{batch.shown['id']}_{sum(counts.values())}"
        response = {"status_code": status, "request_id": name, "body": body}
        line = {"id": name, "custom_id": one["custom_id"], "response": response, "error": None}
        (batch.output if status == 200 else batch.errors).append(json.dumps(line))

    def _leave(self, batch: _Batch, left: list[dict[str, Any]]) -> None:
        """Say of each request that is left that it has expired; those of a cancelled batch are missing."""
        if batch.shown["status"] == "cancelling":
            return
        batch.shown["status"] = "expired"
        batch.shown["request_counts"]["failed"] += len(left)
        for one in left:
            error = {"code": "batch_expired", "message": _EXPIRED}
            line = {"id": "", "custom_id": one["custom_id"], "response": None, "error": error}
            batch.errors.append(json.dumps(line))

    @staticmethod
    def _seconds_left(begun: float, desk: Desk) -> float:
        most = desk.profile.batch_expires
        return 1e9 if most is None else max(0.0, begun + most - time.monotonic())

    def _keep(self, data: bytes, purpose: str, name: str) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": f"file-{next(self._numbers)}",
            "object": "file",
            "bytes": len(data),
            "created_at": int(time.time()),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        self._files[shown["id"]] = (shown, data)
        return shown

    def _is_lost(self, request: web.Request) -> bool:
        lost = self._draw.random() < self._desk.profile.batch_lost
        if lost and request.transport is not None:
            request.transport.abort()
        return lost

    def _answer(self, request: web.Request, shown: dict[str, Any] | None) -> web.Response:
        if shown is None:
            return web.json_response(Refused(404, "No such object.").body, status=404)
        self._is_lost(request)
        return web.json_response(shown)


def _problem(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "param": None, "line": None}


def _requests(content: bytes) -> list[dict[str, Any]]:
    """Return the requests of a file; none if one of its lines is not a request."""
    try:
        requests = [json.loads(line) for line in content.splitlines() if line.strip()]
    except ValueError:
        return []
    return requests if all("custom_id" in one and "body" in one for one in requests) else []
