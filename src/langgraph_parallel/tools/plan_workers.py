"""The workers of plans, as the application gives them: read once, for all plans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from typing_extensions import TypeAliasType, TypedDict

from langgraph_parallel.arguments import above_zero, check_named
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import (
    Composed,
    Worker,
    WorkerLike,
    as_worker,
    asks_in,
    invoke,
    is_of_package,
    takes_records,
)
from langgraph_parallel.records import Estimate, Section
from langgraph_parallel.runtime.chained import is_model
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.models import ModelLike, check_model
from langgraph_parallel.runtime.run import Run
from langgraph_parallel.tools.plan_terms import Card

_SECTION = "parallel_tool/section"
_MOST_NAME, _MOST_DESCRIPTION = 64, 500


class DescribedWorker(TypedDict, total=False):
    """A worker, and what a plan has to know of it."""

    worker: WorkerLike | str
    """A worker, or `provider:model`."""
    description: str
    """What it is for, for the model that plans."""
    usd: float
    """Most US dollars of one piece of its work, if the package cannot know: for agents, tools, functions."""


PlanWorkerLike = TypeAliasType(
    "PlanWorkerLike", WorkerLike | str | tuple[str, WorkerLike | str] | DescribedWorker
)
"""A worker, `provider:model`, a pair of its description and one of these, or a `DescribedWorker`."""


@dataclass(frozen=True)
class PlanWorker:
    """A worker of plans."""

    worker: Worker
    """Works on one section."""
    model: ModelLike | None = None
    """The model, if the worker is nothing else: then a vote of it is one of model voters."""
    card: Card = field(default_factory=Card)
    usd: float | None = None
    """Most US dollars of one piece of work; None for what can be estimated of it."""

    @property
    def is_known(self) -> bool:
        """Whether an estimate knows its calls: code of others may make any number."""
        return is_of_package(self.worker)


def read_workers(given: Mapping[str, Any]) -> dict[str, PlanWorker]:
    """Return the workers by name.

    Raises:
        UsageError: there is none, a name or a description is too long, or one of them is not a worker.
        ModelError: a model is not valid.
    """
    check_named(given, "workers")
    if not given:
        raise UsageError("workers is empty; pass at least one: {'name': worker}")
    unfit = [name for name in given if not (name.strip() and name.isprintable() and len(name) <= _MOST_NAME)]
    if unfit:
        raise UsageError(
            f"workers has the name {unfit[0][:_MOST_NAME]!r}; expected up to {_MOST_NAME} visible characters"
        )
    return {name: _read(name, worker) for name, worker in given.items()}


def _read(name: str, given: Any) -> PlanWorker:
    description, usd = "", None
    if isinstance(given, tuple):
        if len(given) != 2 or not isinstance(given[0], str):
            raise UsageError(f"workers[{name!r}] is a tuple; expected (description, worker)")
        description, given = given
    elif isinstance(given, Mapping):
        description, usd, given = _fields(name, given)
    if len(description) > _MOST_DESCRIPTION:
        raise UsageError(
            f"the description of worker {name!r} has {len(description)} characters; expected at most "
            f"{_MOST_DESCRIPTION}: every call of the planning model contains it"
        )
    description = " ".join(description.split())
    if isinstance(given, str) or is_model(given):
        check_model(given)
        return PlanWorker(Ask.shipped(_SECTION, model=given), given, Card(description), usd)
    worker = as_worker(given, _SECTION)
    if isinstance(worker, Ask):
        _check_prompt(name, worker)
    no_needs = isinstance(worker, Ask) and "earlier" not in worker.variables
    why = "has a prompt without {earlier}, where results of others would stand" if no_needs else ""
    return PlanWorker(worker, None, Card(description, _why_no_voter(worker), why), usd)


def _fields(name: str, given: Mapping[str, Any]) -> tuple[str, float | None, Any]:
    known = list(DescribedWorker.__annotations__)
    if unknown := [key for key in given if key not in known]:
        raise UsageError(
            f"workers[{name!r}] has the unknown key {unknown[0]!r}; known keys: {', '.join(known)}"
        )
    if "worker" not in given:
        raise UsageError(f"workers[{name!r}] lacks worker; pass {{'worker': ..., 'description': ...}}")
    description, usd = given.get("description", ""), given.get("usd")
    if not isinstance(description, str):
        raise UsageError(f"the description of worker {name!r} is {description!r}; expected a text")
    if usd is not None and usd != 0:
        if not isinstance(usd, int | float) or isinstance(usd, bool):
            raise UsageError(f"usd of worker {name!r} is {usd!r}; expected a number")
        above_zero(usd, f"usd of worker {name!r}")
    return description, usd, given["worker"]


def _check_prompt(name: str, ask: Ask) -> None:
    """Check that a prompt has the text of its section, and nothing that sections of a plan do not have.

    Raises:
        PromptError: it does not.
    """
    ask.prompt.check({"title", "content", "earlier", "id", *ask.given}, needs={"content", *ask.given})


def _why_no_voter(worker: Worker) -> str:
    asks = isinstance(worker, ParallelGraph) and worker.governing.escalates
    return "may ask a person, for whom a vote cannot wait" if asks else ""


class SectionVoter(Composed):
    """A worker of sections as a voter: it gets the question as a section.

    Args:
        worker: of sections; no graph of this package, which takes a question itself.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    @property
    def asks(self) -> Sequence[Ask]:
        """The `Ask`s in the worker."""
        return asks_in(self.worker)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Answer a question."""
        work = self._work(input)
        name = str((config or {}).get("run_name") or "voter")
        return await invoke(self.worker, work, config, name)

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """Return the upper bounds of one answer."""
        if isinstance(self.worker, Ask | Composed):
            return self.worker.estimate(self._work(input), run, context)
        return Estimate(notes=["Calls made by functions, agents and other Runnables are not included."])

    def _work(self, question: Any) -> Any:
        section = Section(id="vote", title="", content=str(question))
        as_record = isinstance(self.worker, Ask | Composed) or takes_records(self.worker)
        return section if as_record else section.model_dump(mode="json")
