"""Feedback: judge texts in batches, one dimension at a time, and sum up the results."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from langgraph_parallel.arguments import at_least
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.catalogue.feedback_rows import as_csv_table, build_row, group_judgements, sum_up
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.text.chunks import cut, number_title
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.inputs import require_texts
from langgraph_parallel.nodes.work.offline import OfflineCapable
from langgraph_parallel.nodes.work.parts import section_tokens
from langgraph_parallel.nodes.work.workers import WorkerLike
from langgraph_parallel.offline import feedback as engines
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Section
from langgraph_parallel.report.feedback import feedback_markdown
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.tokens import estimate_tokens

ENGINES = "engines"
"""Name of the worker without a model."""
Engine = Callable[[Sequence[str]], list[dict[str, Any]]]
_ENGINES: Mapping[str, Engine] = {
    "sentiment": engines.sentiments,
    "topics": engines.topics,
    "urgency": engines.urgencies,
    "entities": engines.entities,
}
_Batch = list[tuple[int, str]]
"""Texts, or parts of them, each with the index of its text."""


class _TextJudgement(BaseModel):
    item: int = Field(description="The number of the text.")


class SentimentJudgement(_TextJudgement):
    """The sentiment of one text."""

    sentiment: Literal["positive", "negative", "neutral", "mixed"]
    quote: str = Field("", description="The words that show it, copied exactly.")


class TopicsJudgement(_TextJudgement):
    """The topics of one text."""

    topics: list[str] = Field(description="At most four, each in one to three words, in the singular.")
    quote: str = Field("", description="The words that mention a topic, copied exactly.")


class UrgencyJudgement(_TextJudgement):
    """The urgency of one text."""

    urgency: Literal["high", "medium", "low"]
    quote: str = Field("", description="The words that show it, copied exactly; empty for `low`.")


class NamedEntity(BaseModel):
    """One entity."""

    kind: str = Field(description="One of person, organisation, product, place, date, money, reference.")
    name: str = Field(description="As written in the text.")


class EntitiesJudgement(_TextJudgement):
    """The entities of one text."""

    entities: list[NamedEntity]


class Sentiments(BaseModel):
    """The sentiment of each text."""

    texts: list[SentimentJudgement]


class Topics(BaseModel):
    """The topics of each text."""

    texts: list[TopicsJudgement]


class Urgencies(BaseModel):
    """The urgency of each text."""

    texts: list[UrgencyJudgement]


class EntityLists(BaseModel):
    """The entities of each text."""

    texts: list[EntitiesJudgement]


SCHEMAS: Mapping[str, type[BaseModel]] = {
    "sentiment": Sentiments,
    "topics": Topics,
    "urgency": Urgencies,
    "entities": EntityLists,
}
"""The schema of a model's answer, by dimension."""
DIMENSIONS = tuple(SCHEMAS)


class FeedbackSteps(OfflineCapable):
    """Judges texts in batches, one dimension at a time, and sums up the results.

    Args:
        dimensions: their names.
        model: of all dimensions.
        prompts: by dimension.
        offline: whether to use no model.
        batch_size: maximum texts in one prompt.

    Raises:
        UsageError: a dimension does not exist, a value is out of range, or `model` and `offline` are both
            set.
    """

    def __init__(
        self,
        dimensions: Sequence[str],
        model: ModelLike | None,
        prompts: Mapping[str, Prompt],
        *,
        offline: bool,
        batch_size: int,
    ) -> None:
        super().__init__(model, offline=offline)
        at_least(batch_size, "batch_size")
        known = ", ".join(SCHEMAS)
        if not dimensions:
            raise UsageError(f"dimensions is empty; choose from {known}")
        if unknown := [name for name in dimensions if name not in SCHEMAS]:
            raise UsageError(f"dimensions has {unknown[0]!r}; choose from {known}")
        if repeated := [name for name in dimensions if list(dimensions).count(name) > 1]:
            raise UsageError(f"dimensions has {repeated[0]!r} twice; name each once")
        self._dimensions, self._batch_size = list(dimensions), batch_size
        self.workers: dict[str, WorkerLike] = {
            name: Ask(prompts[name], model=model, schema=SCHEMAS[name]) for name in dimensions
        }
        self.workers[ENGINES] = self.work
        self.inputs = dict.fromkeys(dimensions, _texts_input)

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Return a section for each dimension of each batch; an engine gets all texts at once."""
        texts = list(require_texts(given, "texts", "text").values())
        if not self.uses_model(context):
            data: Any = {"texts": texts, "items": list(range(len(texts)))}
            return [
                Section(id=name, title=name, worker=ENGINES, data={"dimension": name, **data})
                for name in self._dimensions
                if texts
            ]
        batches = _divide(texts, self._batch_size, section_tokens(context.model or self._model))
        return [
            Section(
                id=f"{name}/{number}",
                title=number_title(name, number, len(batches)),
                content=_number_texts(batch),
                worker=name,
                data={"dimension": name, "items": [place for place, _ in batch]},
            )
            for number, batch in enumerate(batches, 1)
            for name in self._dimensions
        ]

    def work(self, section: Section) -> list[dict[str, Any]]:
        """Return the judgements of an engine."""
        texts: Any = section.data["texts"]
        judgements = _ENGINES[str(section.data["dimension"])](texts)
        return [{"item": number, **judgement} for number, judgement in enumerate(judgements, 1)]

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Return the rows and the totals, as a record, a table and Markdown."""
        texts = require_texts(gathered.given, "texts", "text")
        judgements = group_judgements(gathered.results, len(texts))
        rows = [build_row(item, text, judgements[place]) for place, (item, text) in enumerate(texts.items())]
        feedback = sum_up(rows, judgements, self._dimensions, _notice(gathered))
        return {"feedback": feedback, "csv": as_csv_table(rows), "markdown": feedback_markdown(feedback)}


def _texts_input(section: Section) -> object:
    return {"texts": section.content}


def _notice(gathered: Gathered) -> str:
    """Return what to know about a run without models; empty for any other run."""
    if not any(section.worker == ENGINES for section in gathered.sections):
        return ""
    return engines.NOTICE + ("" if engines.has_lexicon() else engines.NO_LEXICON)


def _divide(texts: Sequence[str], size: int, ceiling: int) -> list[_Batch]:
    """Divide texts into batches under a ceiling; a text above it is cut, and blank texts are left out."""
    batches: list[_Batch] = [[]]
    tokens = 0
    for place, text in enumerate(texts):
        for piece in cut(text, ceiling):
            more = estimate_tokens(piece.text)
            if not piece.text.strip():
                continue
            if batches[-1] and (len(batches[-1]) >= size or tokens + more > ceiling):
                batches.append([])
                tokens = 0
            batches[-1].append((place, piece.text))
            tokens += more
    return [batch for batch in batches if batch]


def _number_texts(batch: _Batch) -> str:
    """Render the texts of a batch for a prompt, each after its number."""
    return "\n\n".join(f"[{number}] {_without_numbers(text)}" for number, (_, text) in enumerate(batch, 1))


def _without_numbers(text: str) -> str:
    """Return a text in which no line starts like another text of the batch."""
    return "".join(re.sub(r"^([ \t]*)\[(\d+)\]", r"\1(\2)", line) for line in text.splitlines(keepends=True))
