"""An analysis of feedback while it runs: which texts go together, and what all dimensions say of each."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.text.chunks import cut
from langgraph_parallel.nodes.text.quotes import locate
from langgraph_parallel.nodes.work.arguments import require_texts
from langgraph_parallel.offline import feedback as engines
from langgraph_parallel.records import Entity, Feedback, FeedbackRow, Quote, Section
from langgraph_parallel.report.feedback import feedback_markdown
from langgraph_parallel.report.tables import as_csv
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike, in_reach
from langgraph_parallel.runtime.run import current_run
from langgraph_parallel.runtime.tokens import estimate_tokens

ENGINES = "engines"
"""The worker that needs no model."""
Engine = Callable[[Sequence[str]], list[dict[str, Any]]]
_ENGINES: Mapping[str, Engine] = {
    "sentiment": engines.sentiments,
    "topics": engines.topics,
    "urgency": engines.urgencies,
    "entities": engines.entities,
}
_QUOTES = 2


class _Of(BaseModel):
    item: int = Field(description="The number of the text.")


class _Sentiment(_Of):
    sentiment: Literal["positive", "negative", "neutral", "mixed"]
    quote: str


class _Topics(_Of):
    topics: list[str]
    quote: str


class _Urgency(_Of):
    urgency: Literal["high", "medium", "low"]
    quote: str


class _Entity(BaseModel):
    kind: str
    name: str


class _Entities(_Of):
    entities: list[_Entity]


class Sentiments(BaseModel):
    """One for each text."""

    texts: list[_Sentiment]


class Topics(BaseModel):
    """One for each text."""

    texts: list[_Topics]


class Urgencies(BaseModel):
    """One for each text."""

    texts: list[_Urgency]


class EntityLists(BaseModel):
    """One for each text."""

    texts: list[_Entities]


SCHEMAS: Mapping[str, type[BaseModel]] = {
    "sentiment": Sentiments,
    "topics": Topics,
    "urgency": Urgencies,
    "entities": EntityLists,
}
"""The dimensions, and what a model answers with."""


class Analysis:
    """What is the same in all runs of an analysis.

    Args:
        dimensions: their names.
        model: of all of them.
        offline: use no model.
        batch: texts in one prompt, at most.
    """

    def __init__(
        self, dimensions: Sequence[str], model: ModelLike | None, *, offline: bool, batch: int
    ) -> None:
        self._dimensions, self._model, self._offline, self._batch = dimensions, model, offline, batch

    def uses_model(self, context: Context) -> bool:
        """Whether models judge in a run with this context.

        Raises:
            NoModelError: one is named that cannot be had.
        """
        return not self._offline and in_reach(context.model or self._model)

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Each dimension of each batch; engines get all texts at once."""
        texts = list(require_texts(given, "texts", "text").values())
        if not self.uses_model(context):
            data: Any = {"texts": texts, "items": list(range(len(texts)))}
            return [
                Section(id=one, title=one, worker=ENGINES, data={"dimension": one, **data})
                for one in self._dimensions
                if texts
            ]
        batches = list(_batches(texts, self._batch, current_run().limits.section_tokens))
        sections = []
        for number, batch in enumerate(batches, 1):
            shown = "\n\n".join(f"[{i}] {_unnumbered(text)}" for i, (_, text) in enumerate(batch, 1))
            for one in self._dimensions:
                many = f" ({number}/{len(batches)})" if len(batches) > 1 else ""
                sections.append(
                    Section(
                        id=f"{one}/{number}",
                        title=f"{one}{many}",
                        content=shown,
                        worker=one,
                        data={"dimension": one, "items": [place for place, _ in batch]},
                    )
                )
        return sections

    def work(self, section: Section) -> list[dict[str, Any]]:
        """Judge one dimension without a model."""
        texts: Any = section.data["texts"]
        judged = _ENGINES[str(section.data["dimension"])](texts)
        return [{"item": i, **one} for i, one in enumerate(judged, 1)]

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """The table, and what it comes to."""
        texts = require_texts(gathered.given, "texts", "text")
        said: list[dict[str, list[Any]]] = [{} for _ in texts]
        for section, value in gathered.results:
            _read(section, value, said)
        rows = [_row(item, text, said[i]) for i, (item, text) in enumerate(texts.items())]
        alone = any(section.worker == ENGINES for section in gathered.sections)
        notice = engines.NOTICE + ("" if engines.has_lexicon() else engines.NO_LEXICON) if alone else ""
        made = _sum(rows, said, self._dimensions, notice)
        return {"feedback": made, "csv": as_csv(_plain(rows)), "markdown": feedback_markdown(made)}


