"""Run the server."""

import asyncio

from benchmarks.billing.server import Server

if __name__ == "__main__":
    asyncio.run(Server().serve())
