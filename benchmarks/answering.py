"""A model server in a process of its own, for benchmarks: it answers every request after a fixed time.

    python -m benchmarks.answering [SECONDS]

Prints its port. It counts nothing and checks nothing, so that what is measured is the client.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

TEXT = json.dumps({"choice": "yes", "rationale": "It is so.", "confidence": 0.9})
BODY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "test",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": TEXT, "refusal": None},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
).encode()


async def serve(seconds: float) -> None:
    """Serve until the process ends."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(seconds)
        return web.Response(body=BODY, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


@contextmanager
def answering(seconds: float) -> Iterator[str]:
    """Start the server, and name its address as `OPENAI_BASE_URL`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.answering", str(seconds)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        os.environ |= {
            "OPENAI_API_KEY": "sk-none",
            "OPENAI_BASE_URL": url,
            "LANGSMITH_TRACING": "false",
        }
        yield url
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) if len(sys.argv) > 1 else 0.2))
