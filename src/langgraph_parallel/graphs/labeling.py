"""Labeling: a vote for each item, how far the voters agree, and what a person should look at."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict, Unpack

from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs.flow import Options, flow_graph
from langgraph_parallel.graphs.voting import create_voting
from langgraph_parallel.nodes.catalogue.labeling import labelled
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.vote.panel import answer_schema
from langgraph_parallel.nodes.work.arguments import check_named, require_texts
from langgraph_parallel.nodes.work.roster import Models
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers
from langgraph_parallel.prompts import Prompt, load_prompts
from langgraph_parallel.records import Label, Section
from langgraph_parallel.reducers.canonical import check_choices
from langgraph_parallel.reducers.votes.agreement import Agreement
from langgraph_parallel.reducers.votes.rules import Rule, as_rule, ballot_form
from langgraph_parallel.reducers.votes.stops import Stop
from langgraph_parallel.reducers.votes.waves import Wave
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike


class LabelingInput(TypedDict):
    """What to label."""

    items: Annotated[
        list[str] | dict[str, str],
        Field(
            title="Items",
            description="A list of texts, or a mapping of name to text.",
            examples=[["The parcel came late.", "Great service!"]],
        ),
    ]


class LabelingOutput(TypedDict):
    """The labels, and how good they are."""

    labels: Annotated[list[Label], Field(title="Labels", description="One for each item, in their order.")]
    queue: Annotated[
        list[Label],
        Field(title="Queue", description="What a person should look at, the most contested first."),
    ]
    counts: Annotated[dict[str, int], Field(title="Counts", description="Items of each label.")]
    agreement: Annotated[Agreement, Field(title="Agreement", description="How far the voters agree.")]


def create_labeling(
    *,
    labels: Sequence[str],
    guidelines: str = "",
    model: ModelLike | None = None,
    models: Sequence[ModelLike] = (),
    temperatures: Sequence[float] = (),
    voters: int | Mapping[str, WorkerLike] | None = None,
    rule: str | Rule = "majority",
    stop: str | Stop = "decided",
    wave: Wave = "lossless",
    contested: float = 2 / 3,
    prompts: Mapping[str, str | Path | Prompt] | None = None,
    name: str = "labeling",
    **options: Unpack[Options],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that labels many items at once, each by a vote that stops as soon as it is settled.

    Input: `items`, a list of texts, or a mapping of name to text. Output: `labels` (list of `Label`, in the
    order of the items), `queue` (those that a person should look at: not decided, or with too little support;
    the least supported first), `counts` (items by label), `agreement` (`Agreement`, over all items),
    `sections`, `branches` (each with its verdict and its ballots), `report`. `report.labels_csv` and
    `labels_jsonl` export them.

    Args:
        labels: the valid ones.
        guidelines: what they mean, and what to do in doubt.
        model: for all voters; by default, what the environment names.
        models: a panel of several, dealt out.
        temperatures: dealt out likewise.
        voters: how many, by default 3 or one for each model; or workers of your own, by name.
        rule: what decides; one whose ballots hold one choice.
        stop: when a vote may end; by default when nobody who is left can change the label.
        wave: how many voters are asked together.
        contested: share of support below which a person should look.
        prompts: your own instead of the one that ships: `label`.
        name: shown in traces: `labeling[item 3]`.
        options: `limits`, `completion`, `checkpointer`, `store`.

    Raises:
        UsageError: arguments that contradict each other, or are out of range.
        PromptError: a prompt with other variables.
    """
    check_choices(labels)
    if ballot_form(as_rule(rule)) != "one":
        raise UsageError(f"{rule!r} wants lists, rankings or numbers, and an item has one label")
    if isinstance(voters, Mapping):
        check_named(voters, "voters")
    if not 0 <= contested <= 1:
        raise UsageError(f"contested is {contested:g}; pass a share from 0 to 1")
    if isinstance(voters, Mapping):
        if model is not None or models or temperatures:
            raise UsageError("voters are given as workers, so model and temperature have nobody to go to")
        asked: Mapping[str, WorkerLike] = voters
    else:
        prompt, panel = load_prompts("labeling", prompts)["label"], Models(model, models, temperatures)
        given = prompt.fitting({"guidelines": guidelines or "There are none."})
        asked = {
            f"#{i + 1}": panel.ask(
                prompt, i, f"You are annotator {i + 1}.", answer_schema(tuple(labels)), given
            )
            for i in range(panel.size(voters, 3, "voters"))
        }
    vote = create_voting(voters=asked, choices=labels, rule=rule, stop=stop, wave=wave, name="label")
    flow = Flow(
        name=name,
        takes=["items"],
        plan=_one_for_each,
        workers=Workers(vote),
        close=lambda gathered: labelled(gathered, labels, contested),
        closes_with="close",
        gives=["labels", "queue", "counts", "agreement"],
    )
    return flow_graph(
        flow, LabelingInput, LabelingOutput, takes=lambda title, text: {"items": {title: text}}, **options
    )


def _one_for_each(given: Mapping[str, Any], context: Context) -> Sequence[Section]:
    items = require_texts(given, "items", "item")
    return [Section(id=title, title=title, content=item) for title, item in items.items()]
