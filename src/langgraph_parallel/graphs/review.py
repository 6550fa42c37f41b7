"""Review: sectioning over aspects, whose worker is a vote, whose voters are models and static engines."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore
from langgraph.types import Checkpointer
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.graphs.voting import voting_builder, voting_governing
from langgraph_parallel.nodes.fan_out.branch import branch_node, task_type
from langgraph_parallel.nodes.fan_out.scatter import scatter_to
from langgraph_parallel.nodes.fan_out.state import BRANCHES, RUN_REPORT
from langgraph_parallel.nodes.review.aspects import AspectLike, as_aspects
from langgraph_parallel.nodes.review.nodes import (
    ReviewSettings,
    ReviewVoters,
    as_question,
    planning,
    reconciling,
    review_estimator,
    uniting,
    vote_tasks,
)
from langgraph_parallel.nodes.vote.ballots import BallotParser
from langgraph_parallel.nodes.vote.poll import VoteSettings
from langgraph_parallel.prompts import Prompt, load_prompts
from langgraph_parallel.records import Aspect, Call, Finding, Review, ReviewQuestion, Skipped
from langgraph_parallel.reducers.channels import merge_calls
from langgraph_parallel.reducers.completion import Completion, as_completion
from langgraph_parallel.reducers.votes.rules import union
from langgraph_parallel.runtime.context import ReviewContext
from langgraph_parallel.runtime.graph import Governing, governed
from langgraph_parallel.runtime.limits import Limits, limits_from_environment, merged
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.prices import check_prices


class ReviewInput(TypedDict, total=False):
    """What to review: files, changes to files, or both."""

    files: Annotated[
        dict[str, str],
        Field(
            title="Files",
            description="Text by path.",
            examples=[{"app.py": "import os\n\ndef run(command):\n    os.system('ls ' + command)\n"}],
        ),
    ]
    diff: Annotated[
        str | None,
        Field(
            title="Diff",
            description="A unified diff. If given, only its new lines are under review; files that it "
            "changes are seen whole where `files` has them.",
        ),
    ]
    skipped: Annotated[
        list[Skipped],
        Field(
            title="Skipped", description="Files that were not read, and why: they are listed in the report."
        ),
    ]


class ReviewOutput(TypedDict):
    """The findings, the whole report as a record and as Markdown, and the run's numbers."""

    findings: Annotated[
        list[Finding],
        Field(title="Findings", description="By file, the gravest first; unconfirmed ones are marked."),
    ]
    review: Annotated[
        Review,
        Field(title="Review", description="The whole report: findings, aspects, coverage, who judged."),
    ]
    markdown: Annotated[str, Field(title="Markdown", description="The report, to be read.")]
    branches: BRANCHES
    report: RUN_REPORT


class _State(ReviewInput, ReviewOutput, total=False):
    """All channels; those that are neither input nor output stay inside."""

    questions: list[ReviewQuestion]
    aspects: list[Aspect]
    calls: Annotated[dict[str, Call], merge_calls]
    passed_over: list[Skipped]
    left_out: list[Skipped]
    idle: dict[str, str]
    same: list[list[str]]
    problems: dict[str, str]


def create_review(
    *,
    model: ModelLike | None = None,
    aspects: Sequence[AspectLike] | None = None,
    voters: int = 3,
    engines: bool = True,
    offline: bool = False,
    reconcile: bool = False,
    confirm: float = 2 / 3,
    prompts: Mapping[str, str | Path | Prompt] | None = None,
    limits: Limits | None = None,
    completion: str | Completion | None = None,
    checkpointer: Checkpointer = None,
    store: BaseStore | None = None,
    name: str = "review",
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that reviews code: one vote for each aspect of each part, all at once, and one report.

    Input: `files` (text by path), `diff` (a unified diff, then only new lines are under review), or
    both. Output: `findings` (list of `Finding`), `review` (`Review`), `markdown`, `branches` (a `Branch` for
    each vote), `report` (`RunReport`).
    Voters are models; static engines join as one more voter of the aspects that they can judge. Where no
    model can be had, the engines vote alone, and every output says so. A voter or a vote that fails is
    missing from the report by name; nothing else is.

    Args:
        model: of all model voters; by default, what the environment names when the graph runs.
        aspects: names of those that ship, paths of Markdown files of one's own, or `Aspect`s; by default
            all that ship.
        voters: model voters for each aspect; they differ in how they read.
        engines: whether static engines vote beside models.
        offline: use no model, whatever the environment names.
        reconcile: have a model look at near misses among the findings, and unite what is the same.
        confirm: share of support from which a finding is confirmed.
        prompts: your own instead of those that ship: `review`, `reconcile`.
        limits: bounds of calls and of the work, budget and deadline of a run.
        completion: when there are enough votes, such as `tolerated_failures(0.1)`; their ids are
            `security/1` and so on. By default all are waited for, and what fails is in the report.
        checkpointer: of the compiled graph; leave it out where the graph becomes part of another.
        store: of the compiled graph.
        name: of the graph; its branches are called `review[security] app.py` in traces whatever it is.

    Raises:
        UsageError: arguments that contradict each other, or are out of range.
        UnknownAspect: an aspect that does not ship.
        ModelError: a model that cannot be one.
        UnknownPrice: a budget in dollars, and a model without a known price.
    """
    settings = ReviewSettings(
        aspects=as_aspects(aspects),
        model=model,
        voters=voters,
        engines=engines,
        offline=offline,
        reconcile=reconcile,
        confirm=Fraction(confirm).limit_denominator(1000),
        prompts=load_prompts("review", prompts),
    )
    return review_graph(settings, limits, completion, checkpointer=checkpointer, store=store, name=name)


def review_graph(
    settings: ReviewSettings,
    limits: Limits | None = None,
    completion: str | Completion | None = None,
    **options: Any,
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Compile a review; `options` are those of `StateGraph.compile`."""
    if not settings.offline:
        check_prices(merged([limits, limits_from_environment()]), [settings.model])
    voters = ReviewVoters(settings.model, settings.prompts.get("review"))
    governing = Governing(
        "plan",
        "reconcile" if settings.reconcile else "unite",
        review_estimator(settings, voters),
        ReviewContext,
        limits,
        as_completion(completion),
        takes=lambda title, text: {"files": {title: text}},
    )
    return governed(review_builder(settings, voters).compile(**options), governing)


def review_builder(settings: ReviewSettings, voters: ReviewVoters) -> StateGraph[Any, Any, Any, Any]:
    """Wire a review: plan -> votes -> (reconcile) -> unite."""
    voting = VoteSettings(voters, union(), attrgetter("label"), BallotParser(form="list"))
    vote = voting_builder(voting, question=ReviewQuestion).compile(name="vote")
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(
        _State, context_schema=ReviewContext, input_schema=ReviewInput, output_schema=ReviewOutput
    )
    join = "reconcile" if settings.reconcile else "unite"
    router, paths = scatter_to("vote", vote_tasks, join=join)
    worker = governed(vote, voting_governing(voting))
    builder.add_node("plan", planning(settings))
    builder.add_node(
        "vote",
        branch_node(worker, "section", into=as_question),
        input_schema=task_type("ReviewTask", ReviewQuestion),
    )
    builder.add_node("unite", uniting(settings))
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", router, paths)
    builder.add_edge("vote", join)
    if settings.reconcile:
        builder.add_node("reconcile", reconciling(settings))
        builder.add_edge("reconcile", "unite")
    builder.add_edge("unite", END)
    return builder
