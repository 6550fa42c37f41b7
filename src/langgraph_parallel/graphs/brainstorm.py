"""Brainstorm: several points of view propose at once, and what says the same is one idea."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict, Unpack

from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs.flow import Options, flow_graph
from langgraph_parallel.nodes.catalogue.brainstorm import SCHEMAS, Brainstorm
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.arguments import at_least, check_named
from langgraph_parallel.nodes.work.roster import Models
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers
from langgraph_parallel.prompts import Prompt, load, load_prompts, names
from langgraph_parallel.records import Idea
from langgraph_parallel.reducers.joins.ideas import SIMILAR
from langgraph_parallel.runtime.models import ModelLike


class BrainstormInput(TypedDict):
    """What to have ideas on."""

    topic: Annotated[
        str, Field(title="Topic", description="What to have ideas on.", examples=["A library without books"])
    ]


class BrainstormOutput(TypedDict):
    """What was proposed."""

    ideas: Annotated[
        list[Idea], Field(title="Ideas", description="By votes, where there was a vote, then by novelty.")
    ]
    missing: Annotated[list[str], Field(title="Missing", description="Who proposed nothing.")]


def create_brainstorm(
    *,
    model: ModelLike | None = None,
    models: Sequence[ModelLike] = (),
    temperatures: Sequence[float] = (),
    personas: Mapping[str, str] | None = None,
    ideas: int = 5,
    vote: bool = False,
    similar: float = SIMILAR,
    prompts: Mapping[str, str | Path | Prompt] | None = None,
    name: str = "brainstorm",
    **options: Unpack[Options],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph in which several personas propose ideas at once, each without seeing the others' ideas.

    Input: `topic`. Output: `ideas` (list of `Idea`: what says the same is one idea, with everybody who had
    it), `missing` (personas who proposed nothing), `sections`, `branches`, `report`.

    Args:
        model: for all; by default, what the environment names.
        models: several instead, dealt out.
        temperatures: dealt out likewise.
        personas: points of view, by name; by default five that ship.
        ideas: how many each proposes, at most.
        vote: have the personas say afterwards what they would have carried out, of ideas that are shuffled
            for each of them; ideas are then ranked by that.
        similar: TF-IDF cosine from which two ideas are one, above 0 and at most 1.
        prompts: your own instead of those that ship: `propose`, `choose`.
        name: shown in traces: `brainstorm[sceptic]`.
        options: `limits`, `completion`, `checkpointer`, `store`.

    Raises:
        UsageError: arguments that contradict each other, or are out of range.
        PromptError: a prompt with other variables.
    """
    at_least(ideas, "ideas")
    if personas is not None:
        check_named(personas, "personas")
    if not 0 < similar <= 1:
        raise UsageError(f"similar is {similar:g}; pass more than 0 and at most 1")
    given = _shipped() if personas is None else dict(personas)
    if not given:
        raise UsageError("there is no persona; pass {'name': 'point of view'}")
    texts, panel = load_prompts("brainstorm", prompts), Models(model, models, temperatures)
    panel.size(len(given), 1, "personas")
    storm = Brainstorm(list(given), ideas, similar, vote=vote)
    flow = Flow(
        name=name,
        takes=["topic"],
        plan=storm.propose,
        workers=Workers(_people(given, texts, panel, ideas)),
        further=storm.choose,
        most=storm.most,
        close=storm.rank,
        closes_with="rank",
        gives=["ideas", "missing"],
    )
    return flow_graph(
        flow, BrainstormInput, BrainstormOutput, takes=lambda title, text: {"topic": text}, **options
    )


def _people(
    personas: Mapping[str, str], texts: Mapping[str, Prompt], panel: Models, most: int
) -> dict[str, WorkerLike]:
    """Two workers for each persona: one proposes, one chooses."""
    made: dict[str, WorkerLike] = {}
    for i, (persona, view) in enumerate(personas.items()):
        role = f"You are one of {len(personas)} people: the {persona}."
        for kind, schema in SCHEMAS.items():
            values = texts[kind].fitting({"persona": view, "most": str(most)})
            made[f"{kind}/{persona}"] = panel.ask(texts[kind], i, role, schema, values)
    return made


def _shipped() -> dict[str, str]:
    """The personas that ship, by name."""
    files = names("brainstorm/personas")
    return {file.partition("-")[2]: load(f"brainstorm/personas/{file}").text for file in files}
