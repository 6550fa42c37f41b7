"""Best of n: several drafts at once, judged without their authors' names."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field, JsonValue
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.nodes.catalogue.best_of import Contest, Judging, Method
from langgraph_parallel.nodes.catalogue.drafting import Drafting
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.agent_ask import JudgeLike, ask_model_or_agent
from langgraph_parallel.nodes.work.conversation import text_from_messages
from langgraph_parallel.nodes.work.roster import RosterLike, as_roster
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers
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
    method: Method | None = None,
    rubric: Mapping[str, str] | None = None,
    judge: WorkerLike | None = None,
    threshold: float | None = None,
    wave: int | None = None,
    refine: bool = False,
    merge: bool = False,
    prompts: Mapping[str, PromptLike] | None = None,
    name: str = "best_of",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph that does a task several times, each time in another way, and has the results judged.

    Input: `task`; or a conversation as `messages`, which gets the answer. Output: `best` (the winning draft,
    or with `merge` a text made of the best parts), `reasons`, `drafts` (list of `Draft`, the best first; of
    equals the earliest), `missing`, `sections`, `branches`, `run_report`. Identical drafts are judged once. A
    single draft is not judged, unless more may follow. If no judgement succeeds, `best` is None and all
    drafts are returned.

        create_best_of(model="openai:gpt-5-mini", drafters=5)                # a model compares every two
        create_best_of(drafters=8, judge=tests_passed, threshold=1, wave=2)  # ends when all tests pass
        create_best_of(drafters=4, judge=feedback_on_sql, refine=True)       # each improves the best so far

    By default all drafts are asked for at once, and judged once all are there. With `threshold` and `wave`
    they come in waves: each is judged before the next one is asked, and none is asked once a draft has
    reached the threshold. `calls_saved` of the run report counts the drafters that were spared; drafters that
    a budget, a deadline or a failure has left unasked are in `missing`. If all drafts of a wave fail, the
    next one is asked all the same.

    A judge of your own is a function `judge(task, draft)` or `judge(draft)`, sync or async, that gets the
    draft as the drafter returned it (of a graph of this package its answer). It returns a finite number, the
    higher the better (True counts as 1), or a mapping with `score` and optionally `feedback` or `reason`.
    Anything else is no score, and fails the judge's branch. A graph or another Runnable gets `{"task": ...,
    "draft": ...}` and returns the same. An `Ask` has these as variables, and a schema with `score`. Agents,
    and graphs of this package, get one text: `The task:` and the task, then `The result:` and the draft; a
    vote counts by its choice, which must be a number, with the rationales of its voters as reasons.

    Args:
        model: of the drafts, of the judge and of the merge; by default the one that the environment names.
        drafters: number of drafts (default 3), workers that get the task, or a `Roster` of models and
            temperatures.
        approaches: ways to do the task, dealt out to model drafters; by default five that ship.
        judge_model: the model or the agent that judges; by default `model`.
        method: how a model judges: `pairs` (the default) compares every two drafts in both orders, so that
            neither place is favoured; `rubric` scores each draft by criteria, 0 to 10.
        rubric: the criteria by name, for `method="rubric"`.
        judge: scores a draft, instead of a model by a `method`: a function, a graph or another Runnable.
        threshold: a draft with at least this score ends the drafting, so that no further wave is asked; at
            most 10 with a rubric. Not for pairs. Without waves there is nothing to end.
        wave: number of drafts that are asked for together; by default all, or one with `refine`.
        refine: whether drafts after the first wave see the best draft so far and the feedback on it: its
            score, and the reasons of the judge. Models get them as data in the prompt `refine`. Other workers
            get one text: the task, then `The best result so far:` and the draft, then `The feedback on it:`
            and the feedback; both come from workers, so treat them as data. Not for pairs. As long as no
            draft was judged, drafts are asked for as in the first wave.
        merge: whether a model improves the winner with the better parts of the other drafts.
        prompts: replacements of shipped prompts: `draft`, `refine`, `compare`, `score`, `merge`.
        name: shown in traces: `best_of[draft 2]`.
        options: `limits`, `completion` (of the drafts of the first wave), `checkpointer`, `store`; see
            `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than the one that it replaces.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    texts = load_prompts("best_of", prompts)
    judging = Judging(texts, judge=judge, model=model, judge_model=judge_model, method=method, rubric=rubric)
    roster = as_roster(drafters, "drafters")
    drafting = Drafting(roster, texts, model=model, approaches=approaches, wave=wave, refine=refine)
    merger = judge_model if judge_model is not None else model
    contest = Contest(
        drafting,
        judging,
        threshold=threshold,
        merge=ask_model_or_agent(texts["merge"], merger) if merge else None,
    )
    flow = Flow(
        name=name,
        kind="best_of",
        input=BestOfInput,
        output=BestOfOutput,
        plan=contest.plan,
        workers=Workers(
            contest.workers,
            foreign_input=lambda section: section.content,
            inputs=contest.inputs,
            outputs=judging.outputs,
        ),
        next_round=contest.next_round,
        later_sections=contest.later_sections,
        close=contest.close,
        not_asked=contest.spared,
        needs_results=False,  # the close names the drafters of the waves that were never asked
        work_name="draft_and_compare",
        close_name="judge",
        from_text=lambda title, text: {"task": text},
        from_messages=text_from_messages("task", "task"),
    )
    return flow_graph(flow, **options)
