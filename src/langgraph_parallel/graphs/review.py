"""Review: sectioning over aspects, whose worker is a vote, whose voters are models and static engines."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from operator import attrgetter
from typing import Annotated, Any, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.arguments import above_zero, checked
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.graphs.voting import voting_graph
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.review.aspects import AspectLike, as_aspects
from langgraph_parallel.nodes.review.pasted import CODE_FROM_MESSAGES
from langgraph_parallel.nodes.review.settings import ReviewSettings
from langgraph_parallel.nodes.review.steps import ReviewSteps, name_branch, question_in
from langgraph_parallel.nodes.review.voters import ReviewVoters
from langgraph_parallel.nodes.vote.ballots import BallotParser
from langgraph_parallel.nodes.vote.poll import VoteSettings
from langgraph_parallel.nodes.work.roster import Roster, as_roster
from langgraph_parallel.nodes.work.workers import Workers
from langgraph_parallel.prompts import PromptLike, load_prompts
from langgraph_parallel.records import Finding, Review, ReviewQuestion, Skipped
from langgraph_parallel.reducers.votes.rules import union
from langgraph_parallel.runtime.context import ReviewContext
from langgraph_parallel.runtime.models import ModelLike


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
            description="A unified diff. Only its new lines are reviewed then; voters see a changed "
            "file whole if `files` has it.",
            examples=["--- a/app.py\n+++ b/app.py\n@@ -1 +1,2 @@\n import os\n+os.system('ls ' + input())\n"],
        ),
    ]
    skipped: Annotated[
        list[Skipped],
        Field(
            title="Skipped",
            description="Files that were not read, and why; the report lists them. `uncovered` marks those "
            "that had to be read.",
            examples=[[{"path": "logo.png", "reason": "binary"}]],
        ),
    ]


class ReviewOutput(TypedDict):
    """The findings, and the whole report as a record and as Markdown."""

    findings: Annotated[
        list[Finding],
        Field(title="Findings", description="By file, the most severe first; unconfirmed ones are marked."),
    ]
    review: Annotated[
        Review,
        Field(title="Review", description="The report: findings, aspects, coverage, who judged."),
    ]
    markdown: Annotated[
        str, Field(title="Markdown", description="The report as Markdown, in at most 200 lines.")
    ]


@checked
def create_review(
    *,
    model: ModelLike | None = None,
    aspects: Sequence[AspectLike] | None = None,
    voters: int | Roster | None = None,
    engines: bool = True,
    offline: bool = False,
    reconcile: bool = False,
    min_support: float = 2 / 3,
    prompts: Mapping[str, PromptLike] | None = None,
    name: str = "review",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph that reviews code: one vote for each aspect of each part, all at once, and one report.

    Input: `files` (text by path), `diff` (a unified diff: only new lines are reviewed); or a conversation as
    `messages`, which gets the answer. Output: `findings` (list of `Finding`), `review` (`Review`),
    `markdown`, `missing` (votes that failed), `sections`, `branches` (a `Branch` for each vote), `run_report`
    (`RunReport`). Voters are models; static engines vote too on aspects that they can judge. Without a model
    the engines vote alone, and every output says so. A voter or a vote that fails is named in the report.

    Args:
        model: of all model voters; by default the one that the environment names when the graph runs.
        aspects: names of shipped aspects, paths of Markdown files, or `Aspect`s; by default all that ship.
        voters: number of model voters for each aspect (default 3), or a `Roster` of models and temperatures.
            Every voter reads in another way.
        engines: whether static engines vote beside models.
        offline: whether to use no model, even if the environment names one.
        reconcile: whether a model unites near misses among the findings.
        min_support: least share of support of a confirmed finding, above 0 and at most 1.
        prompts: replacements of shipped prompts: `review`, `reconcile`.
        name: of the graph; its branches are called `review[security] app.py` in traces.
        options: `limits`, `completion` (ids of votes are `security/1` and so on), `checkpointer`, `store`;
            see `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        UnknownAspect: no aspect of this name ships.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than the one that it replaces.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    above_zero(min_support, "min_support", 1)  # a fraction can be neither infinite nor not a number
    settings = ReviewSettings(
        aspects=as_aspects(aspects),
        model=model,
        voters=as_roster(voters, "voters", model),
        engines=engines,
        offline=offline,
        reconcile=reconcile,
        min_support=Fraction(min_support).limit_denominator(1000),
        prompts=load_prompts("review", prompts),
    )
    electorate = ReviewVoters(settings)
    vote = VoteSettings(electorate, union(), attrgetter("label"), BallotParser(form="list"))
    reviewer = ReviewSteps(settings)
    flow = Flow(
        name=name,
        kind="review",
        input=ReviewInput,
        output=ReviewOutput,
        plan=reviewer.plan,
        keeps_notes=True,
        workers=Workers(
            voting_graph(vote, "vote", question=ReviewQuestion),
            inputs={"": lambda section: {"question": question_in(section)}},
        ),
        close=reviewer.close,
        close_asks=reviewer.close_asks,
        work_name="vote",
        close_name="unite",
        settings={
            "aspects": [aspect.name for aspect in settings.aspects],
            "voters": settings.voters.count(),
            "engines": settings.engines,
        },
        uses_model=reviewer.uses_model,
        context=ReviewContext,
        branch_name=name_branch,
        from_text=lambda title, text: {"files": {title: text}},
        from_messages=CODE_FROM_MESSAGES,
    )
    return flow_graph(flow, **options)
