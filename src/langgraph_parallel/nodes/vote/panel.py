"""Panel: model voters that differ by model, wording or temperature, and the schema of their answers."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, JsonValue, WithJsonSchema, create_model

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.vote.ballots import BallotFormat
from langgraph_parallel.nodes.vote.electorate import Electorate, Vote, WorkerVoters, question_input
from langgraph_parallel.nodes.vote.escalate import check_no_waiting
from langgraph_parallel.nodes.work.ask import Ask, is_unwatched_ask
from langgraph_parallel.nodes.work.roster import Roster
from langgraph_parallel.nodes.work.workers import Worker
from langgraph_parallel.prompts import PromptLike, as_prompt, load_prompt
from langgraph_parallel.reducers.votes.rules import Form
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.run import Run


class ModelVoters:
    """Model voters by number, as the roster deals out models, wordings and temperatures.

    Every voter is told its number, so that no two voters send the same request: a cache cannot serve one
    answer to several of them.

    Args:
        roster: their number, and how they differ.
        model: of all voters, where the roster names none.
        prompt: for all voters, unless the roster has wordings; by default the question alone.
        schema: of their answers.

    Raises:
        PromptError: a prompt lacks `{question}`, or has other variables.
        ModelError: a model is not valid.
    """

    def __init__(
        self,
        roster: Roster,
        *,
        model: ModelLike | None,
        prompt: PromptLike | None,
        schema: type[BaseModel],
    ) -> None:
        self._roster, self._model, self._schema = roster, model, schema
        shipped = load_prompt("voting/question")
        self._prompt = as_prompt(shipped if prompt is None else prompt).sharing(shipped.shared)
        for wording in roster.wordings or [self._prompt]:
            as_prompt(wording).check(["question"], needs=["question"])
        self._size = roster.count()
        self._asks: dict[int, Ask] = {}
        for number in range(1, self._size + 1):
            self._ask(number)  # wrong arguments fail here, and not during a run

    @property
    def names(self) -> Sequence[str]:
        """`#1`, `#2` and so on: as many as the roster has."""
        return self.voters(None, None)

    def voters(self, question: Any, size: int | None) -> Sequence[str]:
        """Return `#1`, `#2` and so on: as many as the runtime context says, else as the roster has."""
        return [f"#{number}" for number in range(1, (size or self._size) + 1)]

    def select(self, work: Vote) -> tuple[Worker, object]:
        """Return the `Ask` of a voter, and its variables."""
        ask = self._ask(int(work["voter"].removeprefix("#")))
        return ask, question_input(ask, work["question"])

    def models(self) -> Sequence[ModelLike | None]:
        """Return the models that this panel asks."""
        return [model for ask in self._first_asks for model in ask.models]

    def check(self, context: Context, run: Run) -> None:
        """Check that every model is available, and has a price if the run needs one."""
        for ask in self._first_asks:
            ask.check(run, context)

    @property
    def _first_asks(self) -> Sequence[Ask]:
        """One of the `Ask`s for each model."""
        return [self._ask(number) for number in range(1, 1 + (len(self._roster.models) or 1))]

    @property
    def asks(self) -> Sequence[Ask]:
        """The `Ask`s of the voters that the panel was built with."""
        return [self._ask(number) for number in range(1, self._size + 1)]

    @property
    def only_asks(self) -> bool:
        """Whether nobody watches the calls of the voters, which are all `Ask`s."""
        return all(map(is_unwatched_ask, self.asks))

    def identical_warning(self, voters: Sequence[str]) -> str:
        """Return a warning about voters with the same model and wording at temperature 0."""
        by_request: dict[tuple[int, ...], list[str]] = {}
        models, wordings = len(self._roster.models) or 1, len(self._roster.wordings) or 1
        temperatures = self._roster.temperatures
        for voter in voters:
            place = int(voter.removeprefix("#")) - 1
            if temperatures and temperatures[place % len(temperatures)] == 0:
                by_request.setdefault((place % models, place % wordings), []).append(voter)
        same = next((names for names in by_request.values() if len(names) > 1), [])
        return _IDENTICAL.format(", ".join(same[:10])) if same else ""

    def _ask(self, number: int) -> Ask:
        if number not in self._asks:
            line = f"Members answer independently of each other. You are voter {number} of this panel."
            self._asks[number] = self._roster.ask(
                number - 1, self._prompt, line, model=self._model, schema=self._schema
            )
        return self._asks[number]


_FORMS: Mapping[str, str] = {
    "one": "The answer; null only if the question cannot be answered.",
    "number": "The answer, as a number; null if the question cannot be answered.",
    "score": "The answer, as a number, or as true or false; null if the question cannot be answered.",
    "list": "All answers that apply, as a list, which may be empty; null if the question cannot be answered.",
    "ranking": "The answers, the best first, each once; null if the question cannot be answered.",
}
_NUMBER = Annotated[int | float, WithJsonSchema({"type": "number"})]
"""A float alone would round a long integer."""
_SCORE = Annotated[bool | int | float, WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "number"}]})]
_MOST_OF_A_RATIONALE = 800
"""Characters; where a server holds the model to it."""
_IDENTICAL = (
    "voters {} send the same prompt to the same model at temperature 0, and all agree: this may be one "
    "answer counted several times; vary the model, the wording or the temperature"
)


def answer_schema(choices: Sequence[JsonValue] | None, form: Form = "one") -> type[BaseModel]:
    """Return the schema of a ballot: rationale first, so that the choice follows from it; null abstains.

    Args:
        choices: the valid answers; None for any text.
        form: what a ballot holds: one answer, a list, a ranking, a number, or whether it is so.

    Raises:
        UsageError: a choice is neither a text nor an integer, or `form` has parts, which the caller knows.
    """
    if form in ("items", "fields"):
        shape = "lists by place" if form == "items" else "records by field"
        raise UsageError(
            f"the rule reads {shape}, of which models have to be told; pass ballot={{'schema': ...}}, whose "
            "field choice is one"
        )
    if form not in ("number", "score") and (
        other := [c for c in choices or () if not isinstance(c, str | int)]
    ):
        raise UsageError(f"choices contains {other[0]!r}, but models choose among texts and integers")
    return _answer_schema(None if choices is None else tuple(choices), form)


@lru_cache(maxsize=256)  # schemas may be made for each run
def _answer_schema(choices: tuple[Any, ...] | None, form: Form) -> type[BaseModel]:
    one: Any = str if choices is None else Literal[choices]
    kinds: dict[str, Any] = {"one": one, "number": _NUMBER, "score": _SCORE}
    return create_model(
        "Answer",
        __doc__="One voter's answer.",
        rationale=(
            str,
            Field(
                "",
                description="The reasons, in a few sentences.",
                json_schema_extra={"maxLength": _MOST_OF_A_RATIONALE},
            ),
        ),
        choice=(kinds.get(form, list[one]) | None, Field(description=_FORMS[form])),
        confidence=(
            float | None,
            Field(None, ge=0, le=1, description="How sure you are; null if you cannot say."),
        ),
    )


def build_electorate(
    roster: Roster,
    model: ModelLike | None,
    prompt: PromptLike | None,
    choices: Sequence[JsonValue] | None,
    layout: BallotFormat,
    form: Form,
) -> Electorate:
    """Return the voters: workers of the caller's, or a panel of models."""
    if roster.is_workers:
        if prompt is not None or layout.schema is not None:
            raise UsageError(
                "voters are workers with prompts of their own; leave out prompt and ballot.schema"
            )
        workers = roster.workers("voting/question")
        check_no_waiting({f"voter {name!r}": worker for name, worker in workers.items()})
        return WorkerVoters(workers)
    if prompt is not None and roster.wordings:
        raise UsageError("pass prompt= or Roster(wordings=...), not both")
    if layout.schema is None and layout.field != "choice":
        raise UsageError(f"ballot.field is {layout.field!r}; pass ballot.schema, which has this field")
    schema = layout.schema or answer_schema(choices, form)
    return ModelVoters(roster, model=model, prompt=prompt, schema=schema)
