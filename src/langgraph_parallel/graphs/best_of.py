"""Best of n: several drafts at once, and a judge that does not see whose they are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field, JsonValue
from typing_extensions import TypedDict, Unpack

from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs.flow import Options, flow_graph
from langgraph_parallel.nodes.catalogue.best_of import Contest, Scores
from langgraph_parallel.nodes.flow.spec import Flow, Plan
from langgraph_parallel.nodes.work.arguments import check_named, require_text
from langgraph_parallel.nodes.work.roster import Models
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers
from langgraph_parallel.prompts import Prompt, load, load_prompts, names
from langgraph_parallel.records import Draft, Section
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.run import current_run

Method = Literal["pairs", "rubric"]


class BestOfInput(TypedDict):
    """What to do."""

    task: Annotated[
        str,
        Field(
            title="Task", description="What to do.", examples=["Write a headline for a shop of used bikes."]
        ),
    ]


class BestOfOutput(TypedDict):
    """The best draft, and all of them."""

    best: Annotated[
        JsonValue,
        Field(title="Best", description="The winner, or what was merged; None without a judgement."),
    ]
    reasons: Annotated[list[str], Field(title="Reasons", description="Why the winner was preferred.")]
    drafts: Annotated[list[Draft], Field(title="Drafts", description="All of them, the best first.")]


def create_best_of(
    *,
    model: ModelLike | None = None,
    models: Sequence[ModelLike] = (),
    temperatures: Sequence[float] = (),
    drafts: int | None = None,
    approaches: Sequence[str] | None = None,
    drafters: Mapping[str, WorkerLike] | None = None,
    judge: ModelLike | None = None,
    method: Method = "pairs",
    rubric: Mapping[str, str] | None = None,
    merge: bool = False,
    prompts: Mapping[str, str | Path | Prompt] | None = None,
    name: str = "best_of",
    **options: Unpack[Options],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that does a task several times at once, each in another way, and has a model judge.

    Input: `task`. Output: `best` (the winner, or with `merge` a text made of the best parts), `reasons`,
    `drafts` (list of `Draft`, the best first; of equals the earliest), `sections`, `branches`, `report`.
    Drafts that are the same are judged once. A single one needs no judge. Where no judgement can be had,
    `best` is None, and all drafts come back.

    Args:
        model: for all drafts and for the judge; by default, what the environment names.
        models: several models for the drafts, dealt out.
        temperatures: dealt out likewise.
        drafts: how many; by default 3, or one for each model or temperature. Each has an approach of its own.
        approaches: ways to do it, dealt out; by default five that ship.
        drafters: workers of your own instead, by name; each gets the task.
        judge: the model that judges; by default `model`, else what the environment names.
        method: `pairs`: each draft against each other one, in both orders, so that no place is favoured;
            `rubric`: each by itself, by criteria.
        rubric: what counts, by name, for `method="rubric"`.
        merge: put into the winner what is better in the others.
        prompts: your own instead of those that ship: `draft`, `compare`, `score`, `merge`.
        name: shown in traces: `best_of[draft 2]`.
        options: `limits`, `completion` (of the drafts), `checkpointer`, `store`.

    Raises:
        UsageError: arguments that contradict each other.
        PromptError: a prompt with other variables.
    """
    if method not in ("pairs", "rubric"):
        raise UsageError(f"method is {method!r}; choose pairs or rubric")
    if (method == "rubric") != bool(rubric):
        raise UsageError("method='rubric' and rubric={'criterion': 'what it means'} go together")
    if drafters is not None:
        check_named(drafters, "drafters")
    texts, panel = load_prompts("best_of", prompts), Models(model, models, temperatures)
    if drafters is None:
        size = panel.size(drafts, 3, "drafts")
        ways = list(approaches or _shipped())
        makers: dict[str, WorkerLike] = {
            f"draft {i + 1}": panel.ask(
                texts["draft"],
                i,
                f"You are the writer of draft {i + 1}.",
                given=texts["draft"].fitting({"approach": ways[i % len(ways)]}),
            )
            for i in range(size)
        }
    elif model or models or temperatures or drafts is not None or not drafters:
        raise UsageError("drafters are given as workers: pass at least one, and no model for them")
    elif reserved := [one for one in drafters if one.startswith("judge/")]:
        raise UsageError(f"a drafter is named {reserved[0]!r}; names that begin with judge/ are taken")
    else:
        makers = dict(drafters)
    contest = Contest(texts, judge if judge is not None else model, Scores.of(rubric), merge=merge)
    flow = Flow(
        name=name,
        takes=["task"],
        plan=_drafting(list(makers), by_pairs=method == "pairs"),
        workers=Workers(
            {**makers, **contest.workers},
            foreign=lambda section: section.content,
            inputs=contest.inputs,
        ),
        further=contest.next_round,
        most=contest.most,
        close=contest.close,
        closes_with="judge",
        gives=["best", "reasons", "drafts"],
    )
    return flow_graph(flow, BestOfInput, BestOfOutput, takes=lambda title, text: {"task": text}, **options)


def _shipped() -> list[str]:
    return [load(f"best_of/approaches/{one}").text for one in names("best_of/approaches")]


def _drafting(makers: Sequence[str], *, by_pairs: bool) -> Plan:
    def plan(given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        task = require_text(given, "task", "best_of")
        pairs, most = len(makers) * (len(makers) - 1), current_run().limits.sections
        if pairs > most and by_pairs:
            raise UsageError(
                f"{len(makers)} drafts are {pairs} comparisons, and a round has {most} at most; use a rubric"
            )
        return [
            Section(id=maker, title=maker, content=task, worker=maker, data={"task": task})
            for maker in makers
        ]

    return plan
