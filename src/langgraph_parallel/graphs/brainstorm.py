"""Brainstorm: several personas propose ideas at once, and similar ideas are merged."""

from collections.abc import Mapping
from typing import Annotated, Any, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.nodes.catalogue.brainstorm import BrainstormSteps
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.conversation import text_from_messages
from langgraph_parallel.nodes.work.roster import Roster, as_roster
from langgraph_parallel.nodes.work.workers import Workers
from langgraph_parallel.prompts import PromptLike, load_prompts
from langgraph_parallel.records import Idea
from langgraph_parallel.reducers.joins.ideas import SIMILAR
from langgraph_parallel.runtime.models import ModelLike


class BrainstormInput(TypedDict):
    """The topic."""

    topic: Annotated[
        str, Field(title="Topic", description="What to have ideas on.", examples=["A library without books"])
    ]


class BrainstormOutput(TypedDict):
    """The ideas."""

    ideas: Annotated[
        list[Idea], Field(title="Ideas", description="By votes if there was a vote, then by novelty.")
    ]


@checked
def create_brainstorm(
    *,
    model: ModelLike | None = None,
    personas: Mapping[str, str] | None = None,
    proposers: int | Roster | None = None,
    max_ideas: int = 5,
    vote: bool = False,
    min_similarity: float = SIMILAR,
    prompts: Mapping[str, PromptLike] | None = None,
    name: str = "brainstorm",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph in which several personas propose ideas at once, without seeing each other's.

    Input: `topic`; or a conversation as `messages`, which gets the answer. Output: `ideas` (list of `Idea`;
    similar proposals are one idea, with everyone who had it), `missing` (proposers without a proposal),
    `sections`, `branches`, `run_report`.

    Args:
        model: of all proposers; by default the one that the environment names.
        personas: points of view by name; by default five that ship.
        proposers: number of proposers, to whom personas are dealt out, or a `Roster` of models and
            temperatures; by default one for each persona.
        max_ideas: most ideas of one proposer.
        vote: whether the proposers then choose among all ideas, shuffled for each of them; ideas are ranked
            by these votes.
        min_similarity: TF-IDF cosine from which two ideas are one, above 0 and at most 1.
        prompts: replacements of shipped prompts: `propose`, `choose`.
        name: shown in traces: `brainstorm[sceptic]`.
        options: `limits`, `completion`, `checkpointer`, `store`; see `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than the one that it replaces.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    storm = BrainstormSteps(
        personas,
        as_roster(proposers, "proposers", model),
        model,
        load_prompts("brainstorm", prompts),
        max_ideas=max_ideas,
        min_similarity=min_similarity,
        vote=vote,
    )
    flow = Flow(
        name=name,
        kind="brainstorm",
        input=BrainstormInput,
        output=BrainstormOutput,
        plan=storm.plan,
        workers=Workers(storm.workers),
        next_round=storm.next_round,
        later_sections=storm.later_sections,
        close=storm.close,
        work_name="propose",
        close_name="rank",
        from_text=lambda title, text: {"topic": text},
        from_messages=text_from_messages("topic", "topic"),
    )
    return flow_graph(flow, **options)
