"""What can work on a section: anything with `ainvoke`."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.render import titled
from langgraph_parallel.records import Estimate, Section
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.run import Run


@runtime_checkable
class Worker(Protocol):
    """Handles one piece of work: a Runnable, a compiled graph, a `RemoteGraph`, or an object of your own."""

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Do the work."""
        ...


class Composed(ABC):
    """A worker of ours that is made of others: it says what of it asks models, and what that takes."""

    @property
    @abstractmethod
    def asks(self) -> Sequence[Ask]:
        """What asks a model."""

    @abstractmethod
    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Do the work on a section."""

    @abstractmethod
    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """What it takes at most."""


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
    if isinstance(worker, Runnable | Ask | Composed):
        return worker
    if isinstance(worker, Worker):
        return RunnableLambda(worker.ainvoke)
    if callable(worker):
        return RunnableLambda(worker)
    raise UsageError(f"{worker!r} is no worker; pass a function or something with `ainvoke`")


class Workers:
    """One worker for all sections, or several by name, of which each section says its own.

    Args:
        given: a worker, or a mapping of name to worker.
        prompt: name of the shipped prompt that a chat model is asked with.
        foreign: what functions and foreign Runnables get of a section; by default the section.
        inputs: what workers of these names get of one.

    Raises:
        UsageError: one of them is no worker, or there is none.
    """

    def __init__(
        self,
        given: WorkerLike | Mapping[str, WorkerLike],
        prompt: str = "sectioning/section",
        *,
        foreign: Callable[[Section], object] = lambda section: section,
        inputs: Mapping[str, Callable[[Section], object]] | None = None,
    ) -> None:
        self._foreign, self._inputs = foreign, inputs or {}
        if isinstance(given, Mapping):
            if not given:
                raise UsageError("there is no worker; pass one, or several by name")
            self.by_name = {name: as_worker(worker, prompt) for name, worker in given.items()}
        else:
            self.by_name = {"": as_worker(given, prompt)}

    @property
    def names(self) -> list[str]:
        """Those that a section may name; empty where there is only one worker."""
        return [] if list(self.by_name) == [""] else list(self.by_name)

    @property
    def asks(self) -> list[Ask]:
        """Those that ask a model themselves, and those that others are made of."""
        return [ask for worker in self.by_name.values() for ask in asks_in(worker)]

    @property
    def escalates(self) -> bool:
        """Whether one of them may wait for a person."""
        return any(isinstance(w, ParallelGraph) and w.governing.escalates for w in self.by_name.values())

    @property
    def only(self) -> Worker | None:
        """The worker of all sections, where there is one."""
        return None if self.names else self.by_name[""]

    def select(self, work: Section) -> tuple[Worker, object]:
        """The worker of a section, and what it gets."""
        worker = self.by_name[work.worker if self.names else ""]
        if work.worker in self._inputs:
            return worker, self._inputs[work.worker](work)
        if isinstance(worker, ParallelGraph) and worker.governing.takes is not None:
            return worker, worker.governing.takes(work.title, whole_text(work))
        return worker, work if isinstance(worker, Ask | Composed) else self._foreign(work)

    def into(self, work: Section) -> object:
        """What the worker of a section gets."""
        return self.select(work)[1]


def asks_in(part: object) -> list[Ask]:
    """What asks a model in a part of a graph: the part itself, or what it says under `asks` or `ask`."""
    if isinstance(part, Ask):
        return [part]
    if isinstance(part, ParallelGraph):
        return list(part.governing.asks)
    held = getattr(part, "asks", None) or [getattr(part, "ask", None)]
    return [ask for ask in held if isinstance(ask, Ask)]


def whole_text(section: Section) -> str:
    """A section as one text: what to do, the material, and what came of the sections that it needs."""
    parts = (section.instructions, section.content, titled(section.earlier.items()))
    return "\n\n".join(part for part in parts if part)


def takes_records(worker: Worker) -> bool:
    """Whether a worker gets records as they are: functions and ours do, graphs and Runnables get a dict."""
    return isinstance(worker, RunnableLambda) or not isinstance(worker, Runnable)
