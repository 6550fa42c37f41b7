"""A nested run of 10 sections x 5 voters, in processes that a test can kill.

    python -m tests.support.killed_run

Reads a line of JSON for each process that it is to fork: `address` (an SQLite file, or `postgresql://...`),
`redrive`, and `output`, a file for the result. Answers with the process's id. A second process on the same
address resumes what the first one has left. Forking saves each of them the time to import everything.
"""

import asyncio
import json
import os
import signal
import sys
import traceback
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from langgraph_parallel import Limits, aredrive
from tests.support.fans import GIVEN, nested

SECTIONS, VOTERS, CEILING = 10, 5, 8


def saver_at(address: str) -> AbstractAsyncContextManager[Any]:
    """The checkpointer of an address."""
    if address.startswith("postgresql:"):
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

        return AsyncPostgresSaver.from_conn_string(address)
    return AsyncSqliteSaver.from_conn_string(address)


async def run(address: str, *, redrive: bool) -> dict[str, Any]:
    """Run, resume, or redrive."""
    config: Any = {"configurable": {"thread_id": "1"}}
    async with saver_at(address) as checkpointer:
        await checkpointer.setup()
        limits = Limits(concurrency=CEILING, attempts=1)
        graph = nested(SECTIONS, VOTERS, "openai:test-model", limits=limits, checkpointer=checkpointer)
        if redrive:
            out = await aredrive(graph, config)
        else:
            begun = (await graph.aget_state(config)).next
            out = await graph.ainvoke(None if begun else GIVEN, config)
    report = out["run_report"]
    return {
        "result": out["result"],
        "branches": report.branches,
        "calls": len(report.calls),
        "tokens": report.usage.input_tokens,
        "failures": report.failures,
    }


NEEDED = (
    "anyio.streams.tls",
    "genai_prices.data_units",
    "genai_prices.update_prices",
    "httpcore2",
    "jiter",
    "langchain_core.tracers.context",
    "langchain_core.tracers.stdout",
    "langchain_openai",
    "openai.lib._chat_completion_resources",
    "openai.lib.streaming.chat",
    "openai.pagination",
    "openai.resources.chat.completions",
    "psycopg",
    "truststore",
)
"""What a run imports by itself once it makes calls, and each forked process would import again."""


def import_all() -> None:
    """Import what every process needs, before any is forked."""
    for name in NEEDED:
        import_module(name)


def main() -> None:
    """Fork a process for every line."""
    import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: they just go
    for line in sys.stdin:
        wanted = json.loads(line)
        if pid := os.fork():
            print(pid, flush=True)
            continue
        try:
            result = asyncio.run(run(wanted["address"], redrive=wanted["redrive"]))
        except BaseException:
            result = {"error": traceback.format_exc()}
        Path(wanted["output"]).write_text(json.dumps(result))
        os._exit(0)


if __name__ == "__main__":
    main()
