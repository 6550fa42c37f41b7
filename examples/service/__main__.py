"""Start the service: `python -m examples.service [--port 8000] [--processes 2]`."""

import argparse
import os
import tempfile

import uvicorn


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    made = argparse.ArgumentParser(prog="examples.service", description="Reviews as a service.")
    made.add_argument("--host", default="127.0.0.1")
    made.add_argument("--port", type=int, default=8000)
    made.add_argument(
        "--processes", type=int, default=1, help="more than one need LANGGRAPH_PARALLEL_REDIS_URL"
    )
    return made


def main() -> None:
    """Serve until the process is stopped."""
    reading = parser()
    given = reading.parse_args()
    if given.processes > 1:
        if not os.environ.get("LANGGRAPH_PARALLEL_REDIS_URL"):
            reading.error("several processes share their limits and events: set LANGGRAPH_PARALLEL_REDIS_URL")
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp())
    uvicorn.run(
        "examples.service.app:create_app",
        factory=True,
        host=given.host,
        port=given.port,
        workers=given.processes if given.processes > 1 else None,
        access_log=False,
    )


if __name__ == "__main__":
    main()
