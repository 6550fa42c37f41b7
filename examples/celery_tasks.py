"""A graph in Celery's workers: a task that comes again goes on where it was, and pays for no answer twice.

    uv run --group recipes celery -A examples.celery_tasks worker --concurrency 2

Needs a model (OPENAI_API_KEY or LANGGRAPH_PARALLEL_MODEL). The workers of one machine share the file of
checkpoints; for several machines take `AsyncPostgresSaver`, and give all of them
LANGGRAPH_PARALLEL_REDIS_URL, so that they keep to one limit together.
"""

import asyncio
import os
from typing import Any

from celery import Celery, Task
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from langgraph_parallel import Ask, aredrive, create_sectioning, split

CHECKPOINTS = os.environ.get("CHECKPOINTS", "checkpoints.sqlite")

app = Celery("summaries", broker=os.environ.get("BROKER", "redis://127.0.0.1:6379/0"))
app.conf.update(
    result_backend=os.environ.get("RESULTS", "redis://127.0.0.1:6379/1"),
    task_acks_late=True,  # with the next line: the task of a worker that has died is delivered again
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)


class Incomplete(Exception):
    """Some sections have no summary yet."""


@app.task(bind=True, autoretry_for=(Incomplete,), retry_backoff=True, max_retries=3)
def summarise(self: Task, content: str) -> dict[str, Any]:
    """Summarise a text by its sections. What fails is tried again, and nothing else."""
    # One event loop for all that a task does, the checkpointer included: nothing is left of it in the
    # process, which may run the next task, or have been forked from one that has run a graph.
    return asyncio.run(_summarise(self.request.id, content))


async def _summarise(id: str, content: str) -> dict[str, Any]:
    thread: Any = {"configurable": {"thread_id": id}}
    async with AsyncSqliteSaver.from_conn_string(CHECKPOINTS) as saver:
        graph = create_sectioning(
            planner=split.by_heading(),
            worker=Ask("Summarise in one sentence:\n\n{content}"),
            limits={"deadline": 300, "budget_calls": 200},  # below the time limit of the task, if it has one
            checkpointer=saver,
        )
        begun = (await graph.aget_state(thread)).created_at is not None
        out = await (aredrive(graph, thread) if begun else graph.ainvoke({"content": content}, thread))
        if out["missing"]:
            raise Incomplete(f"no summary of {', '.join(out['missing'])}")
        await saver.adelete_thread(id)
    return {"summary": out["result"], "usd": out["run_report"].usd}
