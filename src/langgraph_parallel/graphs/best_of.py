"""Best of n: several drafts at once, judged without their authors' names."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field, JsonValue
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.nodes.catalogue.best_of import Contest, Drafting, Method, build_drafters
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.agent_ask import JudgeLike
from langgraph_parallel.nodes.work.roster import RosterLike, as_roster
from langgraph_parallel.nodes.work.workers import Workers
from langgraph_parallel.prompts import PromptLike, load_prompts
from langgraph_parallel.records import Draft
from langgraph_parallel.runtime.models import ModelLike


class BestOfInput(TypedDict):
    """The task."""

    task: Annotated[
        str,
        Field(
            title="Task", description="What to do.", examples=["Write a headline for a shop of used bikes."]
        ),
    ]


class BestOfOutput(TypedDict):
    """The best draft, and all drafts."""

    best: Annotated[
        JsonValue,
        Field(title="Best", description="The winning draft, or the merged text; None if it was not judged."),
    ]
    reasons: Annotated[list[str], Field(title="Reasons", description="Why the winner was preferred.")]
    drafts: Annotated[list[Draft], Field(title="Drafts", description="All drafts, the best first.")]


@checked
def create_best_of(
    *,
    model: ModelLike | None = None,
    drafters: RosterLike | None = None,
    approaches: Sequence[str] | None = None,
    judge_model: JudgeLike | None = None,
    method: Method = "pairs",
    rubric: Mapping[str, str] | None = None,
    merge: bool = False,
    prompts: Mapping[str, PromptLike] | None = None,
    name: str = "best_of",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph that does a task several times at once, each in another way, and lets a model judge.

    Input: `task`. Output: `best` (the winning draft, or with `merge` a text made of the best parts),
    `reasons`, `drafts` (list of `Draft`, the best first; of equals the earliest), `missing`, `sections`,
    `branches`, `run_report`. Identical drafts are judged once. A single draft is not judged. If no judgement
    succeeds, `best` is None and all drafts are returned.

    Args:
        model: of the drafts and of the judge; by default the one that the environment names.
        drafters: number of drafts (default 3), workers that get the task, or a `Roster` of models and
            temperatures.
        approaches: ways to do the task, dealt out to model drafters; by default five that ship.
        judge_model: the model or the agent that judges; by default `model`.
        method: `pairs` compares every two drafts in both orders, so that neither place is favoured; `rubric`
            scores each draft by criteria.
        rubric: the criteria by name, for `method="rubric"`.
        merge: whether a model improves the winner with the better parts of the other drafts.
        prompts: replacements of shipped prompts: `draft`, `compare`, `score`, `merge`.
        name: shown in traces: `best_of[draft 2]`.
        options: `limits`, `completion` (of the drafts), `checkpointer`, `store`; see `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than the one that it replaces.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    texts = load_prompts("best_of", prompts)
    roster = as_roster(drafters, "drafters")
    judge = judge_model if judge_model is not None else model
    contest = Contest(texts, judge, method, rubric, merge=merge)
    makers = build_drafters(roster, texts["draft"], model, approaches)
    flow = Flow(
        name=name,
        kind="best_of",
        input=BestOfInput,
        output=BestOfOutput,
        plan=Drafting(list(makers), by_pairs=method == "pairs").plan,
        workers=Workers(
            {**makers, **contest.workers},
            foreign_input=lambda section: section.content,
            inputs=contest.inputs,
        ),
        next_round=contest.next_round,
        later_sections=contest.later_sections,
        close=contest.close,
        close_name="judge",
        from_text=lambda title, text: {"task": text},
    )
    return flow_graph(flow, **options)
