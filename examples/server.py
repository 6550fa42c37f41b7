"""Serve a graph over HTTP, and stop gracefully: on SIGTERM calls in flight finish, and every answer is sent.

    uv run uvicorn examples.server:app    # any ASGI server; Starlette here, FastAPI alike

Posts a text, whose sections are summarised. Needs a model: OPENAI_API_KEY, OPENAI_BASE_URL or
LANGGRAPH_PARALLEL_MODEL.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from langgraph_parallel import Ask, create_sectioning, drain, split

graph = create_sectioning(
    planner=split.by_heading(),
    worker=Ask("Summarise in one sentence:\n\n{content}"),
    limits={"concurrency": 2, "deadline": 60, "budget_calls": 100, "grace": 20},
)


@asynccontextmanager
async def drained_on_sigterm(app: Any) -> AsyncIterator[None]:
    """Drain all runs as soon as the server is told to stop: it then waits for their answers."""
    loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: Any) -> None:
        loop.call_soon_threadsafe(drain)
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, stop)
    yield


async def summarise(request: Request) -> JSONResponse:
    """Answer with what there is, and name what is missing."""
    out = await graph.ainvoke({"content": (await request.body()).decode()})
    why = out["run_report"].completion_reason
    return JSONResponse({"summary": out["result"], "missing": out["missing"], "why": why})


app = Starlette(routes=[Route("/", summarise, methods=["POST"])], lifespan=drained_on_sigterm)
