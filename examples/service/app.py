"""The service over HTTP: `uvicorn examples.service.app:app`, or `python -m examples.service`."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from pydantic import BaseModel, ConfigDict, Field

from examples.service.feed import OVER, Feed, feed_at
from examples.service.graph import build
from examples.service.metrics import Metrics
from examples.service.runner import Runner
from examples.service.settings import HERE, Settings, Tenant
from examples.service.store import OverBudget, Store
from langgraph_parallel import agents, limiting
from langgraph_parallel.errors import InputError

MOST_BYTES = 1_000_000
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Change(BaseModel):
    """What is to be reviewed."""

    model_config = ConfigDict(extra="forbid")
    files: dict[str, str] = Field(default_factory=dict, description="Text by path.")
    diff: str | None = Field(None, description="A unified diff.")


class Answer(BaseModel):
    """A person's answer: one decision for each request of the form."""

    decisions: list[dict[str, Any]]


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Open the parts of the service, and let calls in flight finish at its end."""
    settings: Settings = app.state.settings
    async with AsyncExitStack() as stack:
        store = app.state.store = Store(settings.database)
        await store.open()
        stack.push_async_callback(store.close)
        if settings.redis:
            stack.callback(limiting.share_limits(settings.redis).close)
        feed = app.state.feed = feed_at(settings.redis)
        stack.push_async_callback(feed.close)
        saver = await stack.enter_async_context(_saver(settings.database))
        await saver.setup()
        app.state.graph = build(saver)
        runner = app.state.runner = Runner(settings, app.state.graph, store, feed, app.state.metrics)
        keeping = asyncio.create_task(runner.keep())
        _stop_on_sigterm(runner, feed)
        try:
            yield
        finally:
            await runner.stop()
            keeping.cancel()


def _saver(database: str) -> Any:
    """Return the checkpointer for the same database."""
    if database.startswith("sqlite"):
        return AsyncSqliteSaver.from_conn_string(database.partition(":///")[2])
    return AsyncPostgresSaver.from_conn_string(database.replace("+psycopg", "", 1))


def _stop_on_sigterm(runner: Runner, feed: Feed) -> None:
    """Begin to stop with the signal: the server waits for its requests, which would follow runs for ever."""
    loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: Any) -> None:
        runner.request_stop()
        loop.call_soon_threadsafe(lambda: loop.create_task(feed.close()))
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, stop)


app = FastAPI(title="Reviews", lifespan=running)
app.state.settings = Settings.from_environment()
app.state.metrics = Metrics()
bearer = HTTPBearer(auto_error=False)


def tenant_of(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Tenant:
    """Return who asks, by their key."""
    tenant = request.app.state.settings.tenant_with(given.credentials) if given else None
    if tenant is None:
        raise HTTPException(401, "pass a key: Authorization: Bearer KEY", {"WWW-Authenticate": "Bearer"})
    return tenant


async def run_of(id: str, request: Request, tenant: Annotated[Tenant, Depends(tenant_of)]) -> Any:
    """Return a run of who asks; what others have does not exist for them."""
    if (run := await request.app.state.store.get(tenant.name, id)) is None:
        raise HTTPException(404, "there is no such run")
    return run


Asking = Annotated[Tenant, Depends(tenant_of)]
Mine = Annotated[Any, Depends(run_of)]


@app.middleware("http")
async def guarded(request: Request, call_next: Any) -> Response:
    """Refuse large requests, and say what browsers may do with the answers."""
    if int(request.headers.get("content-length") or 0) > MOST_BYTES:
        return JSONResponse({"detail": f"at most {MOST_BYTES:,} bytes"}, 413)
    response: Response = await call_next(request)
    response.headers.update(HEADERS)
    return response


@app.post("/runs", status_code=201)
async def start(change: Change, request: Request, tenant: Asking) -> dict[str, str]:
    """Start the review of a change."""
    state = request.app.state
    if not change.files and not change.diff:
        raise HTTPException(422, "nothing to review: pass files or diff")
    if state.runner.is_stopping:
        raise HTTPException(503, "the service is being stopped", {"Retry-After": "5"})
    if (await state.store.waiting()).get(tenant.name, 0) >= tenant.waiting:
        raise HTTPException(429, f"{tenant.waiting} runs wait already", {"Retry-After": "10"})
    try:
        id = await state.store.create(tenant, change.model_dump())
    except OverBudget as error:
        raise HTTPException(402, str(error)) from None
    await state.feed.put(id, {"event": "queued"})
    state.runner.wake()
    return {"id": id}


@app.get("/runs")
async def latest(request: Request, tenant: Asking) -> list[dict[str, Any]]:
    """List the latest runs."""
    return [dict(run) for run in await request.app.state.store.latest(tenant.name)]


@app.get("/runs/{id}")
async def show(run: Mine) -> dict[str, Any]:
    """Show where a run is: its result, or the form with which a person answers."""
    shown = {name: run[name] for name in ("id", "status", "created", "usd", "result", "problem")}
    return shown | {"form": agents.one_form(run["asked"]) if run["status"] == "asking" else None}


@app.get("/runs/{id}/events")
async def watch(
    run: Mine, request: Request, last_event_id: Annotated[str, Header(pattern=r"^[\d-]*$")] = ""
) -> StreamingResponse:
    """Tell what happens in a run, as server-sent events, from the start or after one of them."""
    lines = request.app.state.feed.follow(run["id"], last_event_id)
    return StreamingResponse(_sent(lines, run), media_type="text/event-stream")


async def _sent(lines: AsyncIterator[tuple[str, str] | None], run: Any) -> AsyncIterator[str]:
    if run["status"] not in ("waiting", "running"):  # what is told of it may be forgotten
        yield f"data: {json.dumps({'event': OVER, 'status': run['status']})}\n\n"
        return
    async for line in lines:
        yield ": still there\n\n" if line is None else f"id: {line[0]}\ndata: {line[1]}\n\n"


@app.post("/runs/{id}/answer", status_code=202)
async def answer(answer: Answer, run: Mine, request: Request) -> dict[str, str]:
    """Answer what a run asks. An answer that cannot be used is refused, and can be given again."""
    state = request.app.state
    if run["status"] != "asking":
        raise HTTPException(409, f"the run asks nothing: it is {run['status']}")
    try:
        agents.reply(run["asked"], answer.model_dump())
    except InputError as error:
        raise HTTPException(422, str(error)) from None
    if not await state.store.answer(run["tenant"], run["id"], answer.model_dump()):
        raise HTTPException(409, "somebody else has answered")
    state.runner.wake()
    return {"status": "waiting"}


@app.post("/runs/{id}/cancel", status_code=202)
async def cancel(run: Mine, request: Request) -> dict[str, str]:
    """End a run: its connections are closed."""
    state = request.app.state
    if not await state.store.end(run["id"], None, status="cancelled"):  # nobody runs it: it waits or asks
        await state.store.cancel(run["tenant"], run["id"])
        state.runner.wake()
    else:
        await state.feed.put(run["id"], {"event": OVER, "status": "cancelled"})
    return {"status": "cancelled"}


@app.get("/healthz")
async def alive() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@app.get("/readyz")
async def ready(request: Request) -> dict[str, str]:
    """Say whether it takes work: the database is reached, and it is not being stopped."""
    if request.app.state.runner.is_stopping:
        raise HTTPException(503, "the service is being stopped")
    try:
        await request.app.state.store.check()
    except Exception as error:
        raise HTTPException(503, "the database is not reached") from error
    return {"status": "ok"}


@app.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return numbers for Prometheus; they name tenants, so let only the monitoring reach them."""
    text = request.app.state.metrics.text(await request.app.state.store.waiting())
    return Response(text, media_type="text/plain; version=0.0.4")


@app.get("/")
async def page() -> FileResponse:
    """Return the page."""
    return FileResponse(HERE / "page" / "index.html")


@app.get("/page/{name}")
async def part(name: str) -> FileResponse:
    """Return a part of the page."""
    if name not in ("page.js", "page.css"):
        raise HTTPException(404, "there is no such file")
    return FileResponse(HERE / "page" / name)
