"""Briefing: read documents in parts, condense their points, and write what they say together."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, JsonValue

from langgraph_parallel.arguments import at_least
from langgraph_parallel.nodes.catalogue.briefing_record import Material, WrittenBriefing
from langgraph_parallel.nodes.catalogue.citations import (
    CONDENSE,
    CondensedPoints,
    PartDigest,
    Point,
    collect_points,
    fit_points,
    last_document_level,
    list_points,
    plan_condensing,
)
from langgraph_parallel.nodes.catalogue.extracted import extract, extracted_briefing
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.text.chunks import NumberedPiece
from langgraph_parallel.nodes.text.document import cut_document
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.inputs import require_texts
from langgraph_parallel.nodes.work.offline import OfflineCapable
from langgraph_parallel.nodes.work.parts import DividingAsk, section_tokens
from langgraph_parallel.nodes.work.workers import WorkerLike
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Briefing, Section
from langgraph_parallel.report.briefing import briefing_markdown
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.run import current_run

DIGEST, EXTRACT = "digest", "extract"
_POINT_TOKENS = 60
"""Tokens of a point, assumed by estimates."""


class BriefingSteps(OfflineCapable):
    """Reads documents in parts, condenses their points, and writes the briefing.

    Args:
        prompts: `digest`, `condense`, `briefing`.
        model: of all calls.
        offline: whether to use no model.
        max_points: maximum points of a document, and of each of its parts.
        language: of the briefing.

    Raises:
        UsageError: `max_points` is less than 1, or `model` and `offline` are both set.
    """

    def __init__(
        self,
        prompts: Mapping[str, Prompt],
        model: ModelLike | None,
        *,
        offline: bool,
        max_points: int,
        language: str,
    ) -> None:
        super().__init__(model, offline=offline)
        at_least(max_points, "max_points")
        self._max_points = max_points
        settings = {"language": language, "most": str(max_points)}

        def ask(name: str, schema: type[BaseModel], *variables: str) -> Ask:
            given = prompts[name].fitting({variable: settings[variable] for variable in variables})
            return Ask(prompts[name], model=model, schema=schema, given=given)

        self.writer = ask("briefing", WrittenBriefing, "language")
        self.workers: dict[str, WorkerLike] = {
            DIGEST: DividingAsk(ask("digest", PartDigest, "language", "most"), "content", _join_digests),
            CONDENSE: ask("condense", CondensedPoints, "language"),
            EXTRACT: extract,
        }
        self.inputs = {DIGEST: self.digest_input, CONDENSE: self.condense_input}

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Return a section for each part of each document; blank parts are left out.

        Without a model each document is one part.
        """
        documents = _read_documents(given)
        if not self.uses_model(context):
            pieces = {name: [NumberedPiece(1, 1, 1, 0, text)] for name, text in documents.items()}
        else:
            ceiling = section_tokens(context.model or self._model)
            pieces = {name: cut_document(text, name, ceiling) for name, text in documents.items()}
        worker = DIGEST if self.uses_model(context) else EXTRACT
        return [
            self._reading_section(document, piece, worker)
            for document in documents
            for piece in pieces[document]
            if piece.text.strip()
        ]

    def _reading_section(self, document: str, piece: NumberedPiece, worker: str) -> Section:
        return Section(
            id=f"{document}/{piece.number}",
            title=piece.title(document),
            content=piece.text,
            worker=worker,
            data={
                "document": document,
                "offset": piece.offset,
                "line": piece.first,
                "most": self._max_points,
            },
        )

    def digest_input(self, section: Section) -> dict[str, Any]:
        """Return the variables of the prompt that reads a part."""
        return {"document": str(section.data["document"]), "content": section.content}

    def condense_input(self, section: Section) -> dict[str, Any]:
        """Return the variables of the prompt that condenses points."""
        return {"points": section.content, "most": str(section.data["most"])}

    def next_round(self, gathered: Gathered) -> Sequence[Section]:
        """Return the sections that condense the points; none once they fit into one prompt."""
        if _is_extracted(gathered.sections):
            return []
        points, level = collect_points(gathered), gathered.last_round
        if level and len(points) >= len(collect_points(gathered, level - 1)):
            return []  # the last level left as many points, so another one would not help
        return plan_condensing(points, level + 1, current_run().limits.section_tokens, self._max_points)

    def later_sections(self, sections: Sequence[Section]) -> Sequence[Section]:
        """Return the condensing sections that are needed if every part has the maximum of points."""
        if _is_extracted(sections):
            return []
        ceiling, points = current_run().limits.section_tokens, len(sections) * self._max_points
        count = 0
        while points * _POINT_TOKENS > ceiling and points > self._max_points:
            count += -(-points * _POINT_TOKENS // ceiling)
            points = max(self._max_points, points // 2)
        text = "x" * (3 * ceiling)  # as much as one prompt holds
        data: dict[str, JsonValue] = {"most": 1}
        return [Section(id=f"{i}", title="", content=text, worker=CONDENSE, data=data) for i in range(count)]

    async def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Write the briefing, and keep only what the documents support."""
        if _is_extracted(gathered.sections):
            missing = [*gathered.missing, *_list_empty(gathered)]
            return _output(extracted_briefing(gathered, _read_documents(gathered.given), missing))
        all_points = collect_points(gathered)
        points = fit_points(all_points, current_run().limits.section_tokens)
        missing = [*gathered.missing, *_list_unused(gathered, all_points, points)]
        briefing = await self._write(gathered, _gather_material(gathered, points, missing))
        return (
            {"briefing": None, "markdown": None, "missing": missing}
            if briefing is None
            else _output(briefing)
        )

    async def _write(self, gathered: Gathered, material: Material) -> Briefing | None:
        """Return the briefing; None if writing it failed."""
        if not material.points:
            return material.build("The documents contain nothing to report.", [])
        values = {
            "points": list_points(material.points),
            "missing": ", ".join(material.missing),
        }
        answer = await gathered.attempt("write", lambda _: self.writer.ainvoke(values))
        return None if answer is None else material.check(answer)


def _output(briefing: Briefing) -> dict[str, Any]:
    return {"briefing": briefing, "markdown": briefing_markdown(briefing), "missing": briefing.missing}


def _join_digests(digests: Sequence[PartDigest]) -> PartDigest:
    return PartDigest(points=[point for digest in digests for point in digest.points])


def _read_documents(given: Mapping[str, Any]) -> dict[str, str]:
    return require_texts(given, "documents", "document", non_empty=True)


def _is_extracted(sections: Sequence[Section]) -> bool:
    """Return whether the run works without a model."""
    return any(section.worker == EXTRACT for section in sections)


def _gather_material(gathered: Gathered, points: Sequence[Point], missing: list[str]) -> Material:
    read = {str(section.data["document"]) for section, _ in gathered.of_round(0)}
    return Material(
        points=points,
        document_points=collect_points(gathered, last_document_level(gathered)),
        documents=[document for document in _read_documents(gathered.given) if document in read],
        missing=missing,
    )


def _list_unused(gathered: Gathered, all_points: Sequence[Point], points: Sequence[Point]) -> list[str]:
    """Name the documents that are empty, and those none of whose points fit into the prompt."""
    left_out = _documents_of(all_points) - _documents_of(points)
    return [
        *_list_empty(gathered),
        *(
            f"{document} (left out: no room in the prompt)"
            for document in _read_documents(gathered.given)
            if document in left_out
        ),
    ]


def _list_empty(gathered: Gathered) -> list[str]:
    planned = {str(section.data["document"]) for section in gathered.sections if section.round == 0}
    return [f"{name} (empty)" for name in _read_documents(gathered.given) if name not in planned]


def _documents_of(points: Sequence[Point]) -> set[str]:
    return {document for point in points for document in point.documents}
