"""Who votes: voters that the caller brings; for a panel of models see `nodes.panel`."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from langgraph.pregel.protocol import PregelProtocol
from typing_extensions import TypedDict

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Worker, WorkerLike, as_worker, asks_in
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.models import ModelLike, require_model
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.runtime.run import Run


class Vote(TypedDict):
    """The work of one voter's branch."""

    voter: str
    question: Any


class Electorate(Protocol):
    """Says who votes on a question, and hands each voter's branch to its worker."""

    def voters(self, question: Any, most: int | None) -> Sequence[str]:
        """Names of the voters, in order; `most` is the runtime context's number, where it has one."""
        ...

    def select(self, work: Vote) -> tuple[Worker, object]:
        """The worker of one voter, and what it gets."""
        ...

    def models(self) -> Sequence[ModelLike | None]:
        """The models that it was built to ask; None for what the environment names."""
        ...

    def check(self, model: ModelLike | None, run: Run) -> None:
        """Make sure, before any call, that the voters can be had; `model` is the runtime context's.

        Raises:
            ModelError: one of them cannot, or has no price where the run has a budget in dollars.
        """
        ...

    @property
    def asks(self) -> Sequence[Ask]:
        """Those of the voters that ask a model, as far as they are known before."""
        ...

    def alike(self, voters: Sequence[str]) -> str:
        """Which of these voters cannot but answer alike, and why; an empty text if none."""
        ...


class GivenVoters:
    """Voters that the caller brings: functions, Runnables, graphs. Each gets the question as it is."""

    def __init__(self, voters: Sequence[WorkerLike] | Mapping[str, WorkerLike]) -> None:
        if not isinstance(voters, Mapping | Sequence) or isinstance(voters, str):
            raise UsageError(f"voters is {voters!r}; pass a whole number, or the voters themselves")
        named = voters if isinstance(voters, Mapping) else _named(voters)
        if not named:
            raise UsageError("voters is empty; a vote needs at least one")
        if strange := [name for name in named if not isinstance(name, str) or not name]:
            raise UsageError(f"a voter is named {strange[0]!r}; names have to be texts")
        self.workers = {name: as_worker(voter, "voting/question") for name, voter in named.items()}

    def voters(self, question: Any, most: int | None) -> Sequence[str]:
        """All of them: a number in the runtime context does not apply."""
        return list(self.workers)

    def select(self, work: Vote) -> tuple[Worker, object]:
        """The voter's own worker; one that asks a model gets the question by name."""
        worker = self.workers[work["voter"]]
        return worker, asked(worker, work["question"])

    def models(self) -> Sequence[ModelLike | None]:
        """Those of voters that ask one."""
        return [worker.model for worker in self.workers.values() if isinstance(worker, Ask)]

    @property
    def asks(self) -> Sequence[Ask]:
        """Those that ask a model."""
        return [ask for worker in self.workers.values() for ask in asks_in(worker)]

    def alike(self, voters: Sequence[str]) -> str:
        """Nobody knows what they are made of."""
        return ""

    def check(self, model: ModelLike | None, run: Run) -> None:
        """The voters are there; those that ask a model need to have one."""
        for worker in self.workers.values():
            if isinstance(worker, Ask):
                chosen = worker.model if worker.pinned else model or worker.model
                require_model(chosen)
                check_prices(run.limits_for(worker.limits), [chosen])


def _named(voters: Sequence[WorkerLike]) -> dict[str, WorkerLike]:
    """Name voters by their functions where the names differ, else by number."""
    names = [_own_name(voter) for voter in voters]
    telling = None not in names and len(set(names)) == len(names)
    return {
        name if telling and name else f"#{i}": voter
        for i, (name, voter) in enumerate(zip(names, voters, strict=True), 1)
    }


def _own_name(voter: WorkerLike) -> str | None:
    name = getattr(voter, "__name__", None)
    return name if isinstance(name, str) and name.isidentifier() else None


def asked(worker: Worker, question: object, **more: object) -> object:
    """What a voter gets: the question itself, under its name where a prompt or a graph wants names.

    Args:
        worker: the voter.
        question: as it was put.
        more: what a prompt may use besides.
    """
    if isinstance(worker, Ask):
        names = worker.variables if len(worker.variables) == 1 else {"question"}
        return {**dict.fromkeys(names, question), **more}
    if isinstance(worker, ParallelGraph) and worker.governing.takes is not None:
        return worker.governing.takes("question", str(question))
    return {"question": question} if isinstance(worker, PregelProtocol) else question
