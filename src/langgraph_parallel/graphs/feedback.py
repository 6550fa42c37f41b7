"""Feedback: sentiment, topics, urgency and entities of many texts at once, as a table."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.nodes.catalogue.feedback import DIMENSIONS, FeedbackSteps
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.workers import Workers
from langgraph_parallel.prompts import PromptLike, load_prompts
from langgraph_parallel.records import Feedback
from langgraph_parallel.runtime.models import ModelLike


class FeedbackInput(TypedDict):
    """The texts."""

    texts: Annotated[
        list[str] | dict[str, str],
        Field(
            title="Texts",
            description="A list of texts, or a mapping of name to text.",
            examples=[["The bike is great, but it came three weeks late!", "Still waiting for my refund."]],
        ),
    ]


class FeedbackOutput(TypedDict):
    """The analysis, as a record, a table and Markdown."""

    feedback: Annotated[
        Feedback, Field(title="Feedback", description="A row for each text, counts, and quotes.")
    ]
    csv: Annotated[str, Field(title="CSV", description="The rows as a table.")]
    markdown: Annotated[str, Field(title="Markdown", description="The report as Markdown.")]


@checked
def create_feedback(
    *,
    model: ModelLike | None = None,
    dimensions: Sequence[str] = DIMENSIONS,
    batch_size: int = 20,
    offline: bool = False,
    prompts: Mapping[str, PromptLike] | None = None,
    name: str = "feedback",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph that finds sentiment, topics, urgency and entities of many texts at once.

    Input: `texts`, a list, or a mapping of name to text. Output: `feedback` (`Feedback`: a row for each text,
    counts in which each text counts once, quotes by topic), `csv`, `markdown`, `missing`, `sections`,
    `branches`, `run_report`. Each dimension of each batch of texts is a section. A text longer than a prompt
    is judged in parts. A quote that is not in the text is dropped; a value that could not be judged is None,
    and counted as that.

    Without a model a lexicon, patterns and term counts do the work, and the report says so.

    Args:
        model: by default the one that the environment names.
        dimensions: some of sentiment, topics, urgency, entities.
        batch_size: most texts in one prompt.
        offline: whether to use no model, even if the environment names one.
        prompts: replacements of shipped prompts, by dimension.
        name: shown in traces: `feedback[sentiment (1/3)]`.
        options: `limits`, `completion`, `checkpointer`, `store`; see `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than the one that it replaces.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    analysis = FeedbackSteps(
        dimensions, model, load_prompts("feedback", prompts), offline=offline, batch_size=batch_size
    )
    flow = Flow(
        name=name,
        kind="feedback",
        input=FeedbackInput,
        output=FeedbackOutput,
        plan=analysis.plan,
        workers=Workers(analysis.workers, inputs=analysis.inputs),
        uses_model=analysis.uses_model,
        close=analysis.close,
        work_name="analyse",
        close_name="merge",
        from_text=lambda title, text: {"texts": {title: text}},
    )
    return flow_graph(flow, **options)
