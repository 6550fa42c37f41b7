"""Research: a planner divides a question, workers look into its topics with tools, a report cites them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.nodes.catalogue.research import ResearchSteps
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.conversation import text_from_messages
from langgraph_parallel.nodes.work.workers import Workers
from langgraph_parallel.prompts import PromptLike, load_prompts
from langgraph_parallel.records import Research
from langgraph_parallel.runtime.models import ModelLike


class ResearchInput(TypedDict):
    """The question, and files to search."""

    question: Annotated[
        str,
        Field(title="Question", description="What to find out.", examples=["Why did sales fall in spring?"]),
    ]
    files: NotRequired[
        Annotated[
            list[str] | dict[str, str],
            Field(
                title="Files",
                description="Texts, or text by name, which the workers can search.",
                examples=[{"sales.md": "Sales fell by 4% in spring, because two shops were closed."}],
            ),
        ]
    ]


class ResearchOutput(TypedDict):
    """The report."""

    research: Annotated[
        Research | None, Field(title="Research", description="The report; None if it was not written.")
    ]
    markdown: Annotated[str | None, Field(title="Markdown", description="The report as Markdown.")]


@checked
def create_research(
    *,
    model: ModelLike | None = None,
    tools: Sequence[Any] = (),
    max_topics: int = 5,
    max_rounds: int = 2,
    max_steps: int = 4,
    language: str = "the language of the question",
    offline: bool = False,
    prompts: Mapping[str, PromptLike] | None = None,
    name: str = "research",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph that looks into a question from several sides at once, and reports with references.

    Input: `question`, and `files` (texts, or text by name) to search; or a conversation as `messages`, which
    gets the answer. Output: `research` (`Research`: a text with numbered references, each with its source and
    a quote from it), `markdown`, `missing` (topics without a finding), `sections`, `branches`, `run_report`.
    A planner names topics; one worker each looks into them with tools, all at once; then gaps are looked into
    in a further round, unless a budget is spent. A finding whose quote is in no source is dropped, and so is
    a reference to a finding that does not exist.

    Without a model it only searches the given files: it returns passages, and concludes nothing.

    Args:
        model: by default the one that the environment names.
        tools: LangChain tools, or functions with a docstring; search in the files is added.
        max_topics: most topics in a round.
        max_rounds: most rounds of topics; 1 looks for no gaps.
        max_steps: most calls of a worker on one topic.
        language: of the report.
        offline: whether to use no model, even if the environment names one.
        prompts: replacements of shipped prompts: `plan`, `step`, `gaps`, `report`.
        name: shown in traces: `research[Prices]`.
        options: `limits`, `completion` (of the first round), `checkpointer`, `store`; see `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than the one that it replaces.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    inquiry = ResearchSteps(
        load_prompts("research", prompts),
        model,
        tools,
        max_topics=max_topics,
        max_rounds=max_rounds,
        max_steps=max_steps,
        offline=offline,
        language=language,
    )
    flow = Flow(
        name=name,
        kind="research",
        input=ResearchInput,
        output=ResearchOutput,
        plan=inquiry.plan,
        plan_asks=[inquiry.planner, inquiry.gap_finder],
        estimate_plan=inquiry.estimate_plan,
        workers=Workers(inquiry.workers),
        next_round=inquiry.next_round,
        uses_model=inquiry.uses_model,
        close=inquiry.close,
        close_asks=[inquiry.writer],
        work_name="investigate",
        close_name="write",
        from_text=lambda title, text: {"question": text},
        from_messages=text_from_messages("question", "question"),
    )
    return flow_graph(flow, **options)
