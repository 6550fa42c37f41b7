"""Best of n: draft several times, compare or score the drafts, and choose the best."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pydantic import JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.catalogue.draft_judge import DraftJudge, read_score
from langgraph_parallel.nodes.catalogue.drafting import RESERVED, Drafting
from langgraph_parallel.nodes.catalogue.judgement import (
    Judgement,
    Preference,
    Rubric,
    Scorecard,
    read_comparisons,
    read_own,
    read_scores,
)
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.work.agent_ask import JudgeLike, ask_model_or_agent
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.nodes.work.workers import WorkerLike
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Draft, Section
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.joins.pairwise import pairings
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike

COMPARE, SCORE, MERGE = f"{RESERVED}compare", f"{RESERVED}score", f"{RESERVED}merge"
Method = Literal["pairs", "rubric"]


class Judging:
    """How drafts are judged: in pairs or by a rubric, by a model; or by a judge of the caller's.

    Args:
        prompts: `compare`, `score`.
        judge: of the caller's; None for a model or an agent.
        model: by default the model that judges.
        judge_model: the model or the agent that judges.
        method: `pairs` or `rubric`; None for pairs, unless there is a judge.
        rubric: criteria by name, for `rubric`.

    Raises:
        UsageError: the method does not fit the rubric, the judge is not valid, or arguments exclude it.
    """

    def __init__(
        self,
        prompts: Mapping[str, Prompt],
        *,
        judge: WorkerLike | None,
        model: ModelLike | None,
        judge_model: JudgeLike | None,
        method: Method | None,
        rubric: Mapping[str, str] | None,
    ) -> None:
        chosen = {"method": method, "rubric": rubric, "judge_model": judge_model}
        if judge is not None and (surplus := [name for name, value in chosen.items() if value is not None]):
            raise UsageError(
                f"judge= scores the drafts, and {surplus[0]}= says how a model does; leave one of them out"
            )
        if method == "rubric" and not rubric:
            raise UsageError("method='rubric' needs criteria; pass rubric={'criterion': 'what it means'}")
        if method != "rubric" and rubric:
            raise UsageError("method='pairs' takes no rubric; pass method='rubric', or leave rubric out")
        self._rubric = Rubric(dict(rubric)) if rubric else None
        self.in_pairs = judge is None and self._rubric is None
        self.most = 10.0 if self._rubric else math.inf
        """The highest score that a draft can have."""
        self.outputs: dict[str, Callable[[Any], object]] = {}
        asked = judge_model if judge_model is not None else model
        if judge is not None:
            own = DraftJudge(judge)
            self.workers: dict[str, WorkerLike] = {SCORE: own.worker}
            self.inputs: dict[str, Callable[[Section], object]] = {SCORE: own.input}
            self.outputs = {SCORE: read_score}
        elif self._rubric is not None:
            given = prompts["score"].fitting({"criteria": self._rubric.text})
            self.workers = {SCORE: ask_model_or_agent(prompts["score"], asked, Scorecard, given=given)}
            self.inputs = {SCORE: lambda section: {**section.data, "result": _earlier_texts(section)[0]}}
        else:
            self.workers = {COMPARE: ask_model_or_agent(prompts["compare"], asked, Preference)}
            self.inputs = {COMPARE: _pair_input}

    def sections(self, names: Sequence[str], task: str) -> list[Section]:
        """Return a section for each draft to score, or for each pair to compare, in both orders."""
        data: dict[str, JsonValue] = {"task": task}
        if not self.in_pairs:
            return [
                Section(id=f"{SCORE}/{name}", title=f"score {name}", worker=SCORE, needs=[name], data=data)
                for name in names
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

    def unjudged(self, gathered: Gathered, names: Sequence[str]) -> list[str]:
        """Return the names of the drafts that no section judges so far."""
        planned = {section.id for section in gathered.sections}
        if self.in_pairs:
            is_planned = any(section.worker == COMPARE for section in gathered.sections)
            return [] if is_planned else list(names)
        return [name for name in names if f"{SCORE}/{name}" not in planned]

    def judgement(self, gathered: Gathered, id: str) -> Judgement:
        """Return what was made of the draft with an id."""
        if self.in_pairs:
            return read_comparisons(gathered.of_worker(COMPARE), id)
        value = gathered.by_id.get(f"{SCORE}/{id}")
        return read_own(value) if self._rubric is None else read_scores(value, self._rubric)


class Contest:
    """Drafts in waves, judges the drafts of each, and optionally merges them in the end.

    Args:
        drafting: who drafts.
        judging: how drafts are judged.
        threshold: the score that ends the drafting; None to ask every drafter.
        merge: asks for the winner, improved by the better parts of the others; None to leave it as it is.

    Raises:
        UsageError: a wave, a threshold or a refinement without scores, or one that cannot matter.
    """

    def __init__(
        self, drafting: Drafting, judging: Judging, *, threshold: float | None, merge: WorkerLike | None
    ) -> None:
        _check_waves(drafting, judging, threshold)
        self._drafting, self._judging = drafting, judging
        self._threshold, self._merge = threshold, merge is not None
        merging = {} if merge is None else {MERGE: merge}
        self.workers = {**drafting.workers, **judging.workers, **merging}
        self.inputs: dict[str, Callable[[Section], object]] = {
            **judging.inputs,
            MERGE: lambda section: {**section.data, "drafts": _number_texts(_earlier_texts(section))},
        }

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Return the sections of the first wave.

        Raises:
            InputError: there is no task.
        """
        return self._drafting.plan(given, context)

    def next_round(self, gathered: Gathered) -> Sequence[Section]:
        """Return the sections that judge what is new, then the next wave; in the end the one that merges.

        A single draft is not judged, unless more may follow.
        """
        drafts, left = self._distinct(gathered), self._drafting.not_asked(gathered)
        names, task = [section.id for section, _ in drafts], gathered.given["task"]
        unjudged = self._judging.unjudged(gathered, names) if len(drafts) > 1 or left else []
        if unjudged:
            return self._judging.sections(unjudged, task)
        ranked = self._rank(gathered)
        best = ranked[0] if ranked and ranked[0].judged else None
        if left and not self._is_enough(best):
            return self._drafting.next_wave(gathered, best)
        if (
            not self._merge
            or best is None
            or len(drafts) < 2
            or any(s.id == MERGE for s in gathered.sections)
        ):
            return []
        return [_merging([draft.id for draft in ranked], task)]

    def later_sections(self, sections: Sequence[Section]) -> Sequence[Section]:
        """Return the sections of all later rounds, if all drafts differ and none reaches the threshold."""
        if not sections:
            return []
        first, task = [section.id for section in sections], str(sections[0].data["task"])
        drafts = self._drafting.later_waves(task, [first[0], f"{SCORE}/{first[0]}"])
        names = [*first, *(section.id for section in drafts)]
        if len(names) < 2:
            return []
        merging = [_merging(names, task)] if self._merge else []
        return [*drafts, *self._judging.sections(names, task), *merging]

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Return the winner, and all drafts, the best first; without any draft only what is missing."""
        ranked = self._rank(gathered)
        spared = self.spared(gathered)
        missing = gathered.missing if spared else [*gathered.missing, *self._drafting.not_asked(gathered)]
        if not ranked:
            return {"missing": missing}
        decided = ranked[0].judged > 0 or len(self._distinct(gathered)) == 1
        best = ranked[0].text if decided else None
        return {
            "best": gathered.by_id.get(MERGE, best),
            "reasons": ranked[0].reasons if decided else [],
            "drafts": ranked,
            "missing": missing,
        }

    def spared(self, gathered: Gathered) -> int:
        """Return the number of drafters that were not asked, because a draft reached the threshold."""
        ranked = self._rank(gathered)
        is_enough = self._is_enough(ranked[0] if ranked and ranked[0].judged else None)
        return len(self._drafting.not_asked(gathered)) if is_enough else 0

    def _is_enough(self, best: Draft | None) -> bool:
        return best is not None and self._threshold is not None and best.score >= self._threshold

    def _distinct(self, gathered: Gathered) -> list[tuple[Section, JsonValue]]:
        """Return the drafts, of equal ones the earliest."""
        distinct: dict[str, tuple[Section, JsonValue]] = {}
        for section, value in self._drafts(gathered):
            distinct.setdefault(canonical(value), (section, value))
        return list(distinct.values())

    def _drafts(self, gathered: Gathered) -> list[tuple[Section, JsonValue]]:
        drafters = self._drafting.workers
        return [(section, value) for section, value in gathered.results if section.worker in drafters]

    def _rank(self, gathered: Gathered) -> list[Draft]:
        """Return all drafts, the best first; a draft that was not judged comes last."""
        judgements = {
            canonical(value): self._judging.judgement(gathered, section.id)
            for section, value in self._distinct(gathered)
        }
        drafts = [
            Draft(id=section.id, text=value, **judgements[canonical(value)]._asdict())
            for section, value in self._drafts(gathered)
        ]
        return sorted(drafts, key=lambda draft: (draft.judged == 0, -draft.score))


def _check_waves(drafting: Drafting, judging: Judging, threshold: float | None) -> None:
    """Check that what decides between waves has scores to decide by, and that waves have a purpose.

    Raises:
        UsageError: they have not, or no score can reach the threshold.
    """
    given = {"threshold": threshold is not None, "refine": drafting.refines, "wave": drafting.waves > 1}
    if judging.in_pairs and any(given.values()):
        name = next(name for name, is_given in given.items() if is_given)
        raise UsageError(
            f"{name}= needs a score of each draft, and pairs give none before all are there; pass judge=, or "
            "method='rubric' with a rubric"
        )
    if given["wave"] and not given["threshold"] and not given["refine"]:
        raise UsageError(
            "wave= alone only delays the drafts; pass threshold= to end with one that is good enough, or "
            "refine=True to improve them, or leave wave out"
        )
    if threshold is not None and not (math.isfinite(threshold) and threshold <= judging.most):
        expected = "a finite number" if judging.most == math.inf else f"a number up to {judging.most:g}"
        raise UsageError(f"threshold is {threshold!r}; expected {expected}, as scores are")


def _merging(names: Sequence[str], task: str) -> Section:
    return Section(id=MERGE, title="merge", worker=MERGE, needs=list(names), data={"task": task})


def _pair_input(section: Section) -> dict[str, Any]:
    texts = _earlier_texts(section)
    return {**section.data, "first": texts[0], "second": texts[-1]}


def _earlier_texts(section: Section) -> list[str]:
    """Return the drafts that a section needs as texts; one empty text in an estimate, which has none."""
    return [as_text(value) for value in section.earlier.values()] or [""]


def _number_texts(texts: Sequence[str]) -> str:
    return "\n\n".join(f"Result {i}:\n\n{text}" for i, text in enumerate(texts, 1))
