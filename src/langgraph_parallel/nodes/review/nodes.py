"""The nodes of a review: what it asks, who votes, and how it closes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from langgraph_parallel.errors import InputError, NoModelError, UnknownAspect, UsageError
from langgraph_parallel.nodes.fan_out.branch import Task, get_earlier
from langgraph_parallel.nodes.fan_out.close import ClosingStep, closing_step, require_completion
from langgraph_parallel.nodes.review.aspects import ASPECTS, as_aspects
from langgraph_parallel.nodes.review.plan import STATIC, ReviewPlan, plan_review
from langgraph_parallel.nodes.review.reader import Reader
from langgraph_parallel.nodes.review.reconcile import Reconciler
from langgraph_parallel.nodes.text.diff import parts_under_review
from langgraph_parallel.nodes.vote.electorate import Vote
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.estimate import Estimator
from langgraph_parallel.nodes.work.workers import Worker, as_worker
from langgraph_parallel.offline import BLIND_SPOTS, FAMILIES, StaticVoter, families_for, installed_engines
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Aspect, Ballot, Branch, Estimate, Review, ReviewQuestion, Skipped
from langgraph_parallel.reducers.completion import check_completion
from langgraph_parallel.reducers.findings.close import Answered, close_review
from langgraph_parallel.report.review.markdown import markdown_report
from langgraph_parallel.runtime.context import Context, ReviewContext, as_context
from langgraph_parallel.runtime.models import ModelLike, check_model, default_model, require_model
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.runtime.run import Run, current_run

NOTICE = (
    f"Static engines did this work, not a language model. {BLIND_SPOTS} To have a model review as well, set "
    "OPENAI_API_KEY (and OPENAI_BASE_URL for another OpenAI-compatible server), or name one: "
    "--model provider:model on the command line, create_review(model=...) in Python."
)
_NOBODY = (
    "nobody can review: there is no model (set OPENAI_API_KEY or pass model='provider:model') "
    "and no static engine (pip install 'langgraph-parallel[offline]')"
)

Node = Callable[..., Any]


@dataclass(frozen=True)
class ReviewSettings:
    """How a review was built; the runtime context may change it for one run.

    Raises:
        UsageError: arguments that contradict each other, or are out of range.
        ModelError: a model that cannot be one.
    """

    aspects: Sequence[Aspect]
    model: ModelLike | None = None
    voters: int = 3
    engines: bool = True
    offline: bool = False
    reconcile: bool = False
    confirm: Fraction = Fraction(2, 3)
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    """Those of the caller: `review`, `reconcile`."""

    def __post_init__(self) -> None:
        if self.model is not None:
            if self.offline:
                raise UsageError("offline=True uses no model; leave out model=, or offline=")
            check_model(self.model)
        if self.offline and not self.engines:
            raise UsageError("offline=True and engines=False leave nobody to review")
        if self.offline and self.reconcile:
            raise UsageError("reconcile=True asks a model, and offline=True uses none; leave one of them out")
        if self.voters < 1:
            raise UsageError(f"voters is {self.voters}; a vote needs at least one")
        if not 0 < self.confirm <= 1:
            raise UsageError(f"confirm is {float(self.confirm):g}; it must be more than 0 and at most 1")

    def readers(self, context: ReviewContext) -> int:
        """How many models will vote in this run; 0 where the engines are alone.

        Raises:
            NoModelError: nobody can review, or a model is named that has no key.
        """
        model = None if self.offline else context.model or self.model or default_model()
        if model is not None:
            require_model(model)
            return context.voters or self.voters
        if not self.engines:
            raise NoModelError("nobody can review: static engines are switched off, and there is no model")
        if not installed_engines():
            raise NoModelError(_NOBODY)
        if self.reconcile:
            raise NoModelError("reconcile asks a model, and there is none: name one, or leave it out")
        return 0

    def models(self, context: ReviewContext) -> list[ModelLike | None]:
        """The models that will be asked in this run."""
        return [context.model or self.model] if self.readers(context) else []


class ReviewVoters:
    """The electorate of a review: each question says who votes on it."""

    def __init__(self, model: ModelLike | None, prompt: Prompt | None = None) -> None:
        self._model, self._prompt = model, prompt
        self._made: dict[tuple[str, str], Worker] = {}

    def models(self) -> Sequence[ModelLike | None]:
        """The model of all readers."""
        return [self._model]

    def check(self, model: ModelLike | None, run: Run) -> None:
        """Nothing to check: the plan has done it."""

    @property
    def asks(self) -> Sequence[Ask]:
        """They depend on what is reviewed."""
        return []

    def alike(self, voters: Sequence[str]) -> str:
        """Readers differ in how they read."""
        return ""

    def voters(self, question: ReviewQuestion, most: int | None) -> Sequence[str]:
        """As planned."""
        return question.voters

    def select(self, work: Vote) -> tuple[Worker, object]:
        """A reader for `model#n`, engines for the name of a family, all families for `static`."""
        voter, question = work["voter"], work["question"]
        number = voter.removeprefix("model#")
        key = (voter, "" if number != voter else question.aspect.name)
        if key not in self._made:
            self._made[key] = (
                Reader(int(number), model=self._model, prompt=self._prompt)
                if number != voter
                else as_worker(StaticVoter(voter, _families(voter, question.aspect.name)), "voting/question")
            )
        return self._made[key], question


def planning(settings: ReviewSettings) -> Node:
    """Make the node that settles who reviews what, before any call."""

    def plan(state: Any, runtime: Runtime[Context], config: RunnableConfig) -> dict[str, Any]:
        """Divide what is under review into questions, and forget what an earlier run has left."""
        run, context = current_run(), as_context(runtime.context, ReviewContext)
        made, aspects, skipped = _plan(settings, state, run, context)
        check_prices(run.limits, settings.models(context))
        check_completion(run.completion, [question.id for question in made.questions])
        below = get_earlier(config)
        return {
            "questions": made.questions,
            "aspects": aspects,
            "passed_over": [*(state.get("skipped") or []), *skipped, *made.skipped],
            "left_out": made.left_out,
            "idle": made.idle,
            "same": [],
            "problems": {},
            "branches": Overwrite(below.branches if below else {}),
            "calls": Overwrite({}),
        }

    return plan


def _plan(
    settings: ReviewSettings, given: Mapping[str, Any], run: Run, context: ReviewContext
) -> tuple[ReviewPlan, list[Aspect], list[Skipped]]:
    """What a review asks of whom, by its input."""
    files, diff = given.get("files") or {}, given.get("diff")
    if not files and diff is None:
        raise InputError("there is nothing to review; pass files={path: text}, or a diff")
    if not isinstance(files, Mapping) or not all(isinstance(t, str) for pair in files.items() for t in pair):
        raise InputError("files has to be a mapping of path to text: {'app.py': 'print(1)'}")
    aspects = _aspects(settings.aspects, context.aspects)
    parts, skipped = parts_under_review(files, diff)
    made = plan_review(
        parts,
        aspects,
        readers=settings.readers(context),
        engines=settings.engines,
        max_tokens=run.limits.section_tokens,
        most=run.limits.sections,
    )
    return made, aspects, skipped


def review_estimator(settings: ReviewSettings, voters: "ReviewVoters") -> Estimator:
    """Make the estimator of a review: every reader of every question; engines cost nothing."""

    async def estimate(input: Any, run: Run, context: Context) -> Estimate:
        made, _, _ = _plan(settings, input, run, as_context(context, ReviewContext))
        total = Estimate()
        for question in made.questions:
            for voter in question.voters:
                worker, asked = voters.select(Vote(voter=voter, question=question))
                if isinstance(worker, Reader):
                    total += worker.estimate(asked, run, context)
        if settings.reconcile:
            ask = Reconciler(settings.model, settings.prompts.get("reconcile")).ask
            total += ask.estimate({"pairs": ""}, run, context, more=run.limits.section_tokens)
        return total

    return estimate


def vote_tasks(state: Any) -> list[Task]:
    """One vote for each question: `review[security] app.py`."""
    return [
        Task(
            id=question.id,
            name=f"review[{question.aspect.name}] {question.title}",
            order=order,
            work=question,
        )
        for order, question in enumerate(state["questions"])
    ]


def as_question(work: Any) -> dict[str, Any]:
    """What a vote gets of a branch's work."""
    return {"question": work}


