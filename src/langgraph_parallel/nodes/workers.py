"""What can work on a section: anything with `ainvoke`."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.ask import Ask
from langgraph_parallel.records import Section
from langgraph_parallel.runtime.graph import ParallelGraph


@runtime_checkable
class Worker(Protocol):
    """Handles one piece of work: a Runnable, a compiled graph, a `RemoteGraph`, or an object of your own."""

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Do the work."""
        ...


WorkerLike = Worker | Callable[..., Awaitable[Any]] | Callable[..., Any] | BaseChatModel
"""A worker, or what becomes one: a function of the input, sync or async, or a chat model."""


def as_worker(worker: WorkerLike, prompt: str) -> Worker:
    """Make a worker of a function or of a chat model; leave what is one as it is.

    An object of one's own is wrapped, so that its branch shows up in traces under its name.

    Args:
        worker: a function gets the input as it is; a chat model gets `prompt`.
        prompt: name of the prompt that ships with the package.

    Raises:
        UsageError: it can neither be called nor invoked.
    """
    if isinstance(worker, BaseChatModel):
        return Ask.shipped(prompt, model=worker)
    if isinstance(worker, Runnable | Ask):
        return worker
    if isinstance(worker, Worker):
        return RunnableLambda(worker.ainvoke)
    if callable(worker):
        return RunnableLambda(worker)
    raise UsageError(f"{worker!r} is no worker; pass a function or something with `ainvoke`")


def section_input(worker: Worker) -> Callable[[Section], object] | None:
    """How a graph of ours takes a section: a vote as its question, a review as its file."""
    fields = worker.get_input_jsonschema().get("properties", {}) if isinstance(worker, ParallelGraph) else {}
    if "question" in fields:
        return lambda section: {"question": section.content}
    if "files" in fields:
        return lambda section: {"files": {section.title: section.content}}
    return None


def takes_records(worker: Worker) -> bool:
    """Whether a worker gets records as they are: functions and ours do, graphs and Runnables get a dict."""
    return isinstance(worker, RunnableLambda) or not isinstance(worker, Runnable)
