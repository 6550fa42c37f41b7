"""A briefing while it is written: what each part says, what fits into one prompt, and what holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field, JsonValue

from langgraph_parallel.nodes.catalogue.citations import (
    CONDENSE,
    Point,
    chosen,
    collect_points,
    condensing,
    documents_condensed,
    fitting,
    listed,
)
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.text.chunks import cut
from langgraph_parallel.nodes.work.arguments import require_texts
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Briefing, Citation, Conflict, Digest, Section, Theme
from langgraph_parallel.reducers.text.extract import central, common_terms
from langgraph_parallel.report.briefing import briefing_markdown
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike, in_reach
from langgraph_parallel.runtime.run import current_run

DIGEST, EXTRACT = "digest", "extract"
_TOKENS = 60
"""Tokens of a point, as an estimate takes it."""
_CITED = 5
"""Citations of a theme, at most."""
_SENTENCES = 3
"""Sentences that stand for a part of a document, without a model."""
_NOTICE = (
    "Sentences were selected by how central they are in their document, and put together by the words that "
    "documents share; nothing was rewritten, and no language model took part. Contradictions were not looked "
    "for."
)


class _Theme(BaseModel):
    """One theme."""

    title: str
    text: str
    points: list[int] = Field(description="Numbers of the points that it rests on.")


class _Conflict(BaseModel):
    """One contradiction."""

    about: str
    explanation: str
    first: int
    second: int


class Written(BaseModel):
    """The briefing."""

    summary: str
    themes: list[_Theme]
    contradictions: list[_Conflict]


class Briefer:
    """What is the same in all runs of a briefing.

    Args:
        prompts: `digest`, `condense`, `briefing`.
        model: of all of them.
        offline: use no model.
        points: of one part of a document, at most.
        language: of the briefing.
    """

    def __init__(
        self,
        prompts: Mapping[str, Prompt],
        model: ModelLike | None,
        *,
        offline: bool,
        points: int,
        language: str,
    ) -> None:
        self._model, self._offline, self._points = model, offline, points
        self._words = {"language": language}
        self.writer = Ask(
            prompts["briefing"],
            model=model,
            schema=Written,
            given=prompts["briefing"].fitting(self._words),
        )

    def uses_model(self, context: Context) -> bool:
        """Whether models write in a run with this context.

        Raises:
            NoModelError: one is named that cannot be had.
        """
        return not self._offline and in_reach(context.model or self._model)

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """A section for each part of each document."""
        worker = DIGEST if self.uses_model(context) else EXTRACT
        sections = []
        for document, text in require_texts(given, "documents", "document", some=True).items():
            parts = cut(text, current_run().limits.section_tokens)
            offset = 0
            for number, part in enumerate(parts, 1):
                many = f" ({number}/{len(parts)})" if len(parts) > 1 else ""
                data = {"document": document, "offset": offset, "line": part.first, "most": self._points}
                if part.text.strip():
                    sections.append(
                        Section(
                            id=f"{document}/{number}",
                            title=f"{document}{many}",
                            content=part.text,
                            worker=worker,
                            data=dict(data),
                        )
                    )
                offset += len(part.text)
        return sections

    def digest_input(self, section: Section) -> dict[str, Any]:
        """What the digest of a part gets."""
        return {"document": str(section.data["document"]), "content": section.content}

    def condense_input(self, section: Section) -> dict[str, Any]:
        """What condensing gets."""
        return {"points": section.content, "most": str(section.data["most"])}

    def extract(self, section: Section) -> dict[str, Any]:
        """Select sentences, without a model."""
        found = central(section.content, _SENTENCES)
        return {"points": [{"point": s.text, "quote": s.text} for s in found]}

    def further(self, gathered: Gathered) -> Sequence[Section]:
        """Condense, until the points fit into one prompt."""
        if any(section.worker == EXTRACT for section in gathered.sections):
            return []
        points, number = collect_points(gathered), gathered.last_round
        if number and len(points) >= len(collect_points(gathered, number - 1)):
            return []  # condensing has failed: more of it would, too
        return condensing(points, number + 1, current_run().limits.section_tokens, self._points)

    def most(self, sections: Sequence[Section]) -> Sequence[Section]:
        """The sections in which points are condensed, if every part brings as many as it may."""
        if any(section.worker == EXTRACT for section in sections):
            return []
        ceiling, left = current_run().limits.section_tokens, len(sections) * self._points
        made = 0
        while left * _TOKENS > ceiling and left > self._points:
            made += -(-left * _TOKENS // ceiling)
            left = max(self._points, left // 2)
        text = "x" * (3 * ceiling)  # as much as one prompt holds
        data: dict[str, JsonValue] = {"most": 1}
        return [Section(id=f"{i}", title="", content=text, worker=CONDENSE, data=data) for i in range(made)]

    async def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Write, and keep what rests on something."""
        documents = require_texts(gathered.given, "documents", "document", some=True)
        every = collect_points(gathered)
        points = fitting(every, current_run().limits.section_tokens)
        read = {str(section.data["document"]) for section, _ in gathered.of_round(0)}
        planned = {str(s.data["document"]) for s in gathered.sections if s.round == 0}
        empty = [f"{name} (empty)" for name in documents if name not in planned]
        left = {name for point in every for name in point.documents}
        left -= {name for point in points for name in point.documents}
        lost = [f"{name} (too much to be written about)" for name in documents if name in left]
        missing = [*gathered.missing, *empty, *lost]
        common = {
            "documents": [name for name in documents if name in read],
            "digests": _digests(collect_points(gathered, documents_condensed(gathered))),
            "missing": missing,
        }
        if any(section.worker == EXTRACT for section in gathered.sections):
            made: Briefing | None = _selected(points, common)
        elif not points:
            made = Briefing(
                summary="The documents hold nothing to report.",
                themes=[],
                conflicts=[],
                uncited=common["documents"],
                unsupported=[],
                **common,
            )
        else:
            written = await gathered.attempt("write", lambda _: self._write(points, missing))
            made = None if written is None else _checked(written, points, common)
        return {"briefing": made, "markdown": None if made is None else briefing_markdown(made)}

    async def _write(self, points: Sequence[Point], missing: Sequence[str]) -> Written:
        given = {"points": listed(points), "missing": ", ".join(missing) or "nothing"}
        written: Written = await self.writer.ainvoke(
            {name: given[name] for name in self.writer.variables if name in given}
        )
        return written


