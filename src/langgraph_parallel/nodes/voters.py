"""Who votes: voters that are given, or a panel of models."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol

from langgraph.pregel.protocol import PregelProtocol
from pydantic import BaseModel, Field, create_model
from typing_extensions import TypedDict

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.ask import Ask
from langgraph_parallel.nodes.workers import Worker, WorkerLike, as_worker
from langgraph_parallel.prompts import Prompt, prompt_of
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


class GivenVoters:
    """Voters that the caller brings: functions, Runnables, graphs. Each gets the question as it is."""

    def __init__(self, voters: Sequence[WorkerLike] | Mapping[str, WorkerLike]) -> None:
        named = voters if isinstance(voters, Mapping) else _named(voters)
        if not named:
            raise UsageError("voters is empty; a vote needs at least one")
        self._workers = {name: as_worker(voter, "question") for name, voter in named.items()}

    def voters(self, question: Any, most: int | None) -> Sequence[str]:
        """All of them: a number in the runtime context does not apply."""
        return list(self._workers)

    def select(self, work: Vote) -> tuple[Worker, object]:
        """The voter's own worker; one that asks a model gets the question by name."""
        worker = self._workers[work["voter"]]
        return worker, _asked(worker, work["question"])

    def models(self) -> Sequence[ModelLike | None]:
        """Those of voters that ask one."""
        return [worker.model for worker in self._workers.values() if isinstance(worker, Ask)]

    def check(self, model: ModelLike | None, run: Run) -> None:
        """The voters are there; those that ask a model need to have one."""
        for worker in self._workers.values():
            if isinstance(worker, Ask):
                chosen = worker.model if worker.pinned else model or worker.model
                require_model(chosen)
                check_prices(run.limits_for(worker.limits), [chosen])


class ModelVoters:
    """A panel: voters that differ by model, prompt or temperature, or else only by their number.

    Every voter is told its number, so that two of them never send the same request: a cache, here or at
    the provider, cannot give two voters one answer.
    """

    def __init__(
        self,
        *,
        models: Sequence[ModelLike | None],
        prompts: Sequence[str | Path | Prompt],
        temperatures: Sequence[float | None],
        schema: type[BaseModel],
        size: int,
    ) -> None:
        self._models = models
        self._prompts = [prompt_of(prompt).check(["question"], needs=["question"]) for prompt in prompts]
        self._temperatures = temperatures
        self._schema = schema
        self._size = size
        self._made: dict[int, Ask] = {}
        for number in range(1, size + 1):
            self._voter(number)  # wrong arguments fail here, not in the middle of a run

    def voters(self, question: Any, most: int | None) -> Sequence[str]:
        """`#1`, `#2` and so on: as many as the runtime context says, else as many as were built."""
        return [f"#{number}" for number in range(1, (most or self._size) + 1)]

    def select(self, work: Vote) -> tuple[Worker, object]:
        """The model behind a number."""
        voter = self._voter(int(work["voter"].removeprefix("#")))
        return voter, _asked(voter, work["question"])

    def models(self) -> Sequence[ModelLike | None]:
        """The panel's."""
        return self._models

    def check(self, model: ModelLike | None, run: Run) -> None:
        """Make sure that every model can be had, and has a price where it needs one."""
        for own in self._models:
            chosen = own if len(self._models) > 1 else model or own
            require_model(chosen)
            check_prices(run.limits, [chosen])

    def _voter(self, number: int) -> Ask:
        if number not in self._made:
            place = number - 1
            self._made[number] = Ask(
                self._prompts[place % len(self._prompts)],
                model=self._models[place % len(self._models)],
                temperature=self._temperatures[place % len(self._temperatures)],
                schema=self._schema,
                role=f"You are voter {number} of a panel whose members answer independently of each other.",
                pinned=len(self._models) > 1,
            )
        return self._made[number]


@cache
def answer_schema(choices: tuple[str, ...] | None) -> type[BaseModel]:
    """The schema of a ballot: rationale first, so that the choice follows from it; null abstains."""
    kind: Any = str if choices is None else Literal[choices]
    return create_model(
        "Answer",
        __doc__="One voter's answer.",
        rationale=(str, Field("", description="The reasons, in a few sentences.")),
        choice=(kind | None, Field(description="The answer; null if the question cannot be answered.")),
        confidence=(
            float | None,
            Field(None, description="How sure you are, 0 to 1; null if you cannot say."),
        ),
    )


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


def _asked(worker: Worker, question: object) -> object:
    """What a voter gets: the question itself, under its name where a prompt or a graph wants names."""
    return {"question": question} if isinstance(worker, Ask | PregelProtocol) else question
