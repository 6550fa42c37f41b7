"""The record of a briefing, built from what a model wrote."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field

from langgraph_parallel.nodes.catalogue.citations import Point, pick_points
from langgraph_parallel.records import Briefing, Citation, Conflict, Digest, Theme

_MAX_CITATIONS = 5
"""Maximum citations of a theme."""


class WrittenTheme(BaseModel):
    """One theme."""

    title: str
    text: str = Field(description="What the documents say about it, each thing once.")
    points: list[int] = Field(description="The numbers of the points that support it.")


class WrittenConflict(BaseModel):
    """One contradiction."""

    about: str = Field(description="The subject.")
    explanation: str = Field(description="How they differ.")
    first: int = Field(description="The number of a point.")
    second: int = Field(description="The number of the point that contradicts it.")


class WrittenBriefing(BaseModel):
    """The briefing."""

    summary: str = Field(description="What the reader must know, in a few sentences.")
    themes: list[WrittenTheme] = Field(
        description="What several documents speak about, the most important first."
    )
    contradictions: list[WrittenConflict] = Field(
        [], description="What two documents say and cannot both be true; empty if there is nothing."
    )


@dataclass(frozen=True)
class Material:
    """What a briefing is built from."""

    points: Sequence[Point]
    """The numbered points that the writer got."""
    document_points: Sequence[Point]
    """The points of single documents, for their digests."""
    documents: list[str]
    """Names of the documents that were read."""
    missing: list[str]
    """Documents, or parts of them, that were not used."""

    def check(self, written: WrittenBriefing) -> Briefing:
        """Build the briefing that a model wrote, without what no point supports.

        A contradiction must cite two different documents. The titles of dropped themes and contradictions are
        listed as unsupported.
        """
        themes, contradictions, unsupported = [], [], []
        for theme in written.themes:
            if citations := choose_citations(pick_points(self.points, theme.points)):
                themes.append(Theme(title=theme.title, text=theme.text, citations=citations))
            else:
                unsupported.append(theme.title)
        for conflict in written.contradictions:
            sides = self._find_sides(conflict)
            if sides is None:
                unsupported.append(conflict.about)
            else:
                first, second = sides
                contradictions.append(
                    Conflict(
                        about=conflict.about, explanation=conflict.explanation, first=first, second=second
                    )
                )
        return self.build(written.summary, themes, contradictions, unsupported)

    def build(
        self,
        summary: str,
        themes: Sequence[Theme],
        contradictions: Sequence[Conflict] = (),
        unsupported: Sequence[str] = (),
    ) -> Briefing:
        """Build a briefing, and name the documents that it does not cite."""
        cited = {citation.document for theme in themes for citation in theme.citations}
        cited |= {side.document for conflict in contradictions for side in (conflict.first, conflict.second)}
        return Briefing(
            summary=summary,
            themes=list(themes),
            contradictions=list(contradictions),
            digests=_build_digests(self.document_points),
            documents=self.documents,
            missing=self.missing,
            uncited=[document for document in self.documents if document not in cited],
            unsupported=list(unsupported),
        )

    def _find_sides(self, conflict: WrittenConflict) -> tuple[Citation, Citation] | None:
        """Return a citation for each side, from two documents; None if there are no such citations."""
        first_points = pick_points(self.points, [conflict.first])
        second_points = pick_points(self.points, [conflict.second])
        pairs = (
            (first, second)
            for first_point in first_points
            for second_point in second_points
            for first in first_point.citations
            for second in second_point.citations
            if first.document != second.document
        )
        return next(pairs, None)


def _build_digests(points: Sequence[Point]) -> list[Digest]:
    """Return the points of each document, each with one citation."""
    by_document: dict[str, list[Point]] = {}
    for point in points:
        by_document.setdefault(point.documents[0], []).append(point)
    return [
        Digest(
            document=document,
            points=[point.text for point in group],
            citations=[point.citations[0] for point in group],
        )
        for document, group in by_document.items()
    ]


def choose_citations(points: Sequence[Point]) -> list[Citation]:
    """Return citations of points: the first of each document, then the second, up to the maximum."""
    counts: dict[str, int] = {}
    ranked = []
    for place, citation in enumerate({citation: None for point in points for citation in point.citations}):
        counts[citation.document] = counts.get(citation.document, 0) + 1
        ranked.append((counts[citation.document], place, citation))
    return [citation for _, _, citation in sorted(ranked, key=lambda entry: entry[:2])][:_MAX_CITATIONS]
