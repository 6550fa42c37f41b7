"""Electorate: who votes. Voters that are workers of the caller are here; model voters are in `vote.panel`."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Protocol

from langgraph.pregel.protocol import PregelProtocol
from typing_extensions import TypedDict

from langgraph_parallel.nodes.work.ask import Ask, is_unwatched_ask
from langgraph_parallel.nodes.work.media import text_of
from langgraph_parallel.nodes.work.workers import Worker, asks_in
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.models import ModelLike, model_name
from langgraph_parallel.runtime.run import Run


class Vote(TypedDict):
    """The work of one voter's branch."""

    voter: str
    question: Any


class Electorate(Protocol):
    """Says who votes on a question, and hands each voter's branch to its worker."""

    @property
    def names(self) -> Sequence[str]:
        """The names of the voters as built, in order; empty if they follow from the question."""
        ...

    def voters(self, question: Any, size: int | None) -> Sequence[str]:
        """Return the names of the voters, in order; `size` is the runtime context's, or None."""
        ...

    def select(self, work: Vote) -> tuple[Worker, object]:
        """Return the worker of a voter, and its input."""
        ...

    def models(self) -> Sequence[ModelLike | None]:
        """Return the models that it was built to ask; None stands for the one that the environment names."""
        ...

    def check(self, context: Context, run: Run) -> None:
        """Check, before any call, that every voter can be asked in a run with this context.

        Raises:
            ModelError: a model is not available, or has no known price and the run has a budget in dollars.
        """
        ...

    @property
    def asks(self) -> Sequence[Ask]:
        """The `Ask`s of the voters, as far as they are known before a run."""
        ...

    @property
    def only_asks(self) -> bool:
        """Whether all voters are `Ask`s, and none is code of others (`work.ask.is_unwatched_ask`)."""
        ...

    def identical_warning(self, voters: Sequence[str]) -> str:
        """Return a warning about voters that send the same request; empty if there are none."""
        ...


class WorkerVoters:
    """Voters that are workers of the caller's: functions, Runnables, graphs. Each gets the question.

    Args:
        workers: by the voters' names.
    """

    def __init__(self, workers: Mapping[str, Worker]) -> None:
        self.workers = _as_panel(workers)

    @property
    def names(self) -> Sequence[str]:
        """The names of the workers."""
        return list(self.workers)

    def voters(self, question: Any, size: int | None) -> Sequence[str]:
        """Return all voters; a size in the runtime context does not apply."""
        return list(self.workers)

    def select(self, work: Vote) -> tuple[Worker, object]:
        """Return the voter's own worker, and the question in the form that it takes."""
        worker = self.workers[work["voter"]]
        return worker, question_input(worker, work["question"])

    def models(self) -> Sequence[ModelLike | None]:
        """Return the models of voters that are `Ask`s."""
        return [model for w in self.workers.values() if isinstance(w, Ask) for model in w.models]

    @property
    def asks(self) -> Sequence[Ask]:
        """The `Ask`s of the voters."""
        return [ask for worker in self.workers.values() for ask in asks_in(worker)]

    @property
    def only_asks(self) -> bool:
        """Whether all voters are `Ask`s whose calls nobody watches."""
        return all(is_unwatched_ask(worker) for worker in self.workers.values())

    def identical_warning(self, voters: Sequence[str]) -> str:
        """Return an empty text: nothing is known of how the caller's workers answer."""
        return ""

    def check(self, context: Context, run: Run) -> None:
        """Check the models of voters that are `Ask`s."""
        for worker in self.workers.values():
            if isinstance(worker, Ask):
                worker.check(run, context)


def _as_panel(workers: Mapping[str, Worker]) -> Mapping[str, Worker]:
    """Tell voters that ask a model which models the others ask, so that their fallbacks differ from these."""
    asks = {name: worker for name, worker in workers.items() if isinstance(worker, Ask)}
    named = [ask.model for ask in asks.values() if ask.model is not None]
    panel = dict(workers)
    for name, ask in asks.items() if len(set(map(model_name, named))) > 1 else ():
        panel[name] = member = copy(ask)
        member.spare = ask.spare.beside([model for model in named if model is not ask.model])
    return panel


def question_input(worker: Worker, question: object, **values: object) -> object:
    """Return the question in the form that a voter takes.

    Args:
        worker: an `Ask` gets its variables, a graph of this package its own input, another graph
            `{"question": ...}`, and anything else the question itself.
        question: as the vote got it.
        values: further variables that a prompt may use.
    """
    if isinstance(worker, Ask):
        names = worker.variables if len(worker.variables) == 1 else {"question"}
        return {**dict.fromkeys(names, question), **values}
    if isinstance(worker, ParallelGraph) and worker.governing.from_text is not None:
        return worker.governing.from_text("question", text_of(question))
    return {"question": question} if isinstance(worker, PregelProtocol) else question
