"""Labeling: a vote for each item, the agreement of the voters, and a queue for people."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.graphs.voting import create_voting
from langgraph_parallel.nodes.catalogue.labeling import LabelingSteps
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.roster import RosterLike, as_roster
from langgraph_parallel.nodes.work.workers import Workers
from langgraph_parallel.prompts import PromptLike, load_prompts
from langgraph_parallel.records import Label
from langgraph_parallel.reducers.votes.agreement import Agreement
from langgraph_parallel.reducers.votes.rules import RuleLike
from langgraph_parallel.reducers.votes.stops import Stop
from langgraph_parallel.reducers.votes.waves import Wave
from langgraph_parallel.runtime.gathering import Gathering
from langgraph_parallel.runtime.models import ModelLike


class LabelingInput(TypedDict):
    """The items."""

    items: Annotated[
        list[str] | dict[str, str],
        Field(
            title="Items",
            description="A list of texts, or a mapping of name to text.",
            examples=[["The parcel came late.", "Great service!"]],
        ),
    ]


class LabelingOutput(TypedDict):
    """The labels, and how reliable they are."""

    labels: Annotated[list[Label], Field(title="Labels", description="One for each item, in their order.")]
    queue: Annotated[
        list[Label],
        Field(title="Queue", description="What a person should look at, the most contested first."),
    ]
    counts: Annotated[dict[str, int], Field(title="Counts", description="Number of items by label.")]
    agreement: Annotated[
        Agreement, Field(title="Agreement", description="Agreement of the voters over all items.")
    ]


@checked
def create_labeling(
    *,
    labels: Sequence[str],
    guidelines: str = "",
    model: ModelLike | None = None,
    voters: RosterLike | None = None,
    rule: RuleLike = "majority",
    stop: str | Stop = "decided",
    wave: Wave | None = None,
    min_support: float = 2 / 3,
    prompts: Mapping[str, PromptLike] | None = None,
    name: str = "labeling",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph that labels many items at once, each by a vote that stops as soon as it is settled.

    Input: `items`, a list of texts, or a mapping of name to text. Output: `labels` (list of `Label`, in the
    order of the items), `queue` (labels that a person should look at: undecided, or with too little support;
    the least supported first), `counts` (items by label), `agreement` (`Agreement`, over all items),
    `missing`, `sections`, `branches` (each with its verdict and its ballots), `run_report`.
    `report.labels_csv` and `report.labels_jsonl` export the labels.

    Args:
        labels: the valid labels.
        guidelines: what they mean, and what to do in doubt.
        model: of all voters; by default the one that the environment names.
        voters: their number (default 3), workers that get the item, or a `Roster` of models and temperatures.
        rule: decides on the ballots; one whose ballots hold one choice.
        stop: when a vote may end; `decided` never changes the label.
        wave: how many voters are asked together; see `create_voting`.
        min_support: share of support below which a person should look, 0 to 1.
        prompts: replacement of the shipped prompt: `label`.
        name: shown in traces: `labeling[item 3]`.
        options: `limits`, `completion`, `checkpointer`, `store`; see `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        UnknownRule, UnknownStop: a name is not a rule, or not a stop.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than the one that it replaces.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    annotation = LabelingSteps(labels, min_support, rule)
    prompt = load_prompts("labeling", prompts)["label"]
    annotators = annotation.annotators(as_roster(voters, "voters", model), prompt, model, guidelines)
    vote = create_voting(voters=annotators, choices=labels, rule=rule, stop=stop, wave=wave, name="label")
    flow = Flow(
        name=name,
        kind="labeling",
        input=LabelingInput,
        output=LabelingOutput,
        plan=annotation.plan,
        workers=Workers(vote),
        close=annotation.close,
        needs_results=False,
        own_steps=True,
        work_name="vote",
        close_name="label",
        gathers=Gathering("items", annotation.item),
        from_text=lambda title, text: {"items": {title: text}},
    )
    return flow_graph(flow, **options)
