"""Best of n: draft several times, compare or score the drafts, and choose the best."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pydantic import JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.catalogue.judgement import (
    Judgement,
    Preference,
    Rubric,
    Scorecard,
    read_comparisons,
    read_scores,
)
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.work.agent_ask import JudgeLike, ask_model_or_agent
from langgraph_parallel.nodes.work.inputs import require_text
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.nodes.work.roster import Roster
from langgraph_parallel.nodes.work.workers import WorkerLike
from langgraph_parallel.prompts import Prompt, list_prompts, load_prompt
from langgraph_parallel.records import Draft, Section
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.joins.pairwise import pairings
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.run import current_run

COMPARE, SCORE, MERGE = "judge/compare", "judge/score", "judge/merge"
Method = Literal["pairs", "rubric"]


def build_drafters(
    roster: Roster, prompt: Prompt, model: ModelLike | None, approaches: Sequence[str] | None
) -> dict[str, WorkerLike]:
    """Return the workers that draft, by name: the caller's, or models to whom approaches are dealt out.

    Args:
        roster: the drafters.
        prompt: with `{task}`, and optionally `{approach}`.
        model: of all drafters, unless the roster names models.
        approaches: ways to do the task; None for those that ship.

    Raises:
        UsageError: a drafter has a reserved name; `approaches` is empty, or given with workers.
    """
    if roster.is_workers:
        if approaches is not None:
            raise UsageError("approaches instruct models, but drafters= names workers; leave one of them out")
        workers = roster.workers("voting/question", offers=())
        if reserved := [name for name in workers if name.startswith("judge/")]:
            raise UsageError(f"drafter {reserved[0]!r}: names that start with judge/ are reserved; rename it")
        return dict(workers)
    texts = _load_approaches() if approaches is None else list(approaches)
    if not texts:
        raise UsageError("approaches is empty; pass at least one, or leave it out")
    return {
        f"draft {i + 1}": roster.ask(
            i,
            prompt,
            f"You are the writer of draft {i + 1}.",
            model=model,
            given={"approach": texts[i % len(texts)]},
        )
        for i in range(roster.count())
    }


def _load_approaches() -> list[str]:
    names = list_prompts("best_of/approaches")
    return [load_prompt(f"best_of/approaches/{name}").text for name in names]


class Drafting:
    """The first round: one section for each drafter.

    Args:
        drafters: their names.
        by_pairs: whether drafts are compared in pairs, which limits their number.
    """

    def __init__(self, drafters: Sequence[str], *, by_pairs: bool) -> None:
        self._drafters, self._by_pairs = drafters, by_pairs

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Return a section for each drafter.

        Raises:
            InputError: there is no task.
            UsageError: the drafts have more pairs than a round has sections.
        """
        task = require_text(given, "task")
        pairs, limit = len(self._drafters) * (len(self._drafters) - 1), current_run().limits.max_sections
        if self._by_pairs and pairs > limit:
            raise UsageError(
                f"{len(self._drafters)} drafts need {pairs} comparisons; the limit of a round is "
                f"{limit}; use fewer drafters, or method='rubric'"
            )
        return [
            Section(id=name, title=name, content=task, worker=name, data={"task": task})
            for name in self._drafters
        ]


