"""A contest between drafts: who is compared or scored, and who wins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Draft, Section
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.joins.pairwise import Comparison, pairings, points
from langgraph_parallel.runtime.models import ModelLike

COMPARE, SCORE, MERGE = "judge/compare", "judge/score", "judge/merge"


class _Compared(BaseModel):
    """Which of two results is better."""

    reason: str = Field(description="Why, in a sentence or two.")
    better: int | None = Field(description="1 or 2; null if neither is.")


class _Score(BaseModel):
    """The score of one criterion."""

    criterion: str
    reason: str = Field(description="Why, in a sentence.")
    score: float = Field(ge=0, le=10)


class _Scored(BaseModel):
    """A score for each criterion."""

    scores: list[_Score]


@dataclass(frozen=True)
class Scores:
    """What counts in a rubric."""

    criteria: Mapping[str, str]

    @classmethod
    def of(cls, rubric: Mapping[str, str] | None) -> "Scores | None":
        """A rubric, where there is one.

        Raises:
            UsageError: a criterion that is no text.
        """
        if rubric and not all(isinstance(text, str) for pair in rubric.items() for text in pair):
            raise UsageError("rubric has to be a mapping of criterion to what it means, both texts")
        return cls(dict(rubric)) if rubric else None

    @property
    def text(self) -> str:
        """As a prompt shows it."""
        return "\n".join(f"- {name}: {means}" for name, means in self.criteria.items())


class Contest:
    """How drafts are judged: in pairs, or by a rubric; and merged, where that is wanted.

    Args:
        prompts: `compare`, `score`, `merge`.
        judge: the model.
        rubric: None for pairs.
        merge: whether the winner is improved by what is better in the others.
    """

    def __init__(
        self, prompts: Mapping[str, Prompt], judge: ModelLike | None, rubric: Scores | None, *, merge: bool
    ) -> None:
        self._rubric, self._merge = rubric, merge
        self.workers: dict[str, Ask] = (
            {COMPARE: Ask(prompts["compare"], model=judge, schema=_Compared)}
            if rubric is None
            else {
                SCORE: Ask(
                    prompts["score"],
                    model=judge,
                    schema=_Scored,
                    given=prompts["score"].fitting({"criteria": rubric.text}),
                )
            }
        )
        if merge:
            self.workers[MERGE] = Ask(prompts["merge"], model=judge)
        self.inputs: dict[str, Callable[[Section], object]] = {
            COMPARE: _two,
            SCORE: lambda section: {**section.data, "result": _shown(section)[0]},
            MERGE: lambda section: {**section.data, "drafts": "\n\n".join(_numbered(_shown(section)))},
        }

    def next_round(self, gathered: Gathered) -> Sequence[Section]:
        """First the judging, then the merging."""
        drafts = _distinct(gathered)
        if len(drafts) < 2:
            return []
        data = dict(drafts[0][0].data)
        if gathered.last_round == 0:
            return self._judging([section.id for section, _ in drafts], data)
        ranked = self._ranked(gathered)
        if not self._merge or gathered.last_round > 1 or not ranked[0].judged:
            return []
        needs = [draft.id for draft in ranked]
        return [Section(id=MERGE, title="merge", worker=MERGE, needs=needs, data=data)]

    def most(self, sections: Sequence[Section]) -> Sequence[Section]:
        """All later rounds."""
        names = [section.id for section in sections]
        data = dict(sections[0].data) if sections else {}
        merging = (
            [Section(id=MERGE, title="merge", worker=MERGE, needs=names, data=data)] if self._merge else []
        )
        return [*self._judging(names, data), *merging] if len(names) > 1 else []

    def _judging(self, names: Sequence[str], data: dict[str, JsonValue]) -> Sequence[Section]:
        if self._rubric is not None:
            return [
                Section(id=f"{SCORE}/{one}", title=f"score {one}", worker=SCORE, needs=[one], data=data)
                for one in names
            ]
        return [
            Section(
                id=f"judge/pair/{i}",
                title=f"{first} or {second}",
                worker=COMPARE,
                needs=[first, second],
                data=data,
            )
            for i, (first, second) in enumerate(pairings(names), 1)
        ]

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """The winner, and all drafts by their points."""
        ranked = self._ranked(gathered)
        judged = bool(ranked) and (ranked[0].judged > 0 or len(_distinct(gathered)) == 1)
        merged = gathered.values.get(MERGE)
        return {
            "best": merged if merged is not None else ranked[0].text if judged else None,
            "reasons": ranked[0].reasons if judged else [],
            "drafts": ranked,
        }

    def _ranked(self, gathered: Gathered) -> list[Draft]:
        kept = {canonical(value): section.id for section, value in reversed(_distinct(gathered))}
        drafts = [
            self._draft(gathered, section.id, kept[canonical(value)], value)
            for section, value in gathered.of_round(0)
        ]
        return sorted(drafts, key=lambda draft: (draft.judged == 0, -draft.score))

    def _draft(self, gathered: Gathered, id: str, judged_as: str, value: JsonValue) -> Draft:
        score, judged, reasons = (
            _compared(gathered, judged_as) if self._rubric is None else self._scored(gathered, judged_as)
        )
        return Draft(id=id, text=value, score=score, judged=judged, reasons=reasons)

    def _scored(self, gathered: Gathered, id: str) -> tuple[float, int, list[str]]:
        assert self._rubric is not None
        given = gathered.values.get(f"{SCORE}/{id}")
        held = _Scored.model_validate(given).scores if given is not None else []
        known = {one.criterion: one for one in held if one.criterion in self._rubric.criteria}
        mean = sum(one.score for one in known.values()) / len(known) if known else 0.0
        reasons = [f"{one.criterion} {one.score:g}: {one.reason}" for one in known.values()]
        return mean, len(known), reasons


def _compared(gathered: Gathered, id: str) -> tuple[float, int, list[str]]:
    read, reasons = [], []
    for section, value in gathered.by(COMPARE):
        said = _Compared.model_validate(value)
        first, second = section.needs
        better = said.better if said.better in (1, 2) else None
        read.append(Comparison(first, second, better))  # type: ignore[arg-type]
        if better is not None and section.needs[better - 1] == id:
            reasons.append(said.reason)
    names = list(dict.fromkeys(name for one in read for name in (one.first, one.second)))
    share, met = points(names, read).get(id, (0, 0))
    return float(share), met, list(dict.fromkeys(reasons))


def _distinct(gathered: Gathered) -> list[tuple[Section, JsonValue]]:
    """The drafts, each wording once: the earliest."""
    held = {canonical(value): (section, value) for section, value in reversed(gathered.of_round(0))}
    return list(reversed(held.values()))


def _shown(section: Section) -> list[str]:
    return [as_text(value) for value in section.earlier.values()] or [""]


def _numbered(texts: Sequence[str]) -> list[str]:
    return [f"Result {i}:\n\n{text}" for i, text in enumerate(texts, 1)]


def _two(section: Section) -> dict[str, Any]:
    texts = _shown(section)
    return {**section.data, "first": texts[0], "second": texts[-1]}
