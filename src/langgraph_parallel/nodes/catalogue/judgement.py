"""Judgements of drafts: from comparisons in pairs, from scores by a rubric, or by a judge of the caller's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel, Field, JsonValue

from langgraph_parallel.nodes.catalogue.draft_judge import Score
from langgraph_parallel.records import Section
from langgraph_parallel.reducers.joins.pairwise import Better, Comparison, points


class Preference(BaseModel):
    """Which of two results is better."""

    reason: str = Field("", description="Why, in a sentence or two.")
    better: int | None = Field(description="1 or 2; null if neither is.")


class CriterionScore(BaseModel):
    """The score of one criterion."""

    criterion: str = Field(description="Its name.")
    reason: str = Field("", description="Why, in a sentence.")
    score: float = Field(ge=0, le=10)


class Scorecard(BaseModel):
    """A score for each criterion."""

    scores: list[CriterionScore]


@dataclass(frozen=True)
class Rubric:
    """The criteria by which a draft is scored, and what each means."""

    criteria: Mapping[str, str]

    @property
    def text(self) -> str:
        """The criteria as a prompt shows them."""
        return "\n".join(f"- {name}: {meaning}" for name, meaning in self.criteria.items())


class Judgement(NamedTuple):
    """What the judge made of one draft."""

    score: float
    """Share of comparisons won, mean score, or what the caller's judge returned."""
    judged: int
    """Number of comparisons or scores that it rests on."""
    reasons: list[str]


_BETTER: Mapping[Any, Better] = {1: 1, 2: 2}
"""Valid answers of a judge; any other one is a draw."""


def read_scores(value: JsonValue, rubric: Rubric) -> Judgement:
    """Return the mean score of the rubric's criteria; other criteria are ignored.

    Args:
        value: the judge's scorecard; None if there is none.
        rubric: the criteria.
    """
    scores = [] if value is None else Scorecard.model_validate(value).scores
    by_criterion = {score.criterion: score for score in scores if score.criterion in rubric.criteria}
    mean = sum(s.score for s in by_criterion.values()) / len(by_criterion) if by_criterion else 0.0
    reasons = [f"{name} {score.score:g}: {score.reason}" for name, score in by_criterion.items()]
    return Judgement(mean, len(by_criterion), reasons)


def read_own(value: JsonValue) -> Judgement:
    """Return the score of a judge of the caller's.

    Args:
        value: a `Score`; None if there is none.
    """
    if value is None:
        return Judgement(0.0, 0, [])
    scored = Score.model_validate(value)
    return Judgement(scored.score, 1, scored.reasons)


def read_comparisons(results: Iterable[tuple[Section, JsonValue]], id: str) -> Judgement:
    """Return the share of comparisons that a draft won, with the reasons.

    Args:
        results: sections that need two drafts, each with the judge's preference.
        id: of the draft.
    """
    comparisons, reasons = [], []
    for section, value in results:
        preference = Preference.model_validate(value)
        first, second = section.needs
        better = _BETTER.get(preference.better)
        comparisons.append(Comparison(first, second, better))
        if better is not None and section.needs[better - 1] == id:
            reasons.append(preference.reason)
    names = list(dict.fromkeys(name for pair in comparisons for name in (pair.first, pair.second)))
    share, count = points(names, comparisons).get(id, (0, 0))
    return Judgement(float(share), count, list(dict.fromkeys(reasons)))
