"""Workers: anything with `ainvoke`."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypeAliasType

from langgraph_parallel.arguments import check_called, check_named
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.work.adapter import Adapter, adapt_graph
from langgraph_parallel.nodes.work.ask import Ask, is_unwatched_ask
from langgraph_parallel.nodes.work.attempts import are_limited, attempts_of
from langgraph_parallel.nodes.work.function import Function
from langgraph_parallel.nodes.work.render import section_text
from langgraph_parallel.records import Estimate, Section
from langgraph_parallel.runtime.chained import is_model
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.named_graph import with_own_keys
from langgraph_parallel.runtime.run import Run


@runtime_checkable
class Worker(Protocol):
    """Handles one piece of work: a Runnable, a compiled graph, a `RemoteGraph`, or an object of your own."""

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Do the work."""
        ...


class Composed(ABC):
    """A worker of this package that is built of `Ask`s and can estimate them."""

    @property
    @abstractmethod
    def asks(self) -> Sequence[Ask]:
        """The `Ask`s in it."""

    @abstractmethod
    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Work on a section."""

    @abstractmethod
    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """Return the upper bounds of the work on an input."""


WorkerLike = TypeAliasType(
    "WorkerLike", Worker | Callable[..., Awaitable[Any]] | Callable[..., Any] | BaseChatModel
)
"""A worker, or what becomes one: a function of the input, sync or async, or a chat model."""


SECTION_KEYS = frozenset(Section.model_fields)
"""What a graph gets as the worker of a section."""


def as_worker(worker: WorkerLike, prompt: str, offers: Collection[str] | None = SECTION_KEYS) -> Worker:
    """Return a worker; turn a function or a chat model into one.

    Functions and foreign objects are wrapped in a Runnable, so that traces show their branch by its name.

    Args:
        worker: a function gets the input as it is; a chat model gets `prompt`.
        prompt: name of a shipped prompt.
        offers: keys that a graph of others gets as its input in this place; empty if the work is a text, None
            if it is whatever the caller has.

    Raises:
        UsageError: it can be neither called nor invoked, or is a graph that takes none of the keys.
    """
    check_called(worker)
    if is_model(worker):
        return Ask.shipped(prompt, model=worker)
    if isinstance(worker, ParallelGraph):
        return with_own_keys(worker)  # as a worker it is asked and read by code that knows them
    if isinstance(worker, CompiledStateGraph):
        return adapt_graph(worker, offers)
    if isinstance(worker, Runnable | Ask | Composed | Adapter):
        return worker
    if isinstance(worker, Worker):
        return RunnableLambda(worker.ainvoke)
    if callable(worker):
        return Function(worker)
    raise UsageError(f"{worker!r} is not a worker; pass a function, or an object with `ainvoke`")


def _in_branch(worker: WorkerLike, prompt: str, offers: Collection[str] | None) -> Worker:
    found = as_worker(worker, prompt, offers)
    return found.in_branch if isinstance(found, ParallelGraph) else found


def is_of_package(worker: Worker) -> bool:
    """Return whether a worker is code of this package, whose model calls are all known."""
    if isinstance(worker, Function):
        function = getattr(worker, "func", None) or worker.afunc
        module = str(getattr(function, "__module__", ""))
        return module.partition(".")[0] == __name__.partition(".")[0]
    return isinstance(worker, Ask | Composed | ParallelGraph)


def invoke(worker: Worker, work: object, config: RunnableConfig | None, name: str) -> Awaitable[Any]:
    """Let a worker work; the limits that are set hold for code of the caller's (`nodes.work.attempts`).

    Args:
        worker: any.
        work: its input.
        config: of its branch.
        name: of the branch, for the records of attempts that failed.

    Raises:
        Exception: the worker's own.
    """
    if is_of_package(worker) or isinstance(worker, Adapter) or not are_limited():
        return worker.ainvoke(work, config)  # an adapter has limits itself
    return attempts_of(worker).make(lambda: worker.ainvoke(work, config), name)


def _itself(section: Section) -> object:
    return section


class Workers:
    """One worker for all sections, or several by name, of which each section names its own.

    Args:
        workers: a worker, or a mapping of name to worker.
        prompt: name of the shipped prompt that a chat model is asked with.
        foreign_input: builds the input of functions and other Runnables; by default the section itself.
        inputs: builds the input of workers by their names; takes precedence.
        outputs: reads what workers return, by their names: what it returns is the branch's value (of a nested
            graph, a mapping that is added to it), and if it raises, the branch has failed.

    Raises:
        UsageError: one of them is not a worker, or the mapping is empty.
    """

    def __init__(
        self,
        workers: WorkerLike | Mapping[str, WorkerLike],
        prompt: str = "sectioning/section",
        *,
        foreign_input: Callable[[Section], object] = _itself,
        inputs: Mapping[str, Callable[[Section], object]] | None = None,
        outputs: Mapping[str, Callable[[Any], object]] | None = None,
    ) -> None:
        self._foreign_input, self._inputs, self._outputs = foreign_input, inputs or {}, outputs or {}
        # With an input of another kind, the graph's own module has checked what a graph of others takes.
        offers = SECTION_KEYS if foreign_input is _itself else None
        if isinstance(workers, Mapping):
            if not workers:
                raise UsageError("worker is an empty mapping; pass at least one worker")
            check_named(workers, "worker")
            self.by_name = {name: _in_branch(worker, prompt, offers) for name, worker in workers.items()}
        else:
            self.by_name = {"": _in_branch(workers, prompt, offers)}

    @property
    def names(self) -> list[str]:
        """The names that a section may use; empty if there is only one worker."""
        return [] if list(self.by_name) == [""] else list(self.by_name)

    @property
    def asks(self) -> list[Ask]:
        """Every `Ask` in the workers."""
        return [ask for worker in self.by_name.values() for ask in asks_in(worker)]

    @property
    def escalates(self) -> bool:
        """Whether one of them may interrupt to ask a person."""
        return any(isinstance(w, ParallelGraph) and w.governing.escalates for w in self.by_name.values())

    @property
    def has_graphs(self) -> bool:
        """Whether one of them is a graph of this package."""
        return any(isinstance(worker, ParallelGraph) for worker in self.by_name.values())

    @property
    def in_task(self) -> bool:
        """Whether none of them needs LangGraph while it runs."""
        return all(
            worker.governing.in_task if isinstance(worker, ParallelGraph) else is_unwatched_ask(worker)
            for worker in self.by_name.values()
        )

    @property
    def built(self) -> dict[str, Any]:
        """What a resumed run must have in common with the one that began it."""
        graphs = {
            name: worker.governing.built if isinstance(worker, ParallelGraph) else None
            for name, worker in self.by_name.items()
        }
        return {"workers": graphs} if self.names else {"worker": graphs[""]}

    @property
    def only(self) -> Worker | None:
        """The worker of all sections, if there is only one."""
        return None if self.names else self.by_name[""]

    def select(self, work: Section) -> tuple[Worker, object]:
        """Return the worker of a section, and its input."""
        worker = self.by_name[work.worker if self.names else ""]
        if work.worker in self._inputs:
            return worker, self._inputs[work.worker](work)
        if isinstance(worker, ParallelGraph) and worker.governing.from_text is not None:
            return worker, worker.governing.from_text(work.title, section_text(work))
        return worker, work if isinstance(worker, Ask | Composed) else self._foreign_input(work)

    def reader(self, work: Section) -> Callable[[Any], object] | None:
        """Return the function that reads the result of a section; None to keep it as it is."""
        return self._outputs.get(work.worker)

    def input_for(self, work: Section) -> object:
        """Return the input that the worker of a section gets."""
        return self.select(work)[1]


def asks_in(part: object) -> list[Ask]:
    """Return the `Ask`s in a part of a graph: itself, or what it holds as `asks` or `ask`."""
    if isinstance(part, Ask):
        return [part]
    if isinstance(part, ParallelGraph):
        return list(part.governing.asks)
    asks = getattr(part, "asks", None) or [getattr(part, "ask", None)]
    return [ask for ask in asks if isinstance(ask, Ask)]


def takes_records(worker: Worker) -> bool:
    """Return whether a worker gets records as they are; other Runnables and graphs get a dict."""
    return isinstance(worker, RunnableLambda) or not isinstance(worker, Runnable)