def _digests(points: Sequence[Point]) -> list[Digest]:
    """The points of each document, with a place of each."""
    held: dict[str, list[Point]] = {}
    for point in points:
        held.setdefault(point.documents[0], []).append(point)
    return [
        Digest(document=name, points=[p.text for p in said], citations=[p.citations[0] for p in said])
        for name, said in held.items()
    ]


def _checked(written: Written, points: Sequence[Point], common: Mapping[str, Any]) -> Briefing:
    """Keep what rests on points that there are, and contradictions between two documents."""
    themes, conflicts, unsupported = [], [], []
    for theme in written.themes:
        citations = _cited(chosen(points, theme.points))
        if citations:
            themes.append(Theme(title=theme.title, text=theme.text, citations=citations))
        else:
            unsupported.append(theme.title)
    for one in written.contradictions:
        sides = _sides(chosen(points, [one.first]), chosen(points, [one.second]))
        if sides is None:
            unsupported.append(one.about)
        else:
            conflicts.append(
                Conflict(about=one.about, explanation=one.explanation, first=sides[0], second=sides[1])
            )
    return _whole(written.summary, themes, conflicts, unsupported, common)


def _sides(first: Sequence[Point], second: Sequence[Point]) -> tuple[Citation, Citation] | None:
    """A citation for each side, of two documents."""
    pairs = [
        (a, b)
        for one in first
        for other in second
        for a in one.citations
        for b in other.citations
        if a.document != b.document
    ]
    return pairs[0] if pairs else None


def _cited(points: Sequence[Point]) -> list[Citation]:
    """Citations of points: of each document one, before any has two."""
    every = list({c: None for point in points for c in point.citations})
    seen: dict[str, int] = {}
    ranked = []
    for place, citation in enumerate(every):
        seen[citation.document] = seen.get(citation.document, 0) + 1
        ranked.append((seen[citation.document], place, citation))
    return [citation for _, _, citation in sorted(ranked, key=lambda one: one[:2])][:_CITED]


def _selected(points: Sequence[Point], common: Mapping[str, Any]) -> Briefing:
    """A briefing of selected sentences."""
    texts = [(point.documents[0], point.text) for point in points]
    first = {document: point.text for point in reversed(points) for document in point.documents}
    summary = " ".join(first[document] for document in common["documents"][:_CITED] if document in first)
    themes = [
        Theme(title=term, text="", citations=_cited([points[place] for place in places]))
        for term, places in common_terms(texts, 8)
    ]
    return _whole(summary, themes, [], [], common).model_copy(update={"notice": _NOTICE})


def _whole(
    summary: str,
    themes: Sequence[Theme],
    conflicts: Sequence[Conflict],
    unsupported: Sequence[str],
    common: Mapping[str, Any],
) -> Briefing:
    cited = {c.document for theme in themes for c in theme.citations}
    cited |= {side.document for conflict in conflicts for side in (conflict.first, conflict.second)}
    return Briefing(
        summary=summary,
        themes=list(themes),
        conflicts=list(conflicts),
        uncited=[document for document in common["documents"] if document not in cited],
        unsupported=list(unsupported),
        **common,
    )
