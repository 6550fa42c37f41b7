"""Briefing: what many documents say together, with themes, contradictions, and verified citations."""

from collections.abc import Mapping
from typing import Annotated, Any, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.nodes.catalogue.briefing import BriefingSteps
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.conversation import documents_from_messages
from langgraph_parallel.nodes.work.workers import Workers
from langgraph_parallel.prompts import PromptLike, load_prompts
from langgraph_parallel.records import Briefing
from langgraph_parallel.runtime.models import ModelLike


class BriefingInput(TypedDict):
    """The documents."""

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
    """The briefing."""

    briefing: Annotated[
        Briefing | None,
        Field(title="Briefing", description="Themes, contradictions, citations; None if it was not written."),
    ]
    markdown: Annotated[str | None, Field(title="Markdown", description="The briefing as Markdown.")]


@checked
def create_briefing(
    *,
    model: ModelLike | None = None,
    max_points: int = 8,
    language: str = "the language of most of the material",
    offline: bool = False,
    prompts: Mapping[str, PromptLike] | None = None,
    name: str = "briefing",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph that reads many documents at once, and writes one briefing with verified citations.

    Input: `documents`, text by name, or a list; or a conversation as `messages`, which gets the answer.
    Output: `briefing` (`Briefing`: a digest of each document, a summary, themes, contradictions with both
    quotes, and a citation for each: document, line, characters, quote), `markdown`, `missing` (documents that
    were not read, or are empty), `sections`, `branches`, `run_report`.

    Long documents are read in parts, all at once (`Limits.section_tokens` bounds a prompt). Their points are
    condensed, level by level, until they fit into one prompt, and keep their citations. How many points there
    are, and how long, decides on the groups of a level, so that each level waits for the one before. Every
    citation is looked up: a quote that the document does not contain is dropped, and a theme without any
    citation is listed as unsupported.

    Without a model the most central sentences are selected, and grouped by the words that documents share;
    the briefing says so, and contradictions are not looked for.

    Args:
        model: by default the one that the environment names.
        max_points: most points of a document, and of each of its parts.
        language: of the briefing; quotes stay in the language of the document.
        offline: whether to use no model, even if the environment names one.
        prompts: replacements of shipped prompts: `digest`, `condense`, `briefing`.
        name: shown in traces: `briefing[north.md]`.
        options: `limits`, `completion`, `checkpointer`, `store`; see `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than the one that it replaces.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    briefer = BriefingSteps(
        load_prompts("briefing", prompts), model, offline=offline, max_points=max_points, language=language
    )
    flow = Flow(
        name=name,
        kind="briefing",
        input=BriefingInput,
        output=BriefingOutput,
        plan=briefer.plan,
        workers=Workers(briefer.workers, inputs=briefer.inputs),
        next_round=briefer.next_round,
        later_sections=briefer.later_sections,
        uses_model=briefer.uses_model,
        close=briefer.close,
        close_asks=[briefer.writer],
        work_name="read",
        close_name="write",
        from_text=lambda title, text: {"documents": {title: text}},
        from_messages=documents_from_messages("documents"),
    )
    return flow_graph(flow, **options)
