"""Drafting: who drafts, in which waves, and what later waves are shown of the earlier ones."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from langgraph_parallel.arguments import at_least
from langgraph_parallel.counted import count
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.work.inputs import require_text
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.nodes.work.roster import Roster
from langgraph_parallel.nodes.work.workers import WorkerLike
from langgraph_parallel.prompts import Prompt, list_prompts, load_prompt
from langgraph_parallel.records import Draft, Section
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike

RESERVED = "judge/"
"""How the names of workers begin that do not draft."""


class Drafting:
    """The drafters, who are asked in waves; each of them drafts once.

    Args:
        roster: the drafters.
        prompts: `draft`, `refine`.
        model: of all drafters, unless the roster names models.
        approaches: ways to do the task; None for those that ship.
        wave: number of drafts that are asked together; None for all, or for one if drafts are refined.
        refine: whether waves after the first see the best draft so far.

    Raises:
        UsageError: a drafter has a reserved name; `approaches` is empty, or given with workers; there is
            nothing to refine, or nobody who could.
    """

    def __init__(
        self,
        roster: Roster,
        prompts: Mapping[str, Prompt],
        *,
        model: ModelLike | None,
        approaches: Sequence[str] | None,
        wave: int | None,
        refine: bool,
    ) -> None:
        if wave is not None:
            at_least(wave, "wave")
        self.refines, self._by_models = refine, not roster.is_workers
        self.workers: dict[str, WorkerLike] = (
            _own_drafters(roster, approaches)
            if roster.is_workers
            else _model_drafters(roster, prompts["draft"], model, approaches)
        )
        self.names = list(self.workers)
        self._wave = wave or (1 if refine else len(self.names))
        if refine and self.waves < 2:
            raise UsageError(
                "refine=True improves drafts of earlier waves, but there is only one wave, of "
                f"{count(len(self.names), 'draft')}; use more drafters, or a smaller wave"
            )
        if refine and self._by_models:
            if roster.wordings:
                raise UsageError(
                    "refine=True has a prompt of its own; pass prompts={'draft': ..., 'refine': ...} instead "
                    "of wordings"
                )
            asks = _model_drafters(roster, prompts["refine"], model, approaches)
            self.workers |= {f"refine/{name}": ask for name, ask in asks.items()}

    @property
    def waves(self) -> int:
        """The most waves."""
        return math.ceil(len(self.names) / self._wave)

    def plan(self, given: Mapping[str, Any], context: Context) -> list[Section]:
        """Return the sections of the first wave.

        Raises:
            InputError: there is no task.
        """
        task = require_text(given, "task")
        return [_section(name, task, {"task": task}) for name in self.names[: self._wave]]

    def not_asked(self, gathered: Gathered) -> list[str]:
        """Return the names of the drafters that were not asked so far."""
        asked = {section.id for section in gathered.sections} | gathered.branches.keys()
        return [name for name in self.names if name not in asked]

    def next_wave(self, gathered: Gathered, best: Draft | None) -> list[Section]:
        """Return the sections of the next wave.

        Args:
            gathered: the results so far.
            best: the best draft so far; None if none was judged, so that there is nothing to refine.
        """
        task, names = gathered.given["task"], self.not_asked(gathered)[: self._wave]
        if best is None or not self.refines:
            return [_section(name, task, {"task": task}) for name in names]
        return self._refining(names, task, as_text(best.text), feedback_on(best))

    def later_waves(self, task: str, needs: Sequence[str]) -> list[Section]:
        """Return the sections of all waves after the first, for an estimate.

        Args:
            task: of all drafters.
            needs: ids of the sections whose answers a refining drafter is shown.
        """
        names = self.names[self._wave :]
        if not self.refines:
            return [_section(name, task, {"task": task}) for name in names]
        sections = self._refining(names, task, "", "")
        return [section.model_copy(update={"needs": list(needs)}) for section in sections]

    def _refining(self, names: Sequence[str], task: str, draft: str, feedback: str) -> list[Section]:
        """Return sections that show models the draft and the feedback apart, and other workers one text."""
        if self._by_models:
            data = {"task": task, "draft": draft, "feedback": feedback}
            return [_section(name, task, data, worker=f"refine/{name}") for name in names]
        text = f"{task}\n\nThe best result so far:\n\n{draft}\n\nThe feedback on it:\n\n{feedback}"
        return [_section(name, text, {"task": text}) for name in names]


def feedback_on(draft: Draft) -> str:
    """Return what was said of a draft as a text: its score, and each reason.

    >>> print(feedback_on(Draft(id="a", text="x", score=4.5, judged=1, reasons=["too long"])))
    Score: 4.5
    - too long
    """
    return "\n".join([f"Score: {draft.score:g}", *(f"- {reason}" for reason in draft.reasons)])


def _section(name: str, content: str, data: Mapping[str, str], worker: str = "") -> Section:
    return Section(id=name, title=name, content=content, worker=worker or name, data=dict(data))


def _own_drafters(roster: Roster, approaches: Sequence[str] | None) -> dict[str, WorkerLike]:
    """Return the caller's workers by name."""
    if approaches is not None:
        raise UsageError("approaches instruct models, but drafters= names workers; leave one of them out")
    workers = roster.workers("voting/question", offers=())
    if reserved := [name for name in workers if name.startswith(RESERVED)]:
        raise UsageError(f"drafter {reserved[0]!r}: names that start with {RESERVED} are reserved; rename it")
    return dict(workers)


def _model_drafters(
    roster: Roster, prompt: Prompt, model: ModelLike | None, approaches: Sequence[str] | None
) -> dict[str, WorkerLike]:
    """Return models by name, to whom approaches are dealt out."""
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
