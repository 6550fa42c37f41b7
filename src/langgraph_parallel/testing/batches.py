"""The Batch API of a model server: files and batches, that end late, in part, or not at all, on command.

    with ModelServer() as server:
        server.on("voter 2", Reply(status=500))     # the line of this request holds an error
        server.batches.delay = 0.2                  # seconds until a batch has ended
        server.batches.lose("create")               # it is created, and the client never hears of it
        ...
        assert len(server.batches.created) == 1

Lines are answered by the rules of the server, as if each had come by itself: a reply with a status is an
error in the line, one that hangs or disconnects leaves the line out. `server.requests` has them as well.
"""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal, TypeVar

from aiohttp import web

from langgraph_parallel.testing.created_batch import CreatedBatch
from langgraph_parallel.testing.replies import Gate, Reply, Request
from langgraph_parallel.testing.wire import completion

T = TypeVar("T")
Step = Literal["upload", "create", "get", "list", "content", "cancel", "delete"]
"""A request of the Batch API."""
Spoilt = Literal["missing", "twice", "garbled"]
"""What is wrong with a line of an output file."""


class BatchApi:
    """Files and batches of a model server.

    Args:
        reply_to: chooses the reply to the request in a line.
        requests: what the server has got.
        changed: told of each request of the Batch API.
    """

    def __init__(
        self,
        reply_to: Callable[[Request], Reply],
        requests: list[Request],
        changed: threading.Condition,
    ) -> None:
        self._reply_to, self._requests, self._changed = reply_to, requests, changed
        self.offered = True
        """Whether there is a Batch API; else its addresses answer 404."""
        self.delay = 0.0
        """Seconds until a batch ends."""
        self.gate: Gate | None = None
        """Batches end once the gate is open."""
        self.expires = False
        """Whether batches expire when their time comes, instead of being completed."""
        self.worked_on = 0
        """Number of lines that a batch has answered when it is cancelled, or expires."""
        self.page = 20
        """Most batches in one page of the list."""
        self.most_enqueued: int | None = None
        """Lines in batches that have not ended; a batch with more fails. None for any number."""
        self.slow_creations: list[float] = []
        """Seconds that the next creations of a batch take, after their files were found."""
        self.list_lag = 0.0
        """Seconds after which a batch is in the list."""
        self.begins_first = False
        """Whether a batch that fails is `in_progress` before."""
        self.created: list[CreatedBatch] = []
        self.files: dict[str, bytes] = {}
        self.seen: Counter[str] = Counter()
        """Number of requests of each kind."""
        self._lost: Counter[str] = Counter()
        self._refusals: list[tuple[str, int, dict[str, Any]]] = []
        self._invalid: list[list[dict[str, Any]]] = []
        self._spoilt: list[tuple[Spoilt, Callable[[Request], bool]]] = []
        self._lock = threading.Lock()
        self._working: set[asyncio.Task[Any]] = set()

    def lose(self, step: Step, times: int = 1) -> None:
        """Do what requests of a kind ask for, and close their connection instead of answering."""
        self._lost[step] += times

    def refuse(self, step: Step, status: int, *, times: int = 1, **error: Any) -> None:
        """Answer requests of a kind with a status and an error (`code`, `message`), and do nothing."""
        self._refusals += [(step, status, error)] * times

    def fail(self, *errors: dict[str, Any]) -> None:
        """Let the next batch fail, with errors of `code`, `message` and `line`."""
        self._invalid.append(list(errors))

    def spoil(self, how: Spoilt, when: str | Callable[[Request], bool]) -> None:
        """Write lines into output files that are missing, there twice, or no JSON.

        Args:
            how: what is wrong with them.
            when: text in the prompt, or a function of the request.
        """
        matches = (lambda request: when in request.prompt) if isinstance(when, str) else when
        self._spoilt.append((how, matches))

    @property
    def billed(self) -> list[dict[str, Any]]:
        """The lines of all batches that were worked on."""
        return [line for batch in self.created for line in batch.answered]

    def cancel(self, batch: CreatedBatch) -> None:
        """Cancel a batch, as its owner may elsewhere; safe to call from any thread."""
        with self._lock:
            if not batch.has_ended:
                self._end(batch, "cancelled", batch.lines[: self.worked_on])

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add the addresses of the Batch API."""
        router.add_post("/v1/files", self._route("upload", self._upload))
        router.add_get("/v1/files/{id}/content", self._route("content", self._content))
        router.add_delete("/v1/files/{id}", self._route("delete", self._delete))
        router.add_post("/v1/batches", self._route("create", self._create))
        router.add_get("/v1/batches", self._route("list", self._list))
        router.add_get("/v1/batches/{id}", self._route("get", self._get))
        router.add_post("/v1/batches/{id}/cancel", self._route("cancel", self._cancel))

    async def close(self) -> None:
        """End what works on batches."""
        for task in self._working:
            task.cancel()

    def _route(self, step: Step, handle: Any) -> Any:
        async def answer(raw: web.Request) -> web.StreamResponse:
            if not self.offered:
                raise web.HTTPNotFound
            self.seen[step] += 1
            for refusal in self._refusals:
                if refusal[0] == step:
                    self._refusals.remove(refusal)
                    return web.json_response({"error": refusal[2]}, status=refusal[1])
            response: web.StreamResponse = await handle(raw)
            with self._changed:
                self._changed.notify_all()
            if self._lost[step] > 0:
                self._lost[step] -= 1
                assert raw.transport is not None
                raw.transport.close()
            return response

        return answer

    async def _upload(self, raw: web.Request) -> web.Response:
        form = await raw.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        id = f"file-{len(self.files) + 1}"
        self.files[id] = file.file.read()
        shown = {"id": id, "object": "file", "bytes": len(self.files[id]), "purpose": form["purpose"]}
        return web.json_response({**shown, "created_at": int(time.time()), "filename": file.filename})

    async def _content(self, raw: web.Request) -> web.Response:
        if (content := self.files.get(raw.match_info["id"])) is None:
            raise web.HTTPNotFound
        return web.Response(body=content, content_type="application/octet-stream")

    async def _delete(self, raw: web.Request) -> web.Response:
        if self.files.pop(id := raw.match_info["id"], None) is None:
            raise web.HTTPNotFound
        return web.json_response({"id": id, "object": "file", "deleted": True})

    async def _create(self, raw: web.Request) -> web.Response:
        wanted = await raw.json()
        if (content := self.files.get(wanted["input_file_id"])) is None:
            error = {"message": "no such file", "code": "file_not_found"}
            return web.json_response({"error": error}, status=400)
        creating = self._begin(self._create_from(wanted, content))
        return web.json_response(_shown(await asyncio.shield(creating)))  # also if the client goes away

    async def _create_from(self, wanted: Mapping[str, Any], content: bytes) -> CreatedBatch:
        await asyncio.sleep(self.slow_creations.pop(0) if self.slow_creations else 0.0)
        with self._lock:
            id, lines = f"batch_{len(self.created) + 1}", list(map(json.loads, content.splitlines()))
            batch = CreatedBatch(id, wanted["input_file_id"], wanted.get("metadata") or {}, lines)
            self.created.append(batch)
            self._begin(self._work_on(batch))
        return batch

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        self._working.add(task := asyncio.ensure_future(work))
        task.add_done_callback(self._working.discard)
        return task

    async def _list(self, raw: web.Request) -> web.Response:
        listed = [one for one in self.created if one.created + self.list_lag <= time.time()]
        latest, after = list(reversed(listed)), raw.query.get("after")
        begin = 0 if after is None else 1 + next(i for i, batch in enumerate(latest) if batch.id == after)
        most = min(self.page, int(raw.query.get("limit", "20")))
        page = [_shown(batch) for batch in latest[begin : begin + most]]
        more = begin + most < len(latest)
        last = page[-1]["id"] if page else None
        return web.json_response({"object": "list", "data": page, "has_more": more, "last_id": last})

    async def _get(self, raw: web.Request) -> web.Response:
        return web.json_response(_shown(self._find(raw)))

    async def _cancel(self, raw: web.Request) -> web.Response:
        batch = self._find(raw)
        self.cancel(batch)
        return web.json_response(_shown(batch))

    def _find(self, raw: web.Request) -> CreatedBatch:
        for batch in self.created:
            if batch.id == raw.match_info["id"]:
                return batch
        raise web.HTTPNotFound

    async def _work_on(self, batch: CreatedBatch) -> None:
        invalid = self._invalid.pop(0) if self._invalid else []
        if self.most_enqueued is not None:
            enqueued = sum(len(one.lines) for one in self.created if not one.has_ended)
            if enqueued > self.most_enqueued:
                invalid = [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]
        if invalid:
            if self.begins_first:
                batch.status = "in_progress"
                await asyncio.sleep(self.delay)
            batch.errors, batch.status = invalid, "failed"
            return
        batch.status = "in_progress"
        if self.gate is not None:
            await self.gate.passed()
        await asyncio.sleep(self.delay)
        with self._lock:
            if batch.has_ended:
                return
            if self.expires:
                self._end(batch, "expired", batch.lines[: self.worked_on])
            else:
                self._end(batch, "completed", batch.lines)

    def _end(self, batch: CreatedBatch, status: str, worked_on: list[dict[str, Any]]) -> None:
        output, error = list[str](), list[str]()
        for line in worked_on:
            self._answer(batch, line, output, error)
        for line in batch.lines[len(worked_on) :]:
            code = {"code": f"batch_{status}", "message": f"the batch was {status}"}
            error.append(json.dumps(_line(line, None, code)))
        for name, lines in (("output", output), ("error", error)):
            if lines:
                id = f"file-{name}-{batch.id}"
                self.files[id] = "\n".join(lines).encode() + b"\n"
                setattr(batch, name, id)
        batch.status = status

    def _answer(self, batch: CreatedBatch, line: dict[str, Any], output: list[str], error: list[str]) -> None:
        """Answer one line, into one of the files."""
        request = Request(line["body"], {}, time.time(), custom_id=line["custom_id"])
        self._requests.append(request)
        reply = self._reply_to(request)
        request.ended, request.status = time.time(), reply.status
        spoilt = [how for how, matches in self._spoilt if matches(request)]
        if reply.hang or reply.disconnect:
            return
        if reply.status >= 400:
            body = reply.body or {"error": {"message": f"status {reply.status} on command", "code": None}}
            error.append(json.dumps(_line(line, {"status_code": reply.status, "body": body}, None)))
            return
        batch.answered.append(line)
        body = completion(line["body"], reply) if reply.body is None else reply.body
        text = json.dumps(_line(line, {"status_code": reply.status, "request_id": "r", "body": body}, None))
        if "missing" not in spoilt:
            output += [text[: len(text) // 2] if "garbled" in spoilt else text] * (1 + ("twice" in spoilt))


def _line(line: Mapping[str, Any], response: Any, error: Any) -> dict[str, Any]:
    return {
        "id": f"batch_req_{line['custom_id']}",
        "custom_id": line["custom_id"],
        "response": response,
        "error": error,
    }


def _shown(batch: CreatedBatch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": batch.file,
        "completion_window": "24h",
        "status": batch.status,
        "output_file_id": batch.output or None,
        "error_file_id": batch.error or None,
        "created_at": int(batch.created),
        "errors": {"object": "list", "data": batch.errors} if batch.errors else None,
        "request_counts": {
            "total": len(batch.lines),
            "completed": len(batch.answered),
            "failed": 0,
        },
        "metadata": batch.metadata,
    }
