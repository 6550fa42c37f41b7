"""A worker in the batch lane, in a process of its own that may end in the middle."""

import asyncio
import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from langchain_openai import ChatOpenAI

from langgraph_parallel import governed
from langgraph_parallel.graphs import labeling, voting  # noqa: F401 - what every process needs
from langgraph_parallel.runtime.batch import lane  # noqa: F401 - the same
from langgraph_parallel.runtime.batch.settings import bounds
from langgraph_parallel.scale.engine import Chunk, Job
from langgraph_parallel.scale.making import make_program
from langgraph_parallel.scale.rows import Result, Row
from langgraph_parallel.scale.working import ChunkWorker


async def ask_twice(row: Mapping[str, Any]) -> str:
    """Ask one question after another."""
    model = governed(ChatOpenAI(model="test-model"))
    first = await model.ainvoke(f"first of {row['text']}")
    return str((await model.ainvoke(f"second of {row['text']} after {first.text}")).text)


PROGRAMS: dict[str, dict[str, Any]] = {
    "voting": {
        "settings": {"choices": ["yes", "no"], "voters": 2, "stop": "all_votes"},
        "inputs": {"question": "text"},
        "model": "openai:test-model",
    },
    "labeling": {
        "settings": {"labels": ["yes", "no"], "voters": 2, "stop": "all_votes"},
        "inputs": {"items": "text"},
        "model": "openai:test-model",
    },
    "tests.scale.batch_map:ask_twice": {},
}


def work(graph: str, rows: int, variables: Mapping[str, str], output: Path, *, dies: bool = False) -> None:
    """Run rows of equal texts, and write the keys and results: they are told apart by their keys alone.

    Args:
        graph: one of `PROGRAMS`.
        rows: their number.
        variables: of the environment.
        output: file for a line of JSON for each row.
        dies: whether the process kills itself when the first results are delivered, before anybody could
            store them.
    """
    os.environ.update(variables)
    with output.open("w") as lines:
        asyncio.run(_work(graph, rows, lines, dies=dies))


async def _work(graph: str, rows: int, lines: TextIO, *, dies: bool) -> None:
    bounds.quiet, bounds.first_poll, bounds.longest_poll = 0.05, 0.02, 0.05
    bounds.first_pause, bounds.longest_pause, bounds.late_creation = 0.02, 0.05, 0.1
    program = make_program(graph, limits={"lane": "batch"}, **PROGRAMS[graph])

    async def deliver(results: Sequence[Result]) -> None:
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        for result in results:
            told = [result.key, result.status, result.error or result.spent.calls]
            print(json.dumps(told), file=lines, flush=True)

    async with ChunkWorker(Job(id="map-1", program=program)) as worker:
        keys = [str(number) for number in range(rows)]
        chunks = [
            Chunk(number, [Row(key, {"text": f"text {int(key) % 2}"}) for key in keys[number::2]])
            for number in (0, 1)
        ]
        await asyncio.gather(*(worker.work(chunk, deliver) for chunk in chunks))
