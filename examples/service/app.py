"""The service over HTTP: `python -m examples.service`."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, model_validator

from examples.service.feed import OVER, Line
from examples.service.guard import Guard
from examples.service.lifespan import running
from examples.service.settings import HERE, Settings, Tenant, digest
from examples.service.store import OVER as STATUSES_OVER
from examples.service.store import OverBudget
from langgraph_parallel import agents, recording
from langgraph_parallel.errors import InputError

PARTS = ("form.js", "icon.svg", "nodes.js", "page.css", "page.js")
GOING_ON = ("waiting", "running")
"""Statuses of runs of which more is told."""


class Given(BaseModel):
    """A body that every database and model can take."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _is_plain(self) -> Self:
        """Refuse numbers that are not in JSON (NaN), and halves of characters."""
        json.dumps(self.model_dump(), ensure_ascii=False, allow_nan=False).encode()
        return self


class Change(Given):
    """What is to be reviewed."""

    files: dict[str, str] = Field(default_factory=dict, description="Text by path.")
    diff: str | None = Field(None, description="A unified diff.")


class Answer(Given):
    """A person's answer: one decision for each request of the form."""

    decisions: list[dict[str, Any]]


router = APIRouter()
bearer = HTTPBearer(auto_error=False)
Key = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def _no_key() -> HTTPException:
    return HTTPException(401, "pass a key: Authorization: Bearer KEY", {"WWW-Authenticate": "Bearer"})


def tenant_of(request: Request, key: Key) -> Tenant:
    """Return who asks, by their key."""
    tenant = request.app.state.settings.tenant_with(key.credentials) if key else None
    if tenant is None:
        raise _no_key()
    return tenant


async def run_of(id: str, request: Request, tenant: Annotated[Tenant, Depends(tenant_of)]) -> Any:
    """Return a run of who asks; what others have does not exist for them."""
    is_id = id.isprintable()  # PostgreSQL refuses nulls
    if not is_id or (run := await request.app.state.store.get(tenant.name, id)) is None:
        raise HTTPException(404, "there is no such run")
    return run


Asking = Annotated[Tenant, Depends(tenant_of)]
Mine = Annotated[Any, Depends(run_of)]


@router.post("/runs", status_code=201)
async def start(change: Change, request: Request, tenant: Asking) -> dict[str, str]:
    """Start the review of a change."""
    state = request.app.state
    if not change.files and not change.diff:
        raise HTTPException(422, "nothing to review: pass files or diff")
    if state.runner.is_stopping:
        raise HTTPException(503, "the service is being stopped", {"Retry-After": "5"})
    if state.runner.waiting.get(tenant.name, 0) >= tenant.waiting:
        raise HTTPException(429, f"{tenant.waiting} runs wait already", {"Retry-After": "10"})
    try:
        id = await state.store.create(tenant, change.model_dump())
    except OverBudget as error:
        raise HTTPException(402, str(error)) from None
    await state.runner.tell(id, {"event": "queued"})
    state.runner.wake()
    return {"id": id}


@router.get("/runs")
async def latest(request: Request, tenant: Asking) -> list[dict[str, Any]]:
    """List the latest runs."""
    return [dict(run) for run in await request.app.state.store.latest(tenant.name)]


@router.get("/runs/{id}")
async def show(run: Mine) -> dict[str, Any]:
    """Show where a run is: its result, or the form with which a person answers."""
    shown = {name: run[name] for name in ("id", "status", "created", "usd", "result", "problem")}
    return shown | {"form": agents.one_form(run["asked"]) if run["status"] == "asking" else None}


@router.get("/runs/{id}/events")
async def watch(
    run: Mine,
    request: Request,
    last_event_id: Annotated[str, Header(pattern=r"^([0-9]{1,18}-[0-9]{1,18})?$")] = "",
) -> StreamingResponse:
    """Tell what happens in a run, as server-sent events, from the start or after one of them.

    The stream ends where the run is over or asks. Follow it again, after the last event, once it goes on.
    """
    return StreamingResponse(_sent(request.app.state, run, last_event_id), media_type="text/event-stream")


async def _sent(state: Any, run: Any, after: str) -> AsyncIterator[str]:
    if run["status"] in GOING_ON:
        async with contextlib.aclosing(state.feed.follow(run["id"], after)) as told:
            async for line in told:
                if line is not None and not _is_end(line):
                    yield _as_event(line)
                    after = line[0]
                    continue
                # Asked also after a while without a line: it may be the last one that could not be told.
                if (now := await state.store.get(run["tenant"], run["id"]))["status"] not in GOING_ON:
                    run = now
                    break
                if line is None:
                    yield ": still there\n\n"
            else:  # the service is being stopped
                return
    for line in await state.feed.past(run["id"], after):
        if not _is_end(line):
            yield _as_event(line)
    yield f"data: {json.dumps({'event': OVER, 'status': run['status'], 'usd': run['usd']})}\n\n"


