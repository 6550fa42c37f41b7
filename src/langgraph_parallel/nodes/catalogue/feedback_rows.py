"""Rows and totals of a feedback analysis, from the judgements of all dimensions."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langgraph_parallel.nodes.text.quotes import locate
from langgraph_parallel.records import Entity, Feedback, FeedbackRow, Quote, Section
from langgraph_parallel.report.tables import as_csv

_MAX_QUOTES = 2
"""Maximum quotes of a topic."""
_URGENCIES = ("high", "medium", "low")
_COLUMNS = ("item", "text", "sentiment", "urgency", "topics", "entities", "quotes", "notes")

Judgements = dict[str, list[dict[str, Any]]]
"""The judgements of one text, by dimension; a text that was cut has one of each part."""


def group_judgements(results: Iterable[tuple[Section, Any]], count: int) -> list[Judgements]:
    """Return the judgements of each text; those with an unknown number are ignored.

    Args:
        results: sections, each with the answer of a model or an engine.
        count: number of texts.
    """
    judgements: list[Judgements] = [{} for _ in range(count)]
    for section, value in results:
        places: Any = section.data["items"]
        answers = value.get("texts", []) if isinstance(value, dict) else value
        for answer in answers if isinstance(answers, list) else []:
            number = answer.get("item") if isinstance(answer, dict) else None
            if isinstance(number, int) and 1 <= number <= len(places):
                of_text = judgements[places[number - 1]]
                of_text.setdefault(str(section.data["dimension"]), []).append(answer)
    return judgements


def build_row(item: str, text: str, judgements: Judgements) -> FeedbackRow:
    """Build the row of one text, and unite the judgements of its parts."""
    urgencies = [judgement["urgency"] for judgement in judgements.get("urgency", [])]
    topics = [topic for judgement in judgements.get("topics", []) for topic in _read_topics(judgement)]
    entities = {
        (entity["kind"], entity["name"]): Entity(kind=entity["kind"], name=entity["name"])
        for judgement in judgements.get("entities", [])
        for entity in judgement["entities"]
    }
    return FeedbackRow(
        item=item,
        text=text,
        sentiment=_unite_sentiments(judgements.get("sentiment", [])),
        urgency=next((level for level in _URGENCIES if level in urgencies), None),
        topics=list(dict.fromkeys(topics)) if _has_topics(judgements) else None,
        entities=list(entities.values()) if "entities" in judgements else None,
        quotes=_collect_quotes(judgements, text),
        notes=_collect_notes(judgements),
    )


def sum_up(
    rows: Sequence[FeedbackRow], judgements: Sequence[Judgements], dimensions: Sequence[str], notice: str
) -> Feedback:
    """Sum up all rows.

    Args:
        rows: one for each text.
        judgements: of each text, for the quotes by topic.
        dimensions: those that were asked for.
        notice: what to know about how the texts were judged; may be empty.
    """
    unjudged = {name: sum(getattr(row, name) is None for row in rows) for name in dimensions}
    return Feedback(
        rows=list(rows),
        sentiments=_count(row.sentiment for row in rows),
        urgencies=_count(row.urgency for row in rows),
        topics=_count(topic for row in rows for topic in row.topics or []),
        entities=_count(name for row in rows for name in _name_entities(row)),
        quotes=_quote_topics(rows, judgements),
        not_judged={name: count for name, count in unjudged.items() if count},
        notice=notice,
    )


def as_csv_table(rows: Iterable[FeedbackRow]) -> str:
    """Return the rows as CSV; they may be many, so that each is made plain when it is written."""
    return as_csv(map(_as_plain, rows), _COLUMNS)


def _as_plain(row: FeedbackRow) -> dict[str, Any]:
    return {**{name: getattr(row, name) for name in _COLUMNS}, "entities": _name_entities(row)}


def _unite_sentiments(judgements: Sequence[Mapping[str, Any]]) -> Any:
    """Return the sentiment of all parts, `mixed` if they differ; None without any."""
    sentiments = {judgement["sentiment"] for judgement in judgements if judgement.get("sentiment")}
    return "mixed" if len(sentiments) > 1 else next(iter(sentiments), None)


def _collect_quotes(judgements: Judgements, text: str) -> list[str]:
    quotes = (_find_quote(judgement, text) for group in judgements.values() for judgement in group)
    return list(dict.fromkeys(quote for quote in quotes if quote))


def _collect_notes(judgements: Judgements) -> list[str]:
    """Return what engines say of their judgements, each once, after the name of the dimension."""
    notes = [
        f"{name}: {judgement['note']}"
        for name, group in judgements.items()
        for judgement in group
        if judgement.get("note")
    ]
    return list(dict.fromkeys(notes))


def _find_quote(judgement: Mapping[str, Any], text: str) -> str:
    """Return the quote of a judgement as the text has it; empty if it is not in the text."""
    quote = judgement.get("quote")
    places = locate(quote, text) if quote else None
    return text[places[0][0] : places[0][1]] if places else ""


def _quote_topics(rows: Sequence[FeedbackRow], judgements: Sequence[Judgements]) -> dict[str, list[Quote]]:
    """Return the first quotes of each topic."""
    quotes: dict[str, list[Quote]] = {}
    for row, of_text in zip(rows, judgements, strict=True):
        for judgement in of_text.get("topics", []):
            words = _find_quote(judgement, row.text)
            for topic in dict.fromkeys(_read_topics(judgement)) if words else ():
                if len(quotes.setdefault(topic, [])) < _MAX_QUOTES:
                    quotes[topic].append(Quote(item=row.item, text=words))
    return quotes


def _read_topics(judgement: Mapping[str, Any]) -> list[str]:
    """Return the topics in lower case and with single spaces, so that equal ones count as one."""
    return [" ".join(topic.split()).casefold() for topic in judgement.get("topics", ())]


def _has_topics(judgements: Judgements) -> bool:
    return any("topics" in judgement for judgement in judgements.get("topics", []))


def _name_entities(row: FeedbackRow) -> list[str]:
    return [f"{entity.kind}: {entity.name}" for entity in row.entities or []]


def _count(values: Iterable[str | None]) -> dict[str, int]:
    """Count values other than None, the most frequent first."""
    return dict(Counter(value for value in values if value is not None).most_common())
