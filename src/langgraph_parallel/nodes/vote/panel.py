"""A panel of models: voters that differ by model, prompt or temperature, and the form of their answers."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.vote.electorate import Vote, asked
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Worker
from langgraph_parallel.prompts import Prompt, as_prompt, load
from langgraph_parallel.reducers.votes.rules import Form
from langgraph_parallel.runtime.models import ModelLike, require_model
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.runtime.run import Run

_VOTERS = 3
"""How many there are, where nobody says."""


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
        self._prompts = [as_prompt(prompt).check(["question"], needs=["question"]) for prompt in prompts]
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
        return voter, asked(voter, work["question"])

    def models(self) -> Sequence[ModelLike | None]:
        """The panel's."""
        return self._models

    def check(self, model: ModelLike | None, run: Run) -> None:
        """Make sure that every model can be had, and has a price where it needs one."""
        for own in self._models:
            chosen = own if len(self._models) > 1 else model or own
            require_model(chosen)
            check_prices(run.limits, [chosen])

    @property
    def asks(self) -> Sequence[Ask]:
        """The voters that it was built with."""
        return [self._voter(number) for number in range(1, self._size + 1)]

    def alike(self, voters: Sequence[str]) -> str:
        """Those with the same model and prompt at temperature 0."""
        made: dict[tuple[int, ...], list[str]] = {}
        for voter in voters:
            place = int(voter.removeprefix("#")) - 1
            if self._temperatures[place % len(self._temperatures)] == 0:
                same = (place % len(self._models), place % len(self._prompts))
                made.setdefault(same, []).append(voter)
        twins = next((held for held in made.values() if len(held) > 1), [])
        return _ALIKE.format(", ".join(twins[:10])) if twins else ""

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


def build_panel(
    model: ModelLike | None,
    models: Sequence[ModelLike],
    prompt: str | Path | Prompt | None,
    prompts: Sequence[str | Path | Prompt],
    temperatures: Sequence[float],
    voters: int | None,
    choices: Sequence[str] | None,
    schema: type[BaseModel] | None,
    ballot: str,
    form: Form,
) -> ModelVoters:
    """A panel by the arguments of the factory.

    Raises:
        UsageError: they contradict each other.
        PromptError, ModelError: as `ModelVoters`.
    """
    if model is not None and models:
        raise UsageError("pass model= or models=, not both")
    if prompt is not None and prompts:
        raise UsageError("pass prompt= or prompts=, not both")
    if schema is not None and ballot not in schema.model_fields:
        raise UsageError(
            f"ballot={ballot!r} is not a field of {schema.__name__}; it has {', '.join(schema.model_fields)}"
        )
    if schema is None and ballot != "choice":
        raise UsageError(f"ballot={ballot!r} names a field of a schema; pass schema= as well")
    longest = max(len(models), len(prompts), len(temperatures))
    if isinstance(voters, bool):
        raise UsageError(f"voters is {voters}; pass a whole number, or the voters themselves")
    size = voters if voters is not None else longest if models else max(_VOTERS, longest)
    if size < 1:
        raise UsageError(f"voters is {size}; a vote needs at least one")
    if longest > size:
        raise UsageError(
            f"{longest} models, prompts or temperatures for {size} voters: some would never be asked"
        )
    return ModelVoters(
        models=list(models) or [model],
        prompts=list(prompts) or [prompt if prompt is not None else load("voting/question")],
        temperatures=list(temperatures) or [None],
        schema=schema or answer_schema(None if choices is None else tuple(choices), form),
        size=size,
    )


_ASKED: Mapping[Form, str] = {
    "one": "The answer; null if the question cannot be answered.",
    "number": "The answer, as a number; null if the question cannot be answered.",
    "list": "All answers that apply, as a list, which may be empty; null if the question cannot be answered.",
    "ranking": "The answers, the best first, each once; null if the question cannot be answered.",
}
_ALIKE = (
    "voters {} ask the same model the same at temperature 0, and all agree: they may be one answer counted "
    "several times; let them differ by model, prompt or temperature"
)


@cache
def answer_schema(choices: tuple[str, ...] | None, form: Form = "one") -> type[BaseModel]:
    """The schema of a ballot: rationale first, so that the choice follows from it; null abstains.

    Args:
        choices: the valid answers; None for any text.
        form: whether a ballot holds one answer, some of them, all of them the best first, or a number.
    """
    one: Any = str if choices is None else Literal[choices]
    kind: Any = float if form == "number" else one if form == "one" else list[one]
    return create_model(
        "Answer",
        __doc__="One voter's answer.",
        rationale=(str, Field("", description="The reasons, in a few sentences.")),
        choice=(kind | None, Field(description=_ASKED[form])),
        confidence=(
            float | None,
            Field(None, description="How sure you are, 0 to 1; null if you cannot say."),
        ),
    )
