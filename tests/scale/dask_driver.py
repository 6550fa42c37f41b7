"""A driver in a process of its own, which tests kill: it runs rows until then.

Arguments: where the cluster is, job, program, number of rows, size of chunks, columns as JSON. It writes a
line for each row that it has.
"""

import asyncio
import json
import sys

from langgraph_parallel.scale.engines.dask import DaskEngine
from langgraph_parallel.scale.program import Program
from tests.scale.clusters import Feeder, rows_of


async def main(where: str, job: str, graph: str, number: str, size: str, columns: str) -> None:
    """Run rows."""
    engine = DaskEngine(int(where) if where.isdigit() else where)
    async with Feeder(engine, Program(graph=graph), job) as feeder:
        print("open", flush=True)
        feeding = asyncio.create_task(feeder.feed(rows_of(int(number), **json.loads(columns)), int(size)))
        told = 0
        while not feeding.done():
            arriving = asyncio.create_task(feeder.until(told + 1))
            await asyncio.wait([feeding, arriving], return_when=asyncio.FIRST_COMPLETED)
            for result in feeder.results[told:]:
                print(result.key, flush=True)
                told += 1


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
