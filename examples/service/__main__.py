"""Start the service: `python -m examples.service [--port 8000] [--processes 2]`."""

import argparse
import os
import tempfile

import uvicorn


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser(description="Reviews as a service.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--processes", type=int, default=1, help="more than one need LANGGRAPH_PARALLEL_REDIS_URL"
    )
    given = parser.parse_args()
    if given.processes > 1:
        if not os.environ.get("LANGGRAPH_PARALLEL_REDIS_URL"):
            parser.error("several processes share their limits and events: set LANGGRAPH_PARALLEL_REDIS_URL")
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp())
    uvicorn.run(
        "examples.service.app:create_app",
        factory=True,
        host=given.host,
        port=given.port,
        workers=given.processes if given.processes > 1 else None,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
