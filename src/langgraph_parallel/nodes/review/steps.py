"""Reviewer: plans a review, and closes it on one report."""

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

from pydantic import JsonValue, ValidationError

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.flow.spec import NotedPlan
from langgraph_parallel.nodes.review.plan import plan_review
from langgraph_parallel.nodes.review.reconcile import Reconciler
from langgraph_parallel.nodes.review.settings import ReviewSettings
from langgraph_parallel.nodes.text.diff import parts_under_review
from langgraph_parallel.nodes.work.inputs import check_texts
from langgraph_parallel.nodes.work.parts import section_tokens
from langgraph_parallel.offline import BLIND_SPOTS, UPHELD
from langgraph_parallel.offline.noise import Noise
from langgraph_parallel.records import Aspect, Ballot, Branch, Part, Review, ReviewQuestion, Section, Skipped
from langgraph_parallel.reducers.findings.close import Answered, close_review
from langgraph_parallel.report.review.markdown import markdown_report
from langgraph_parallel.runtime.context import ReviewContext
from langgraph_parallel.runtime.models import ADD_MODEL, ModelLike
from langgraph_parallel.runtime.run import current_run

NOTICE = f"Static engines did this work, not a language model. {BLIND_SPOTS} {ADD_MODEL}"
_FILES = "expected a mapping of path to text, such as {'app.py': 'print(1)'}"


class ReviewSteps:
    """The plan and the close of a review.

    Args:
        settings: of the review.
    """

    def __init__(self, settings: ReviewSettings) -> None:
        self._settings = settings
        self._reconciler = Reconciler(settings.model, settings.prompts["reconcile"])

    @property
    def close_asks(self) -> list[Any]:
        """The `Ask` that reconciles near misses, if the review does."""
        return [self._reconciler.ask] if self._settings.reconcile else []

    def uses_model(self, context: ReviewContext) -> bool:
        """Return whether models vote in a run with this context.

        Raises:
            NoModelError: there is neither a model nor an engine.
        """
        return self._settings.model_voters(context) > 0

    def plan(self, given: Mapping[str, Any], context: ReviewContext) -> NotedPlan:
        """Make a section for each aspect of each batch of files; note what no section covers."""
        files, diff = given.get("files") or {}, given.get("diff")
        if diff is not None and not isinstance(diff, str):
            raise InputError(f"diff is {type(diff).__name__}; expected a unified diff: {{'diff': '...'}}")
        if not files and diff is None:
            raise InputError("there is nothing to review; pass files={path: text}, or a diff")
        if not isinstance(files, Mapping):
            raise InputError(f"files is {type(files).__name__}; {_FILES}")
        check_texts(files, "files", _FILES)
        aspects = self._settings.aspects_for(context)
        own: list[ModelLike | None] = [*self._settings.voters.models]
        models = own or [context.model or self._settings.model]
        ceiling = current_run().limits.section_tokens
        if self.uses_model(context):
            ceiling = min(map(section_tokens, models))
        parts, unchanged = parts_under_review(files, diff)
        plan = plan_review(
            parts,
            aspects,
            readers=self._settings.model_voters(context),
            engines=self._settings.engines,
            max_tokens=ceiling,
        )
        skipped = [*_read_skipped(given), *unchanged, *plan.skipped]
        notes: dict[str, JsonValue] = {
            "aspects": _dump(aspects),
            "skipped": _dump(skipped),
            "idle": dict(plan.idle),
        }
        return NotedPlan([_section(question) for question in plan.questions], notes)

    async def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Unite the findings, account for what is missing, and write the report."""
        same: Sequence[tuple[str, str]] = ()
        if self._settings.reconcile:
            findings = self._report(gathered).findings
            same = (
                await gathered.attempt(
                    "reconcile", lambda _: self._reconciler.find_same(findings), optional=True
                )
                or ()
            )
        review = self._report(gathered, same)
        return {"findings": review.findings, "review": review, "markdown": markdown_report(review)}

    def _report(self, gathered: Gathered, same: Sequence[tuple[str, str]] = ()) -> Review:
        notes: Mapping[str, Any] = gathered.notes
        answered = [_answered(section, gathered.branches.get(section.id)) for section in gathered.sections]
        texts = {part.path: part.text for answer in answered for part in answer.question.parts if part.whole}
        return close_review(
            answered,
            aspects=[Aspect.model_validate(aspect) for aspect in notes["aspects"]],
            skipped=[Skipped.model_validate(item) for item in notes["skipped"]],
            idle=notes["idle"],
            min_support=self._settings.min_support,
            joined=same,
            upheld=UPHELD,
            interrupted=bool(current_run().root.drained),
            notice=NOTICE,
            weigh=Noise(texts).weigh,
        )


def _dump(records: Sequence[Any]) -> list[JsonValue]:
    return [record.model_dump(mode="json") for record in records]


def _section(question: ReviewQuestion) -> Section:
    return Section(id=question.id, title=question.title, data={"question": question.model_dump(mode="json")})


_parts: WeakValueDictionary[tuple[str, int], Part] = WeakValueDictionary()
"""The parts of questions that are in use, by path and first line: all aspects of a file share them."""


def question_in(section: Section) -> ReviewQuestion:
    """Return the question that a section of a review holds."""
    question = ReviewQuestion.model_validate(section.data["question"])
    for place, part in enumerate(question.parts):
        if (earlier := _parts.setdefault((part.path, part.first), part)) == part:
            question.parts[place] = earlier
    return question


def name_branch(section: Section) -> str:
    """Return the name of a section's branch: `review[security] app.py`."""
    return f"review[{section.id.rpartition('/')[0]}] {section.title}"


def _answered(section: Section, branch: Branch | None) -> Answered:
    """Return the question of a section with its ballots."""
    question = question_in(section)
    if branch is None:
        return Answered(question, [])
    ballots = branch.value.get("ballots") if isinstance(branch.value, dict) else None
    cast = [Ballot.model_validate(ballot) for ballot in ballots] if isinstance(ballots, list) else []
    return Answered(question, cast, None if branch.ok else branch.error or branch.status)


def _read_skipped(given: Mapping[str, Any]) -> list[Skipped]:
    """Return what the caller left out of the review, to be named in the report."""
    try:
        return [Skipped.model_validate(item) for item in given.get("skipped") or []]
    except (ValidationError, TypeError):
        raise InputError(
            "skipped must be a list of what was left out: "
            "{'skipped': [{'path': 'a.bin', 'reason': 'binary'}]}"
        ) from None
