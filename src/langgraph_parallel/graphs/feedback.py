"""Feedback: sentiment, topics, urgency and entities of texts, all at once; a table comes out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict, Unpack

from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs.flow import Options, flow_graph
from langgraph_parallel.nodes.catalogue.feedback import ENGINES, SCHEMAS, Analysis
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.arguments import at_least
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers
from langgraph_parallel.prompts import Prompt, load_prompts
from langgraph_parallel.records import Feedback, Section
from langgraph_parallel.runtime.models import ModelLike


class FeedbackInput(TypedDict):
    """What to analyse."""

    texts: Annotated[
        list[str] | dict[str, str],
        Field(
            title="Texts",
            description="A list of texts, or a mapping of name to text.",
            examples=[["The bike is great, but it came three weeks late!", "Still waiting for my refund."]],
        ),
    ]


class FeedbackOutput(TypedDict):
    """What the texts say."""

    feedback: Annotated[
        Feedback, Field(title="Feedback", description="A row for each text, counts, and quotes.")
    ]
    csv: Annotated[str, Field(title="CSV", description="The rows as a table.")]
    markdown: Annotated[str, Field(title="Markdown", description="The report, to be read.")]


def create_feedback_analysis(
    *,
    model: ModelLike | None = None,
    dimensions: Sequence[str] = tuple(SCHEMAS),
    batch: int = 20,
    offline: bool = False,
    prompts: Mapping[str, str | Path | Prompt] | None = None,
    name: str = "feedback",
    **options: Unpack[Options],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that says what feedback feels, speaks of, names, and how urgent it is, all at once.

    Input: `texts`, a list, or a mapping of name to text. Output: `feedback` (`Feedback`: a row for each text,
    counts in which each text counts once, quotes by topic), `csv`, `markdown`, `sections`, `branches`,
    `report`. Each dimension of each batch of texts is a section. A text that is longer than a prompt is
    judged in parts. A quote that the text does not hold is left out; what could not be judged is None, and
    counted as that.

    Without a model a lexicon, patterns and term counts do the work, and the report says so.

    Args:
        model: by default, what the environment names.
        dimensions: of sentiment, topics, urgency, entities.
        batch: texts in one prompt, at most.
        offline: use no model, whatever the environment names.
        prompts: your own instead of those that ship, by dimension.
        name: shown in traces: `feedback[sentiment (1/3)]`.
        options: `limits`, `completion`, `checkpointer`, `store`.

    Raises:
        UsageError: a dimension that does not exist, or something out of range.
        PromptError: a prompt with other variables.
    """
    if offline and model is not None:
        raise UsageError("offline=True uses no model; leave out model=, or offline=")
    if unknown := [one for one in dimensions if one not in SCHEMAS] or isinstance(dimensions, str):
        raise UsageError(f"dimensions has {unknown!r}; pass a list of some of {', '.join(SCHEMAS)}")
    if not dimensions:
        raise UsageError("pass at least one dimension")
    at_least(batch, "batch")
    texts = load_prompts("feedback", prompts)
    analysis = Analysis(list(dimensions), model, offline=offline, batch=batch)
    workers: dict[str, WorkerLike] = {
        one: Ask(texts[one], model=model, schema=SCHEMAS[one]) for one in dimensions
    }
    flow = Flow(
        name=name,
        takes=["texts"],
        plan=analysis.plan,
        workers=Workers({**workers, ENGINES: analysis.work}, inputs=dict.fromkeys(dimensions, _as_texts)),
        needs_model=analysis.uses_model,
        close=analysis.close,
        closes_with="merge",
        gives=["feedback", "csv", "markdown"],
    )
    return flow_graph(
        flow, FeedbackInput, FeedbackOutput, takes=lambda title, text: {"texts": {title: text}}, **options
    )


def _as_texts(section: Section) -> dict[str, str]:
    return {"texts": section.content}
