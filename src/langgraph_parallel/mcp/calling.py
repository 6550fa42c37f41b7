"""One call of a tool: read, run, answer; and how it ends when the client cancels it."""

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command
from mcp import types

from langgraph_parallel.errors import UsageError
from langgraph_parallel.mcp.bounds import bounded, bounded_report
from langgraph_parallel.mcp.daemon import in_thread
from langgraph_parallel.mcp.events import Progress
from langgraph_parallel.mcp.patterns import MODEL_HINT, Settings, Work
from langgraph_parallel.mcp.reading import OpenReader
from langgraph_parallel.mcp.results import shared_fields
from langgraph_parallel.mcp.runs import SCHEME, KeptRun, Runs
from langgraph_parallel.mcp.tools import Offered
from langgraph_parallel.report.run import cause_lines, result_status, run_markdown
from langgraph_parallel.runtime.models import ADD_MODEL

T = TypeVar("T")
_CLEANUP = 5.0
"""Seconds that a cancelled run gets to close its connections."""
_LINKS_SINCE = "2025-06-18"
"""The first protocol in which results link to resources."""


@dataclass(frozen=True)
class Asked:
    """A run that waits for a person.

    Attributes:
        run: its id, and that of its thread.
        work: the run.
        request: what is asked, in the form of agent UIs.
    """

    run: str
    work: Work
    request: Mapping[str, Any]


async def to_its_end(running: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine in a task of its own, and cancel that once if this is cancelled.

    The scope of a call cancels again and again whatever awaits in it, the clean-up of a run included.
    """
    task = asyncio.ensure_future(running)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task], timeout=_CLEANUP)
        raise


async def prepare(
    offered: Offered, arguments: Any, settings: Settings, open_reader: OpenReader, folders: Sequence[Path]
) -> Work:
    """Read what a call needs, and build its graph, in a thread.

    Raises:
        UsageError: something cannot be read, or an argument is not valid.
    """
    stopped = threading.Event()
    try:
        return await in_thread(lambda: offered.prepare(arguments, settings, open_reader(folders, stopped)))
    finally:
        stopped.set()


async def run_graph(work: Work, run: str, progress: Progress, resume: Any = None) -> dict[str, Any] | Asked:
    """Run a graph, and return its output, or that it waits for a person.

    Args:
        work: the graph and its input.
        run: id of the run.
        progress: hears of its events.
        resume: the person's decisions, to go on after a question; None to begin.
    """
    config: RunnableConfig = {"configurable": {"thread_id": run}} if work.asks else {}
    given: Any = work.inputs if resume is None else Command(resume=resume)
    output: dict[str, Any] | Asked = {}
    stream = work.graph.astream(given, config, stream_mode=["custom", "values"], subgraphs=True)
    async with aclosing(stream) as chunks:  # at once, also if this is cancelled while it tells of progress
        async for namespace, mode, data in chunks:
            if mode == "custom":
                await progress.on_event(data)
            elif not namespace:
                interrupts = data.get("__interrupt__")
                output = Asked(run, work, interrupts[0].value) if interrupts else data
    return output


def answer(
    offered: Offered, work: Work, run: str, output: Mapping[str, Any], runs: Runs, version: str
) -> types.CallToolResult:
    """Return the result of a call, and keep the whole report of its run.

    Args:
        offered: the tool.
        work: what was run.
        run: id of the run.
        output: of the graph.
        runs: keeps the report.
        version: of the protocol that the client speaks.

    Raises:
        UsageError: the run has no result.
    """
    record, report = output.get(work.key), output["run_report"]
    if record is None:
        raise UsageError(f"there is no {work.key}: {'; '.join(cause_lines(report))}")
    record = advise(record)
    output = {**output, work.key: record}
    status = result_status(output)
    result = work.result(record, {**shared_fields(run, report, work.problems), "status": status})
    whole = f"{work.markdown(output, None)}\n{run_markdown(report)}"
    runs.keep(run, KeptRun(offered.name, whole, record.model_dump_json(indent=2)))
    head = ""
    if status == "failed":
        why = "no model answered" if report.status == "failed" else "there is no result"
        head = f"{why}: {'; '.join(cause_lines(report))}\n\n"
    text = bounded_report(
        lambda lines: head + work.markdown(output, lines) + _problems(result.problems), f"{SCHEME}{run}"
    )
    content: list[types.ContentBlock] = [types.TextContent(text=text)]
    if version >= _LINKS_SINCE:
        content.append(run_link(run, offered.name, len(whole.encode(errors="replace"))))
    return types.CallToolResult(
        content=content,
        structured_content=bounded(result, whole=offered.whole),
        is_error=status == "failed",
    )


def advise(record: Any) -> Any:
    """Return a record whose notice says how to add a model to the server, not to a program."""
    notice = getattr(record, "notice", "")
    if ADD_MODEL not in notice:
        return record
    return record.model_copy(update={"notice": notice.replace(ADD_MODEL, f"To add a model, {MODEL_HINT}.")})


def run_link(run: str, tool: str, size: int) -> types.ResourceLink:
    """Return the link to the whole report of a run."""
    return types.ResourceLink(
        uri=f"{SCHEME}{run}",
        name=f"{tool}-{run}",
        title=f"Whole report of {tool}",
        mime_type="text/markdown",
        size=size,
    )


def failure(message: str) -> types.CallToolResult:
    """Return the result of a call that has failed, in one line."""
    return types.CallToolResult(content=[types.TextContent(text=" ".join(message.split()))], is_error=True)


def _problems(problems: Sequence[str]) -> str:
    return "".join(f"\n- Not complete: {' '.join(one.split())}" for one in problems)