def reconciling(settings: ReviewSettings) -> Node:
    """Make the node that has a model look at near misses; when that fails, all findings stay apart."""
    reconciler = Reconciler(settings.model, settings.prompts.get("reconcile"))

    async def reconcile(state: Any) -> dict[str, Any]:
        """Find out which findings are the same."""
        same: list[list[str]] = []
        with closing_step("reconcile") as closed:
            same = await reconciler.same(close(state, settings).findings)
        return {"same": same, "problems": closed.problems, "calls": closed.calls}

    return reconcile


def uniting(settings: ReviewSettings) -> Node:
    """Make the node that closes the review."""

    async def unite(state: Any) -> dict[str, Any]:
        """Unite the findings, account for what is missing, and write the report."""
        require_completion(state)
        review = close(state, settings, interrupted=bool(current_run().root.drained))
        return {
            "findings": review.findings,
            "review": review,
            "markdown": markdown_report(review),
            "report": ClosingStep(problems=state["problems"]).report(state),
        }

    return unite


def close(state: Mapping[str, Any], settings: ReviewSettings, *, interrupted: bool = False) -> Review:
    """Close a review on the branches that are there: all of them, or those of a run that was stopped."""
    return close_review(
        [_answered(question, state["branches"].get(question.id)) for question in state["questions"]],
        aspects=state["aspects"],
        skipped=state["passed_over"],
        left_out=state["left_out"],
        idle=state["idle"],
        confirm=settings.confirm,
        joined=[(one, other) for one, other in state.get("same") or []],
        interrupted=interrupted,
        notice=NOTICE,
    )


def _answered(question: ReviewQuestion, branch: Branch | None) -> Answered:
    if branch is None:
        return Answered(question, [])
    held = branch.value.get("ballots") if isinstance(branch.value, dict) else None
    ballots = [Ballot.model_validate(ballot) for ballot in held] if isinstance(held, list) else []
    return Answered(question, ballots, None if branch.ok else branch.error or branch.status)


def _aspects(built: Sequence[Aspect], names: Sequence[str] | None) -> list[Aspect]:
    """The aspects of this run: those that the graph was built with, or the context's choice by name."""
    if names is None:
        return list(built)
    own = {aspect.name: aspect for aspect in built}
    for name in names:  # whoever sets the context may be far away: a path is not for them to read
        if name not in own and name not in ASPECTS:
            raise UnknownAspect.of(name, {*own, *ASPECTS})
    return as_aspects([own.get(name, name) for name in names])


def _families(voter: str, aspect: str) -> list[Any]:
    families = families_for(aspect) if aspect in FAMILIES else []
    return [family for family in families if voter in {STATIC, family.name}]