class Contest:
    """Judges drafts in pairs or by a rubric, and optionally merges them.

    Args:
        prompts: `compare`, `score`, `merge`.
        judge: the model or the agent that judges.
        method: `pairs` or `rubric`.
        rubric: criteria by name, for `rubric`.
        merge: whether the winner is improved by the better parts of the others.

    Raises:
        UsageError: the method is not valid, or does not fit the rubric.
    """

    def __init__(
        self,
        prompts: Mapping[str, Prompt],
        judge: JudgeLike | None,
        method: Method,
        rubric: Mapping[str, str] | None,
        *,
        merge: bool,
    ) -> None:
        if method == "rubric" and not rubric:
            raise UsageError("method='rubric' needs criteria; pass rubric={'criterion': 'what it means'}")
        if method == "pairs" and rubric:
            raise UsageError("method='pairs' takes no rubric; pass method='rubric', or leave rubric out")
        self._rubric, self._merge = Rubric(dict(rubric)) if rubric else None, merge
        self.workers = self._build_judges(prompts, judge)
        self.inputs: dict[str, Callable[[Section], object]] = {
            COMPARE: _pair_input,
            SCORE: lambda section: {**section.data, "result": _earlier_texts(section)[0]},
            MERGE: lambda section: {**section.data, "drafts": _number_texts(_earlier_texts(section))},
        }

    def _build_judges(self, prompts: Mapping[str, Prompt], judge: JudgeLike | None) -> dict[str, WorkerLike]:
        judges: dict[str, WorkerLike] = {}
        if self._rubric is None:
            judges[COMPARE] = ask_model_or_agent(prompts["compare"], judge, Preference)
        else:
            given = prompts["score"].fitting({"criteria": self._rubric.text})
            judges[SCORE] = ask_model_or_agent(prompts["score"], judge, Scorecard, given=given)
        if self._merge:
            judges[MERGE] = ask_model_or_agent(prompts["merge"], judge)
        return judges

    def next_round(self, gathered: Gathered) -> Sequence[Section]:
        """Return the sections that judge, then the one that merges; a single draft needs neither."""
        drafts = _distinct_drafts(gathered)
        if len(drafts) < 2:
            return []
        data = dict(drafts[0][0].data)
        if gathered.last_round == 0:
            return self._judging([section.id for section, _ in drafts], data)
        ranked = self._rank(gathered)
        if not self._merge or gathered.last_round > 1 or not ranked[0].judged:
            return []
        return [_merging([draft.id for draft in ranked], data)]

    def later_sections(self, sections: Sequence[Section]) -> Sequence[Section]:
        """Return the sections of all later rounds, if all drafts differ."""
        if len(sections) < 2:
            return []
        names, data = [section.id for section in sections], dict(sections[0].data)
        return [*self._judging(names, data), *([_merging(names, data)] if self._merge else [])]

    def _judging(self, names: Sequence[str], data: dict[str, JsonValue]) -> Sequence[Section]:
        """Return a section for each draft to score, or for each pair to compare, in both orders."""
        if self._rubric is not None:
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

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Return the winner, and all drafts, the best first."""
        ranked = self._rank(gathered)
        decided = bool(ranked) and (ranked[0].judged > 0 or len(_distinct_drafts(gathered)) == 1)
        merged = gathered.by_id.get(MERGE)
        best = ranked[0].text if decided else None
        return {
            "best": best if merged is None else merged,
            "reasons": ranked[0].reasons if decided else [],
            "drafts": ranked,
        }

    def _rank(self, gathered: Gathered) -> list[Draft]:
        """Return all drafts, the best first; a draft that was not judged comes last."""
        judged_as = {canonical(value): section.id for section, value in _distinct_drafts(gathered)}
        drafts = []
        for section, value in gathered.of_round(0):
            judgement = self._judgement(gathered, judged_as[canonical(value)])
            drafts.append(
                Draft(
                    id=section.id,
                    text=value,
                    score=judgement.score,
                    judged=judgement.judged,
                    reasons=judgement.reasons,
                )
            )
        return sorted(drafts, key=lambda draft: (draft.judged == 0, -draft.score))

    def _judgement(self, gathered: Gathered, id: str) -> Judgement:
        if self._rubric is None:
            return read_comparisons(gathered.of_worker(COMPARE), id)
        return read_scores(gathered.by_id.get(f"{SCORE}/{id}"), self._rubric)


def _distinct_drafts(gathered: Gathered) -> list[tuple[Section, JsonValue]]:
    """Return the drafts, of equal ones the earliest."""
    distinct: dict[str, tuple[Section, JsonValue]] = {}
    for section, value in gathered.of_round(0):
        distinct.setdefault(canonical(value), (section, value))
    return list(distinct.values())


def _merging(names: Sequence[str], data: dict[str, JsonValue]) -> Section:
    return Section(id=MERGE, title="merge", worker=MERGE, needs=list(names), data=data)


def _pair_input(section: Section) -> dict[str, Any]:
    texts = _earlier_texts(section)
    return {**section.data, "first": texts[0], "second": texts[-1]}


def _earlier_texts(section: Section) -> list[str]:
    """Return the drafts that a section needs as texts; one empty text in an estimate, which has none."""
    return [as_text(value) for value in section.earlier.values()] or [""]


def _number_texts(texts: Sequence[str]) -> str:
    return "\n\n".join(f"Result {i}:\n\n{text}" for i, text in enumerate(texts, 1))