def _as_event(line: Line) -> str:
    return f"id: {line[0]}\ndata: {line[1]}\n\n"


def _is_end(line: Line) -> bool:
    return bool(json.loads(line[1])["event"] == OVER)


@router.get("/runs/{id}/record")
async def record(run: Mine, request: Request, view: Literal["json", "html"] = "json") -> Response:
    """Give the record of a run: what it did, waited for, called and paid; also as a page to keep."""
    fold = recording.RecordFold()
    for _, line in await request.app.state.feed.past(run["id"], ""):
        fold.add(json.loads(line))
    if (found := fold.read()) is None:
        raise HTTPException(404, "the run has not begun, or its events are forgotten")
    if view == "json":
        return Response(found.to_json(), media_type="application/json")
    return Response(
        await asyncio.to_thread(found.to_html),
        media_type="text/html",
        headers={"Content-Disposition": f'attachment; filename="run-{run["id"]}.html"'},
    )


@router.post("/runs/{id}/answer", status_code=202)
async def answer(answer: Answer, run: Mine, request: Request) -> dict[str, str]:
    """Answer what a run asks. An answer that cannot be used is refused, and can be given again."""
    state = request.app.state
    if run["status"] != "asking":
        raise HTTPException(409, f"the run asks nothing: it is {run['status']}")
    try:
        agents.reply(run["asked"], answer.model_dump())
    except InputError as error:
        raise HTTPException(422, str(error)) from None
    if not await state.store.answer(run["id"], answer.model_dump()):
        raise HTTPException(409, "somebody else has answered")
    state.runner.wake()
    return {"status": "waiting"}


@router.post("/runs/{id}/cancel", status_code=202)
async def cancel(run: Mine, request: Request) -> dict[str, str]:
    """End a run: its connections are closed."""
    state = request.app.state
    if run["status"] in STATUSES_OVER:
        raise HTTPException(409, f"the run is over: it is {run['status']}")
    await state.store.cancel(run["id"])  # first, so that a process that lets go of it now sees it
    if (ended := await state.store.leave(run["id"], None, status="cancelled")) is not None:
        await state.runner.over(ended)
    state.runner.wake(to_cancel=True)
    return {"status": "cancelled"}


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def ready(request: Request) -> dict[str, str]:
    """Say whether it takes work: the database is reached, and it is not being stopped."""
    if request.app.state.runner.is_stopping:
        raise HTTPException(503, "the service is being stopped")
    try:
        await request.app.state.store.check()
    except Exception as error:
        raise HTTPException(503, "the database is not reached") from error
    return {"status": "ok"}


@router.get("/metrics")
async def metrics(request: Request, key: Key) -> Response:
    """Return numbers for Prometheus. They name tenants, so they have a key of their own."""
    state = request.app.state
    if key is None or digest(key.credentials) != state.settings.metrics_key_sha256:
        raise _no_key()
    none = dict.fromkeys((tenant.name for tenant in state.settings.tenants), 0)
    text = state.metrics.text(none | await state.store.waiting())
    return Response(text, media_type="text/plain; version=0.0.4")


@router.get("/")
async def page() -> FileResponse:
    """Return the page."""
    return FileResponse(HERE / "page" / "index.html")


@router.get("/page/{name}")
async def part(name: str) -> FileResponse:
    """Return a part of the page."""
    if name not in PARTS:
        raise HTTPException(404, "there is no such file")
    return FileResponse(HERE / "page" / name)


async def _refused(request: Request, error: Exception) -> Response:
    """Say what is wrong with a request, in ASCII and without what was given: UTF-8 may not have it."""
    assert isinstance(error, RequestValidationError)
    detail = [{"loc": one["loc"], "msg": one["msg"]} for one in error.errors()]
    return Response(json.dumps({"detail": detail}), 422, media_type="application/json")


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the service, with settings of the environment if there are no others."""
    app = FastAPI(title="Reviews", lifespan=running, docs_url=None, redoc_url=None)
    app.state.settings = settings or Settings.from_environment()
    app.add_middleware(Guard)
    app.add_exception_handler(RequestValidationError, _refused)
    app.include_router(router)
    return app
