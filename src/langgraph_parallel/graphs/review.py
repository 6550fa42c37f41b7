"""Review: sectioning over aspects, whose worker is a vote, whose voters are models and static engines."""

from collections.abc import Sequence
from fractions import Fraction
from operator import attrgetter
from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore
from langgraph.types import Checkpointer
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.graphs.shapes import RUN_REPORT
from langgraph_parallel.graphs.voting import voting_builder
from langgraph_parallel.nodes.aspects import AspectLike, aspects_of
from langgraph_parallel.nodes.branch import branch_node
from langgraph_parallel.nodes.review import (
    ReviewSettings,
    ReviewVoters,
    as_question,
    planning,
    reconciling,
    uniting,
    vote_tasks,
)
from langgraph_parallel.nodes.scatter import scatter_to
from langgraph_parallel.nodes.voting import VoteSettings
from langgraph_parallel.records import Aspect, Branch, Call, Finding, Review, ReviewQuestion, Skipped
from langgraph_parallel.reducers import merge_branches, merge_calls, union
from langgraph_parallel.runtime.context import ReviewContext
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.sync import with_sync_face


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
    report: RUN_REPORT


class _State(ReviewInput, ReviewOutput, total=False):
    """All channels; those that are neither input nor output stay inside."""

    questions: list[ReviewQuestion]
    aspects: list[Aspect]
    branches: Annotated[dict[str, Branch], merge_branches]
    calls: Annotated[dict[str, Call], merge_calls]
    passed_over: list[Skipped]
    left_out: list[Skipped]
    idle: dict[str, str]
    same: list[list[str]]
    problems: dict[str, str]
    started: float


class ReviewTask(TypedDict):
    """What is sent to the vote on one question."""

    id: str
    name: str
    order: int
    work: ReviewQuestion


def create_review(
    *,
    model: ModelLike | None = None,
    aspects: Sequence[AspectLike] | None = None,
    voters: int = 3,
    engines: bool = True,
    offline: bool = False,
    reconcile: bool = False,
    confirm: float = 2 / 3,
    limits: Limits | None = None,
    checkpointer: Checkpointer = None,
    store: BaseStore | None = None,
    name: str = "review",
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that reviews code: one vote for each aspect of each part, all at once, and one report.

    Input: `files` (text by path), `diff` (a unified diff, then only new lines are under review), or
    both. Output: `findings` (list of `Finding`), `review` (`Review`), `markdown`, `report` (`RunReport`).
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
        limits: bounds of calls and of the work.
        checkpointer: of the compiled graph; leave it out where the graph becomes part of another.
        store: of the compiled graph.
        name: of the graph; its branches are called `review[security] app.py` in traces whatever it is.

    Raises:
        UsageError: arguments that contradict each other, or are out of range.
        UnknownAspect: an aspect that does not ship.
        ModelError: a model that cannot be one.
    """
    settings = ReviewSettings(
        aspects=aspects_of(aspects),
        model=model,
        voters=voters,
        engines=engines,
        offline=offline,
        reconcile=reconcile,
        confirm=Fraction(confirm).limit_denominator(1000),
        limits=limits or Limits(),
    )
    return with_sync_face(review_builder(settings).compile(checkpointer=checkpointer, store=store, name=name))


def review_builder(settings: ReviewSettings) -> StateGraph[Any, Any, Any, Any]:
    """Wire a review: plan -> votes -> (reconcile) -> unite."""
    voters = ReviewVoters(settings.model, settings.limits)
    vote = voting_builder(VoteSettings(voters, union(), attrgetter("label")), question=ReviewQuestion)
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(
        _State, context_schema=ReviewContext, input_schema=ReviewInput, output_schema=ReviewOutput
    )
    join = "reconcile" if settings.reconcile else "unite"
    router, paths = scatter_to("vote", vote_tasks, join=join)
    worker = with_sync_face(vote.compile(name="vote"))
    builder.add_node("plan", planning(settings))
    builder.add_node("vote", branch_node(worker, "section", into=as_question), input_schema=ReviewTask)
    builder.add_node("unite", uniting(settings))
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", router, paths)
    builder.add_edge("vote", join)
    if settings.reconcile:
        builder.add_node("reconcile", reconciling(settings))
        builder.add_edge("reconcile", "unite")
    builder.add_edge("unite", END)
    return builder
