"""A briefing without a model: sentences of documents are selected, and grouped by the words they share."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from langgraph_parallel.nodes.catalogue.briefing_record import Material, choose_citations
from langgraph_parallel.nodes.catalogue.citations import Point
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.records import Briefing, Citation, Section, Theme
from langgraph_parallel.reducers.text.blocks import read_blocks
from langgraph_parallel.reducers.text.extract import most_central
from langgraph_parallel.reducers.text.themes import shared_terms

_MIN_POINTS = 3
"""Points of a short document."""
_SENTENCES_PER_POINT = 100
"""Sentences for which a longer document has one more point."""
_CONSIDERED = 8
"""Sentences of a document that themes may cite."""
_MAX_SUMMARIZED = 5
"""Maximum documents whose first point is in the summary."""
_MAX_THEMES = 8
"""Maximum themes."""
_NOTICE = (
    "Sentences were selected by how central they are in their document, and grouped by the words that "
    "documents share; nothing was rewritten, and no language model took part. Contradictions were not looked "
    "for."
)


class _Sentence(BaseModel):
    """A sentence of a document, and its place: `text[start:end]`."""

    start: int
    end: int
    text: str
    """As a reader sees it."""


class _Extract(BaseModel):
    """Sentences of a document."""

    points: list[_Sentence]
    """Its points, in text order."""
    further: list[_Sentence]
    """Further sentences that themes may cite, the most central first."""


def extract(section: Section) -> dict[str, Any]:
    """Return the most central sentences of a document: its points, and further ones for the themes."""
    blocks = read_blocks(section.content, str(section.data["document"]))
    found = most_central(blocks, _CONSIDERED)
    most: Any = section.data["most"]
    count = min(most, _MIN_POINTS + found.total // _SENTENCES_PER_POINT)
    points = sorted(found.best[:count], key=lambda statement: statement.start)
    sentences = [
        [_Sentence(start=s.start, end=s.end, text=s.text) for s in group]
        for group in (points, found.best[count:])
    ]
    return _Extract(points=sentences[0], further=sentences[1]).model_dump()


def extracted_briefing(gathered: Gathered, documents: Mapping[str, str], missing: Sequence[str]) -> Briefing:
    """Build the briefing from what was extracted from the documents.

    Args:
        gathered: the results.
        documents: all texts, by name.
        missing: documents that were not used.
    """
    points: dict[str, list[Point]] = {}
    further: dict[str, list[Point]] = {}
    for section, value in gathered.results:
        name = str(section.data["document"])
        found = _Extract.model_validate(value)
        points[name] = [_point(name, documents[name], sentence) for sentence in found.points]
        further[name] = [_point(name, documents[name], sentence) for sentence in found.further]
    silent = [name for name in documents if name in points and not points[name]]
    told = [name for name in documents if points.get(name)]
    all_points = [point for name in told for point in points[name]]
    material = Material(
        points=all_points,
        document_points=all_points,
        documents=told,
        missing=[*missing, *(f"{name} (no sentences)" for name in silent)],
    )
    summary = " ".join(points[name][0].text for name in told[:_MAX_SUMMARIZED])
    themes = _find_themes({name: [*points[name], *further[name]] for name in told})
    briefing = material.build(summary or "The documents contain no sentences.", themes)
    return briefing.model_copy(update={"notice": _NOTICE})


def _find_themes(points: Mapping[str, Sequence[Point]]) -> list[Theme]:
    texts = {name: [point.text for point in group] for name, group in points.items()}
    themes = []
    for term in shared_terms(texts, _MAX_THEMES):
        citations = choose_citations([points[name][i] for name, i in term.places])
        themes.append(Theme(title=term.text, text="", citations=citations))
    return themes


def _point(document: str, text: str, sentence: _Sentence) -> Point:
    start, end = sentence.start, sentence.end
    quote, line = text[start:end], 1 + text.count("\n", 0, start)
    citation = Citation(document=document, start=start, end=end, line=line, quote=quote, shown=sentence.text)
    return Point(sentence.text, (citation,))
