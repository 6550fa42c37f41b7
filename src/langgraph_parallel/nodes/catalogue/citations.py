"""Points that rest on places of documents, and the fewer points that are made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.text.quotes import said_at
from langgraph_parallel.records import Citation, Section
from langgraph_parallel.reducers.joins.tree import groups
from langgraph_parallel.runtime.tokens import estimate_tokens

CONDENSE = "condense"
_LONGEST = 1000
"""Characters of a point."""


class Quoted(BaseModel):
    """One point, and the words that say it."""

    point: str
    quote: str


class Digested(BaseModel):
    """The points of a part of a document."""

    points: list[Quoted]


class Condensed(BaseModel):
    """One point made of several."""

    point: str
    of: list[int] = Field(description="Numbers of the points that it was made of.")


class Fewer(BaseModel):
    """Fewer points."""

    points: list[Condensed]


@dataclass(frozen=True)
class Point:
    """A point, and the places that it rests on."""

    text: str
    citations: tuple[Citation, ...]

    @property
    def documents(self) -> list[str]:
        """Where it comes from."""
        return list(dict.fromkeys(citation.document for citation in self.citations))


def cite(quote: str, section: Section) -> Citation | None:
    """Look a quote up in a part of a document; the sentence most like it, where it is not word for word."""
    text, offset = section.content, _number(section, "offset")
    place = said_at(quote, text)
    if place is None:
        return None
    start, end = place
    return Citation(
        document=str(section.data["document"]),
        start=offset + start,
        end=offset + end,
        line=_number(section, "line") + text.count("\n", 0, start),
        quote=text[start:end],
    )


def noted(gathered: Gathered) -> list[Point]:
    """The points of all parts; those whose words are nowhere in the document are left out."""
    return [
        Point(one.point.strip()[:_LONGEST], (citation,))
        for section, value in gathered.of_round(0)
        for one in Digested.model_validate(value).points[: _number(section, "most")]
        if one.point.strip() and (citation := cite(one.quote, section))
    ]


def collect_points(gathered: Gathered, last: int | None = None) -> list[Point]:
    """The points as they are after some levels of condensing; by default after all of them."""
    points = noted(gathered)
    for number in range(1, (gathered.last_round if last is None else last) + 1):
        level = [section for section in gathered.sections if section.round == number]
        values = gathered.values
        fewer: list[Point] = []
        place = 0
        for section in level:
            first, last = _number(section, "first"), _number(section, "last")
            group, value = points[first:last], values.get(section.id)
            fewer += points[place:first]  # alone in their group
            fewer += group if value is None else _condensed(value, group, _number(section, "most"))
            place = last
        points = [*fewer, *points[place:]]
    return points


def documents_condensed(gathered: Gathered) -> int:
    """The last level in which points of single documents were condensed."""
    alone = [section.round for section in gathered.sections if section.data.get("alone")]
    return max(alone, default=0)


def condensing(points: Sequence[Point], number: int, ceiling: int, most: int) -> list[Section]:
    """The sections of the next level; none where all points fit into one prompt.

    First each document by itself, until it has no more than `most` points: that is its digest. Then all
    together.

    Args:
        points: as they are now.
        number: of the level, from 1.
        ceiling: tokens of the points in one prompt.
        most: points of a document.
    """
    sizes = [estimate_tokens(listed([point], first=i)) for i, point in enumerate(points, 1)]
    long = [span for span in _spans(points) if len(span) > most]
    if long:
        parts = [
            range(span.start + part.start, span.start + part.stop)
            for span in long
            for part in groups(sizes[span.start : span.stop], len(span), ceiling)
        ]
    elif sum(sizes) <= ceiling:
        return []
    else:
        count = max(1, sum(sizes) // max(1, ceiling))
        parts = groups(sizes, max(2, -(-len(points) // count)), ceiling)
    return [
        Section(
            id=f"({CONDENSE}) {number}.{i}",
            title=f"{CONDENSE} {number}.{i}",
            worker=CONDENSE,
            content=listed(points[part.start : part.stop]),
            data={
                "first": part.start,
                "last": part.stop,
                "most": max(len(part) // 2, min(most, len(part) - 1) if long else 1),
                "alone": bool(long),
            },
        )
        for i, part in enumerate((part for part in parts if len(part) > 1), 1)
    ]


def _spans(points: Sequence[Point]) -> list[range]:
    """The places of the points of each document, which stand together."""
    made: list[range] = []
    for place, point in enumerate(points):
        if made and points[made[-1].start].documents == point.documents:
            made[-1] = range(made[-1].start, place + 1)
        else:
            made.append(range(place, place + 1))
    return made


def fitting(points: Sequence[Point], ceiling: int) -> list[Point]:
    """As many points as fit into one prompt: of each document one, before any has two."""
    seen: dict[str, int] = {}
    ranked = []
    for place, point in enumerate(points):
        name = point.documents[0]
        seen[name] = seen.get(name, 0) + 1
        ranked.append((seen[name], place))
    kept: list[int] = []
    held = 0
    for _, place in sorted(ranked):
        held += estimate_tokens(listed([points[place]], first=place + 1))
        if held > ceiling and kept:
            break
        kept.append(place)
    return [points[place] for place in sorted(kept)]


def listed(points: Sequence[Point], first: int = 1) -> str:
    """Points as a prompt shows them: behind their numbers, with their documents."""
    return "\n".join(
        f"[{i}] ({', '.join(point.documents)}) {point.text}" for i, point in enumerate(points, first)
    )


def chosen(points: Sequence[Point], numbers: Sequence[int]) -> list[Point]:
    """The points of these numbers, from 1; others are left out."""
    return [points[number - 1] for number in dict.fromkeys(numbers) if 1 <= number <= len(points)]


def _condensed(value: Any, group: Sequence[Point], most: int) -> list[Point]:
    made = []
    for one in Fewer.model_validate(value).points[:most]:
        held = chosen(group, one.of)
        citations = tuple({c: None for point in held for c in point.citations})
        if citations and one.point.strip():
            made.append(Point(one.point.strip()[:_LONGEST], citations))
    return made or list(group)  # an answer that keeps nothing is none


def _number(section: Section, name: str) -> int:
    number = section.data[name]
    assert isinstance(number, int)
    return number
