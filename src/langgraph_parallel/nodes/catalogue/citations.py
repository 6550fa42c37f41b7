"""Points with citations: read from the parts of documents, then condensed level by level."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, Field, JsonValue

from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.text.document import show_place
from langgraph_parallel.nodes.text.quotes import find_statement
from langgraph_parallel.records import Citation, Section
from langgraph_parallel.reducers.joins.tree import groups
from langgraph_parallel.reducers.text.block import Block
from langgraph_parallel.reducers.text.blocks import read_blocks
from langgraph_parallel.runtime.tokens import estimate_tokens

CONDENSE = "condense"
_MARKUP = re.compile(r"[\[\]<>*_`\\&|]|\n\s*>")
"""What may be markup in a quote."""
_MAX_CHARACTERS = 1000
"""Maximum characters of a point."""


class QuotedPoint(BaseModel):
    """A point, and the words that state it."""

    point: str = Field(
        description="One sentence that can be understood on its own, with figures and conditions."
    )
    quote: str = Field(
        description="The words of the document that say it, copied exactly, as short as possible."
    )


class PartDigest(BaseModel):
    """The points of a part of a document."""

    points: list[QuotedPoint]


class CondensedPoint(BaseModel):
    """A point made from several points."""

    point: str = Field(description="One sentence.")
    of: list[int] = Field(description="The numbers of the points that it was made from.")


class CondensedPoints(BaseModel):
    """Fewer points."""

    points: list[CondensedPoint]


@dataclass(frozen=True)
class Point:
    """A point, and the citations that support it."""

    text: str
    citations: tuple[Citation, ...]

    @property
    def documents(self) -> list[str]:
        """Names of the cited documents, each once."""
        return list(dict.fromkeys(citation.document for citation in self.citations))


def check_citation(quote: str, section: Section) -> Citation | None:
    """Return the place of a quote in its document; None if the part of the document does not state it."""
    text, offset = section.content, _read_number(section, "offset")
    place = find_statement(quote, text)
    if place is None:
        return None
    start, end = place
    return Citation(
        document=str(section.data["document"]),
        start=offset + start,
        end=offset + end,
        line=_read_number(section, "line") + text.count("\n", 0, start),
        quote=text[start:end],
        shown=_show(text, start, end, str(section.data["document"])),
    )


def _show(text: str, start: int, end: int, name: str) -> str:
    """Return a place of a text as a reader sees it; empty if there is no markup in it."""
    if not _MARKUP.search(text, start, end):
        return ""
    return show_place(_blocks(text, name), start, end)


@lru_cache(maxsize=4)  # the quotes of a part follow each other
def _blocks(text: str, name: str) -> list[Block]:
    return read_blocks(text, name)


def read_points(gathered: Gathered) -> list[Point]:
    """Return the points of all parts, without those whose quote is not in the document."""
    return [
        Point(quoted.point.strip()[:_MAX_CHARACTERS], (citation,))
        for section, value in gathered.of_round(0)
        for quoted in PartDigest.model_validate(value).points[: _read_number(section, "most")]
        if quoted.point.strip() and (citation := check_citation(quoted.quote, section))
    ]


def collect_points(gathered: Gathered, levels: int | None = None) -> list[Point]:
    """Return the points after some levels of condensing; None for all levels."""
    points, values = read_points(gathered), gathered.by_id
    for level in range(1, (gathered.last_round if levels is None else levels) + 1):
        points = _apply_level(points, [s for s in gathered.sections if s.round == level], values)
    return points


def _apply_level(
    points: Sequence[Point], sections: Sequence[Section], values: Mapping[str, JsonValue]
) -> list[Point]:
    """Replace each group of points by what it was condensed to; a group that failed is kept."""
    condensed: list[Point] = []
    done = 0
    for section in sections:
        first, end = _read_number(section, "first"), _read_number(section, "end")
        group, value = points[first:end], values.get(section.id)
        condensed += points[done:first]  # points that are not in a group
        condensed += group if value is None else _condense(value, group, _read_number(section, "most"))
        done = end
    return [*condensed, *points[done:]]


def last_document_level(gathered: Gathered) -> int:
    """Return the last level that condensed the points of single documents; 0 if none did."""
    levels = [section.round for section in gathered.sections if section.data.get("one_document")]
    return max(levels, default=0)


def plan_condensing(points: Sequence[Point], level: int, ceiling: int, max_points: int) -> list[Section]:
    """Return the sections of the next level; none if all points fit into one prompt.

    A document with more than `max_points` points is condensed by itself first, which gives its digest. Then
    the points of all documents are condensed together.

    Args:
        points: the current points.
        level: number of the level, from 1.
        ceiling: maximum tokens of the points in one prompt.
        max_points: maximum points of a document.
    """
    sizes = [estimate_tokens(list_points([point], first=i)) for i, point in enumerate(points, 1)]
    long_documents = [span for span in _document_spans(points) if len(span) > max_points]
    if long_documents:
        parts = [part for span in long_documents for part in _divide_span(span, sizes, ceiling)]
    elif sum(sizes) <= ceiling:
        return []
    else:
        prompts = max(1, sum(sizes) // max(1, ceiling))
        parts = groups(sizes, max(2, -(-len(points) // prompts)), ceiling)
    return [
        _condensing_section(points, part, f"{level}.{i}", max_points if long_documents else None)
        for i, part in enumerate((part for part in parts if len(part) > 1), 1)
    ]


def _divide_span(span: range, sizes: Sequence[int], ceiling: int) -> list[range]:
    """Divide the points of one document into groups under the ceiling."""
    parts = groups(sizes[span.start : span.stop], len(span), ceiling)
    return [range(span.start + part.start, span.start + part.stop) for part in parts]


def _condensing_section(points: Sequence[Point], part: range, number: str, max_points: int | None) -> Section:
    """Return the section that condenses a group to half of its points, or to `max_points` if that is more."""
    ceiling = 1 if max_points is None else min(max_points, len(part) - 1)
    return Section(
        id=f"({CONDENSE}) {number}",
        title=f"{CONDENSE} {number}",
        worker=CONDENSE,
        content=list_points(points[part.start : part.stop]),
        data={
            "first": part.start,
            "end": part.stop,
            "most": max(len(part) // 2, ceiling),
            "one_document": max_points is not None,
        },
    )


def _document_spans(points: Sequence[Point]) -> list[range]:
    """Return the index range of each run of points from the same documents."""
    spans: list[range] = []
    for place, point in enumerate(points):
        if spans and points[spans[-1].start].documents == point.documents:
            spans[-1] = range(spans[-1].start, place + 1)
        else:
            spans.append(range(place, place + 1))
    return spans


def fit_points(points: Sequence[Point], ceiling: int) -> list[Point]:
    """Return as many points as one prompt holds: the first of each document, then the second, and so on."""
    counts: dict[str, int] = {}
    ranked = []
    for place, point in enumerate(points):
        document = point.documents[0]
        counts[document] = counts.get(document, 0) + 1
        ranked.append((counts[document], place))
    chosen: list[int] = []
    tokens = 0
    for _, place in sorted(ranked):
        tokens += estimate_tokens(list_points([points[place]], first=place + 1))
        if tokens > ceiling and chosen:
            break
        chosen.append(place)
    return [points[place] for place in sorted(chosen)]


def list_points(points: Sequence[Point], first: int = 1) -> str:
    """Render points for a prompt, each after its number and its documents."""
    return "\n".join(
        f"[{i}] ({', '.join(point.documents)}) {point.text}" for i, point in enumerate(points, first)
    )


def pick_points(points: Sequence[Point], numbers: Sequence[int]) -> list[Point]:
    """Return the points with these numbers, from 1, each once; unknown numbers are ignored."""
    return [points[number - 1] for number in dict.fromkeys(numbers) if 1 <= number <= len(points)]


def _condense(value: Any, group: Sequence[Point], most: int) -> list[Point]:
    """Return the condensed points with the citations of their originals; the group if none is valid."""
    condensed = []
    for answer in CondensedPoints.model_validate(value).points[:most]:
        originals = pick_points(group, answer.of)
        citations = tuple({citation: None for point in originals for citation in point.citations})
        if citations and answer.point.strip():
            condensed.append(Point(answer.point.strip()[:_MAX_CHARACTERS], citations))
    return condensed or list(group)


def _read_number(section: Section, key: str) -> int:
    number = section.data[key]
    assert isinstance(number, int)
    return number
