"""Reader: a model as a voter of a review."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel, BeforeValidator, Field, JsonValue

from langgraph_parallel.nodes.review.aspects import readers
from langgraph_parallel.nodes.review.plan import numbered
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.parts import halve, in_parts
from langgraph_parallel.nodes.work.roster import Roster
from langgraph_parallel.nodes.work.workers import Composed
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Claim, Estimate, Lines, Part, ReviewQuestion, Severity
from langgraph_parallel.records.review_question import model_voter
from langgraph_parallel.reducers.findings.anchor import find_quote, match_path
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.recording import answered_by
from langgraph_parallel.runtime.redact import mask_secrets, redact
from langgraph_parallel.runtime.run import Run

_SEVERITY_WORDS: dict[str, Severity] = {
    **dict.fromkeys(("critical", "blocker", "severe", "major", "error", "fatal", "urgent"), "high"),
    **dict.fromkeys(("moderate", "warning", "normal"), "medium"),
    **dict.fromkeys(("minor", "info", "informational", "trivial", "note", "nit", "none"), "low"),
}
"""Words of other scales, which models use all the same."""


def _as_severity(value: object) -> object:
    words = re.findall("[a-z]+", value.lower()) if isinstance(value, str) else []
    return _SEVERITY_WORDS.get(words[0], value) if len(words) == 1 else value


class _Reported(BaseModel):
    """One defect."""

    path: str = Field(description="The file, as written after `===`.")
    line: int | None = Field(None, description="The number of the line.")
    quote: str = Field(description="The line of code, copied exactly, without its number and bar.")
    severity: Annotated[Severity, BeforeValidator(_as_severity)] = Field(
        "medium",
        description="`high` for what breaks, leaks or loses data; `medium` for what will cause trouble in "
        "common use; `low` for the rest.",
    )
    message: str = Field(description="The defect in one sentence.")
    explanation: str = Field("", description="Its cause and its consequences.")
    suggestion: str = Field("", description="The smallest change that fixes it.")


class _Answer(BaseModel):
    """The defects that a reviewer found."""

    findings: list[_Reported] = Field(description="Empty if there is nothing to report.")


class Reader(Composed):
    """A model voter that reads code in one way, for the aspect of each question.

    Args:
        number: from 1; chooses the way of reading, and makes its requests differ from every other reader's.
        roster: models and temperatures that are dealt out to readers.
        model: asked if the roster names none; by default the one that the environment names.
        prompt: with the variables `{aspect}`, `{criteria}`, `{reader}` and `{files}`.
    """

    def __init__(
        self,
        number: int,
        *,
        roster: Roster,
        model: ModelLike | None,
        prompt: Prompt,
    ) -> None:
        self.name = model_voter(number)
        self._number, self._roster = number, roster
        ways = readers()
        self._way = ways[(number - 1) % len(ways)].text
        self._model = model
        self._prompt = prompt
        self._asks: dict[tuple[str, str], Ask] = {}

    @property
    def asks(self) -> Sequence[Ask]:
        """One for each aspect that it was asked about."""
        return list(self._asks.values())

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> dict[str, JsonValue]:
        """Review the parts of a question.

        Returns:
            `choice`: claims, each anchored to the line that it quotes, or in doubt; `notes`: the models that
            judged (`judges`), and the `paths` that they saw.

        Raises:
            Exception: as `Ask.ainvoke`.
        """
        question: ReviewQuestion = input
        ask = self._ask(question)
        answer: _Answer = await in_parts(
            lambda parts: ask.ainvoke(_shown(parts), config), question.parts, _halve, _join
        )
        judges: list[JsonValue] = [*(answered_by() or [ask.model_in_use()])]
        source = f"{self.name} ({', '.join(map(str, judges))})"
        known = [part.path for part in question.parts]
        paths: list[JsonValue] = [*known]
        reports = [
            reported.model_copy(update={"path": match_path(reported.path, known)})
            for reported in answer.findings
        ]
        claims = [self._claim(reported, question, source) for reported in reports]
        return {
            "choice": [claim.model_dump(mode="json") for claim in claims],
            "notes": {"judges": judges, "paths": paths},
        }

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """Return the upper bounds of reading; see `Ask.estimate`."""
        return self._ask(input).estimate(_shown(input.parts), run, context)

    def _ask(self, question: ReviewQuestion) -> Ask:
        aspect = question.aspect
        key = (aspect.name, aspect.criteria)
        if key not in self._asks:
            values = {"aspect": aspect.title, "criteria": aspect.criteria, "reader": self._way}
            self._asks[key] = self._roster.ask(
                self._number - 1,
                self._prompt,
                f"Reviewers work independently of each other. You are reviewer {self._number} of this panel.",
                model=self._model,
                schema=_Answer,
                given=self._prompt.fitting(values),
            )
        return self._asks[key]

    def _claim(self, reported: _Reported, question: ReviewQuestion, source: str) -> Claim:
        lines, quote, doubt = _place(reported, question.parts)
        return Claim(
            voter=self.name,
            source=source,
            aspect=question.aspect.name,
            path=reported.path,
            lines=lines,
            severity=reported.severity,
            message=redact(reported.message.strip()),
            explanation=redact(reported.explanation.strip()),
            suggestion=redact(reported.suggestion.strip()),
            quote=mask_secrets(quote),
            doubt=doubt,
        )


def _shown(parts: Sequence[Part]) -> dict[str, str]:
    return {"files": "\n\n".join(map(numbered, parts))}


def _halve(parts: list[Part]) -> list[list[Part]]:
    """Cut the parts of a question in two: between files, else within the only one."""
    if len(parts) > 1:
        return [parts[: len(parts) // 2], parts[len(parts) // 2 :]]
    (part,) = parts
    if not (halves := halve(part.text)):
        return []
    first = part.model_copy(update={"text": halves[0], "whole": False})
    line = part.first + halves[0].count("\n")
    second = part.model_copy(update={"text": halves[1], "first": line, "whole": False})
    return [[first], [second]]


def _join(answers: Sequence[_Answer]) -> _Answer:
    return _Answer(findings=[finding for answer in answers for finding in answer.findings])


def _place(reported: _Reported, parts: Sequence[Part]) -> tuple[Lines, str, str | None]:
    """Locate a reported defect by its quote, in the file that it names; the third item is a doubt."""
    near = max(1, reported.line or 1)
    stated = Lines(first=near, last=near)
    named = [part for part in parts if part.path == reported.path]
    if not named:
        return stated, reported.quote.strip(), "the file that it names was not under review"
    places = [
        (found, part)
        for part in named
        if (found := find_quote(reported.quote, near, part.lines, first=part.first))
    ]
    if not places:
        return stated, reported.quote.strip(), "the line that it quotes is not in the file"
    found, part = min(places, key=lambda place: abs(place[0].first - near))
    return found, part.line(found.first), None