def _batches(texts: Sequence[str], size: int, ceiling: int) -> list[list[tuple[int, str]]]:
    """Texts with their places, in batches under a ceiling; a longer one is cut, empty ones are not in it."""
    made: list[list[tuple[int, str]]] = [[]]
    held = 0
    for place, text in enumerate(texts):
        for piece in cut(text, ceiling):
            tokens = estimate_tokens(piece.text)
            if not piece.text.strip():
                continue
            if made[-1] and (len(made[-1]) >= size or held + tokens > ceiling):
                made.append([])
                held = 0
            made[-1].append((place, piece.text))
            held += tokens
    return [batch for batch in made if batch]


def _unnumbered(text: str) -> str:
    """A text in which no line looks like the number of another text."""
    return "".join(re.sub(r"^([ \t]*)\[(\d+)\]", r"\1(\2)", line) for line in text.splitlines(keepends=True))


def _read(section: Section, value: Any, said: list[dict[str, list[Any]]]) -> None:
    """Put what was said of each text behind it; numbers that are none are left out."""
    places: Any = section.data["items"]
    judged = value.get("texts", []) if isinstance(value, dict) else value
    for one in judged if isinstance(judged, list) else []:
        number = one.get("item") if isinstance(one, dict) else None
        if isinstance(number, int) and 1 <= number <= len(places):
            held = said[places[number - 1]]
            held.setdefault(str(section.data["dimension"]), []).append(one)


def _row(item: str, text: str, said: Mapping[str, list[Any]]) -> FeedbackRow:
    """One text: what several parts of it say is one."""
    sentiments = list(
        dict.fromkeys(one["sentiment"] for one in said.get("sentiment", []) if one.get("sentiment"))
    )
    urgencies = [one["urgency"] for one in said.get("urgency", [])]
    topics = [_folded(topic) for one in said.get("topics", []) for topic in one["topics"]]
    named = [
        Entity(kind=e["kind"], name=e["name"]) for one in said.get("entities", []) for e in one["entities"]
    ]
    quotes = [quote for part in said.values() for one in part if (quote := _quote(one, text))]
    return FeedbackRow(
        item=item,
        text=text,
        sentiment=None if not sentiments else sentiments[0] if len(sentiments) == 1 else "mixed",
        urgency=next((level for level in ("high", "medium", "low") if level in urgencies), None),
        topics=list(dict.fromkeys(topics)) if "topics" in said else None,
        entities=list({(e.kind, e.name): e for e in named}.values()) if "entities" in said else None,
        quotes=list(dict.fromkeys(quotes)),
    )


def _quote(said: Mapping[str, Any], text: str) -> str:
    """The words that it quotes, as the text holds them; nothing where it does not."""
    places = locate(said.get("quote") or "", text)
    return text[places[0][0] : places[0][1]] if places else ""


def _sum(
    rows: Sequence[FeedbackRow],
    said: Sequence[Mapping[str, list[Any]]],
    dimensions: Sequence[str],
    notice: str,
) -> Feedback:
    quotes: dict[str, list[Quote]] = {}
    for row, held in zip(rows, said, strict=True):
        for one in held.get("topics", []):
            for topic in {_folded(topic) for topic in one["topics"]}:
                if (words := _quote(one, row.text)) and len(quotes.setdefault(topic, [])) < _QUOTES:
                    quotes[topic].append(Quote(item=row.item, text=words))
    missing = {
        one: sum(getattr(row, one) is None for row in rows)
        for one in dimensions
        if any(getattr(row, one) is None for row in rows)
    }
    return Feedback(
        rows=list(rows),
        sentiments=_counted(row.sentiment for row in rows),
        urgencies=_counted(row.urgency for row in rows),
        topics=_counted(topic for row in rows for topic in row.topics or []),
        entities=_counted(f"{e.kind}: {e.name}" for row in rows for e in row.entities or []),
        quotes=quotes,
        not_judged=missing,
        notice=notice,
    )


def _counted(values: Any) -> dict[str, int]:
    return dict(Counter(value for value in values if value is not None).most_common())


def _folded(topic: str) -> str:
    return " ".join(topic.split()).casefold()


def _plain(rows: Sequence[FeedbackRow]) -> list[dict[str, Any]]:
    return [
        {
            "item": row.item,
            "text": row.text,
            "sentiment": row.sentiment,
            "urgency": row.urgency,
            "topics": list(row.topics or []),
            "entities": [f"{e.kind}: {e.name}" for e in row.entities or []],
            "quotes": list(row.quotes),
        }
        for row in rows
    ]
