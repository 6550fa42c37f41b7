"""Scorers that ask a model: a rubric for each answer, or a comparison of two answers in both orders."""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from langgraph_parallel.errors import InvalidAnswer, UsageError
from langgraph_parallel.evaluation.items import Item
from langgraph_parallel.evaluation.scoring.base import Score
from langgraph_parallel.nodes.catalogue.judgement import Preference, Rubric, Scorecard
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.prompts import load_prompt
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike, check_model, default_model, model_name
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.scale.making import make_program
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Row

_CRITERIA: Mapping[str, str] = {"quality": "it is right, complete, and answers what was asked"}
_BEST = 10.0
Kind = Literal["rubric", "pairwise"]


@dataclass(frozen=True, kw_only=True)
class JudgeScorer:
    """A scorer that is a model.

    Args:
        kind: `rubric`: each answer is scored by itself; `pairwise`: two answers to an item are compared, in
            both orders.
        criteria: what counts, by name, and what each means.
        model: that judges; None for the one of the environment.
        question: column of the items that is the question; None for all columns, as JSON.
    """

    kind: Kind
    criteria: Mapping[str, str]
    model: ModelLike | None = None
    question: str | None = None
    needs_expected: bool = False
    takes_whole: bool = True

    @property
    def name(self) -> str:
        """As reports say it."""
        return self.kind

    @property
    def table(self) -> str:
        """The beginning of the names of its tables: another model, prompt or rubric has others."""
        parts = [self._prompt.text, dict(self.criteria), _name_of(self.model), self.question]
        digest = hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:8]
        return f"{self.kind} {digest}"

    def program(self, limits: Limits | None) -> Program:
        """Return what judges a row.

        Raises:
            UsageError: the model is not valid, or its price is not known where the budget is in dollars.
        """
        model = default_model() if self.model is None else self.model
        if model is None:
            raise UsageError(f"scorer {self.kind} has no model; name one with model='provider:model'")
        check_model(model)
        check_prices(limits or Limits(), [model])
        prompt, given = self._prompt, {"criteria": Rubric(self.criteria).text}
        if self.kind == "rubric":
            asked = Ask(prompt, model=model, schema=Scorecard, given=given)
            return make_program(_Scoring(asked, Rubric(self.criteria)), limits=limits)
        asked = Ask(prompt, model=model, schema=Preference, given=given)
        return make_program(_Comparing(asked), limits=limits)

    def check(self, items: Iterable[Item]) -> None:
        """Check that the judge can be shown the items.

        Raises:
            UsageError: one has no such question.
        """
        for item in items:
            self._question(item)

    def row(self, item: Item, **answers: Any) -> Row:
        """Return what the model is shown of an item, and of one answer or two."""
        texts = {name: as_text(answer) for name, answer in answers.items()}
        return Row(item.key, {"question": self._question(item), "reference": _reference(item), **texts})

    def read(self, output: Mapping[str, Any]) -> Score:
        """Return the score of an answer in what came back of it: the mean of the criteria."""
        parts = {name: value / _BEST for name, value in output["scores"].items()}
        return Score(sum(parts.values()) / len(parts), parts)

    @property
    def _prompt(self) -> Any:
        return load_prompt("evaluation/score" if self.kind == "rubric" else "evaluation/compare")

    def _question(self, item: Item) -> str:
        if self.question is None:
            return as_text(next(iter(item.data.values())) if len(item.data) == 1 else dict(item.data))
        if self.question not in item.data:
            raise UsageError(f"item {item.key!r} has no column {self.question!r}, which the judge is shown")
        return as_text(item.data[self.question])


def rubric(
    criteria: Mapping[str, str] | None = None, *, model: ModelLike | None = None, question: str | None = None
) -> JudgeScorer:
    """Score each answer by a model with criteria, from 0 to 1; the mean of the criteria counts.

    Args:
        criteria: by name, what each means. Default: that the answer is right and complete.
        model: that judges; better one that is none of the variants'. Default: that of the environment.
        question: column of the items that the judge is shown. Default: all.
    """
    return JudgeScorer(kind="rubric", criteria=_criteria(criteria), model=model, question=question)


def pairwise(
    criteria: Mapping[str, str] | None = None, *, model: ModelLike | None = None, question: str | None = None
) -> JudgeScorer:
    """Compare the answers of two variants by a model, in both orders, so that neither gains by its place.

    Where both orders agree, the better answer gets the item; where they do not, both get half of it, and the
    share of such items is reported as the judge's bias.

    Args:
        criteria: as for `rubric`.
        model: as for `rubric`.
        question: as for `rubric`.
    """
    return JudgeScorer(kind="pairwise", criteria=_criteria(criteria), model=model, question=question)


class _Scoring:
    """Scores the answer of a row."""

    def __init__(self, ask: Ask, rubric: Rubric) -> None:
        self._ask, self._names = ask, set(rubric.criteria)

    async def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        card = await self._ask.ainvoke(dict(row))
        scores = {score.criterion: score.score for score in card.scores if score.criterion in self._names}
        if missing := sorted(self._names - scores.keys()):
            raise InvalidAnswer(f"the judge has not scored {missing[0]!r}")
        return {"scores": scores}


class _Comparing:
    """Compares the two answers of a row, in both orders."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        swapped = {**row, "first": row["second"], "second": row["first"]}
        there, back = await asyncio.gather(self._ask.ainvoke(dict(row)), self._ask.ainvoke(swapped))
        return {"forward": _gain(there.better), "backward": -_gain(back.better)}


def _gain(better: int | None) -> int:
    return {1: 1, 2: -1}.get(better or 0, 0)


def _criteria(given: Mapping[str, str] | None) -> Mapping[str, str]:
    criteria = _CRITERIA if given is None else given
    if not isinstance(criteria, Mapping) or not criteria:
        raise UsageError("criteria is empty; expected a mapping of names to what each means")
    return dict(criteria)


def _reference(item: Item) -> str:
    return "" if item.expected is None else as_text(item.expected)


def _name_of(model: ModelLike | None) -> str:
    chosen = default_model() if model is None else model
    return "" if chosen is None else model_name(chosen)
