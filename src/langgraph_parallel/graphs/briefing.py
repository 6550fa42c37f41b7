"""Briefing: what many documents say together, with themes, contradictions, and citations that hold."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict, Unpack

from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs.flow import Options, flow_graph
from langgraph_parallel.nodes.catalogue.briefing import DIGEST, EXTRACT, Briefer
from langgraph_parallel.nodes.catalogue.citations import CONDENSE, Digested, Fewer
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.arguments import at_least
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Workers
from langgraph_parallel.prompts import Prompt, load_prompts
from langgraph_parallel.records import Briefing
from langgraph_parallel.runtime.models import ModelLike


class BriefingInput(TypedDict):
    """What to read."""

    documents: Annotated[
        dict[str, str] | list[str],
        Field(
            title="Documents",
            description="Text by name, or a list of texts.",
            examples=[
                {"north.md": "Sales rose by 4% in spring.", "south.md": "Sales fell in spring, by 2%."}
            ],
        ),
    ]


class BriefingOutput(TypedDict):
    """What they say together."""

    briefing: Annotated[
        Briefing | None,
        Field(
            title="Briefing", description="Themes, contradictions, citations; None where it was not written."
        ),
    ]
    markdown: Annotated[str | None, Field(title="Markdown", description="The briefing, to be read.")]


def create_briefing(
    *,
    model: ModelLike | None = None,
    points: int = 8,
    language: str = "the language of most of the material",
    offline: bool = False,
    prompts: Mapping[str, str | Path | Prompt] | None = None,
    name: str = "briefing",
    **options: Unpack[Options],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that reads many documents at once, and writes one briefing that says where it stands.

    Input: `documents`, text by name, or a list. Output: `briefing` (`Briefing`: a digest of each document, a
    summary, themes, contradictions between documents with both quotes, and a citation for each: document,
    line, characters, quote), `markdown`, `sections`, `branches`, `report`.

    Documents of any length are read in parts, all at the same time (`Limits.section_tokens` is the ceiling
    of a prompt). Their points are condensed, level by level, until they fit into one prompt; what a point
    rests on goes along. A citation is a place in a document that was looked up: what a model quotes and the
    document does not say is left out, and so is a theme that rests on nothing, by name. What could not be
    read is named.

    Without a model the most central sentences are selected, and put together by the words that documents
    share; the briefing says so, and contradictions are not looked for.

    Args:
        model: by default, what the environment names.
        points: of a document, and of any part of it, at most.
        language: of the briefing; quotes stay in their own.
        offline: use no model, whatever the environment names.
        prompts: your own instead of those that ship: `digest`, `condense`, `briefing`.
        name: shown in traces: `briefing[north.md]`.
        options: `limits`, `completion`, `checkpointer`, `store`.

    Raises:
        UsageError: `points` is less than 1, or `model` and `offline`.
        PromptError: a prompt with other variables.
    """
    if offline and model is not None:
        raise UsageError("offline=True uses no model; leave out model=, or offline=")
    at_least(points, "points")
    texts = load_prompts("briefing", prompts)
    briefer = Briefer(texts, model, offline=offline, points=points, language=language)
    words = {"language": language, "most": str(points)}
    digest = Ask(texts["digest"], model=model, schema=Digested, given=texts["digest"].fitting(words))
    condense = Ask(
        texts["condense"],
        model=model,
        schema=Fewer,
        given=texts["condense"].fitting({"language": language}),
    )
    flow = Flow(
        name=name,
        takes=["documents"],
        plan=briefer.plan,
        workers=Workers(
            {DIGEST: digest, CONDENSE: condense, EXTRACT: briefer.extract},
            inputs={DIGEST: briefer.digest_input, CONDENSE: briefer.condense_input},
        ),
        further=briefer.further,
        most=briefer.most,
        needs_model=briefer.uses_model,
        close=briefer.close,
        closes=[briefer.writer],
        closes_with="write",
        gives=["briefing", "markdown"],
    )
    return flow_graph(
        flow, BriefingInput, BriefingOutput, takes=lambda title, text: {"documents": {title: text}}, **options
    )
