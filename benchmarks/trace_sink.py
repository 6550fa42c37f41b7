"""A sink for LangSmith traces, in its own process: it takes what the client posts, and throws it away.

    python -m benchmarks.trace_sink

Prints its port. `GET /stats` returns the number of requests and of bytes since the last call.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web


async def serve() -> None:
    """Serve until the process ends."""
    requests = taken = 0

    async def take(request: web.Request) -> web.Response:
        nonlocal requests, taken
        requests += 1
        async for part in request.content.iter_chunked(2**20):
            taken += len(part)
        return web.json_response({})

    async def stats(request: web.Request) -> web.Response:
        nonlocal requests, taken
        counts = {"requests": requests, "bytes": taken}
        requests = taken = 0
        return web.json_response(counts)

    app = web.Application(client_max_size=2**30)
    app.router.add_get("/stats", stats)
    app.router.add_route("*", "/{any:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


@contextmanager
def sinking_traces() -> Iterator[dict[str, str]]:
    """Run the sink; the value is the environment that switches tracing to it on."""
    command = [sys.executable, "-m", "benchmarks.trace_sink"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield {
                "LANGSMITH_TRACING": "true",
                "LANGSMITH_ENDPOINT": f"http://127.0.0.1:{process.stdout.readline().strip()}",
                "LANGSMITH_API_KEY": "lsv2_none",
            }
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(serve())
