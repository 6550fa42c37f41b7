"""Research: a planner divides a question, workers look into its topics with tools, a report cites them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NotRequired

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict, Unpack

from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs.flow import Options, flow_graph
from langgraph_parallel.nodes.catalogue.research import RESEARCH, SEARCH_ONLY, Inquiry
from langgraph_parallel.nodes.catalogue.tools import Researcher, Toolbox
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.arguments import at_least
from langgraph_parallel.nodes.work.workers import Workers
from langgraph_parallel.prompts import Prompt, load_prompts
from langgraph_parallel.records import Research
from langgraph_parallel.runtime.models import ModelLike


class ResearchInput(TypedDict):
    """What to find out, and where."""

    question: Annotated[
        str,
        Field(title="Question", description="What to find out.", examples=["Why did sales fall in spring?"]),
    ]
    files: NotRequired[
        Annotated[
            dict[str, str],
            Field(
                title="Files",
                description="Text by name, which the workers can search.",
                examples=[{"sales.md": "Sales fell by 4% in spring, because two shops were closed."}],
            ),
        ]
    ]


class ResearchOutput(TypedDict):
    """What was found out."""

    research: Annotated[
        Research | None, Field(title="Research", description="The report; None where it was not written.")
    ]
    markdown: Annotated[str | None, Field(title="Markdown", description="The report, to be read.")]


def create_research(
    *,
    model: ModelLike | None = None,
    tools: Sequence[Any] = (),
    topics: int = 5,
    rounds: int = 2,
    steps: int = 4,
    language: str = "the language of the question",
    offline: bool = False,
    prompts: Mapping[str, str | Path | Prompt] | None = None,
    name: str = "research",
    **options: Unpack[Options],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that looks into a question from several sides at once, and reports with references.

    Input: `question`, and `files` (text by name) to search in. Output: `research` (`Research`: a text with
    numbered references, each with its source and a quote that the source holds), `markdown`, `sections`,
    `branches`, `report`. A planner names topics; one worker each looks into them with tools, all at the same
    time; then what is missing is looked into in a further round, unless a budget is spent. A finding whose
    quote no source holds is left out, and so is a number in the report that stands for nothing.

    Without a model it is search in the given files: passages, and nothing concluded from them.

    Args:
        model: by default, what the environment names.
        tools: LangChain tools, or functions with a docstring; search in the files comes on its own.
        topics: in one round, at most.
        rounds: of topics, at most; 1 asks for no gaps.
        steps: how often a worker is asked on one topic, at most.
        language: of the report.
        offline: use no model, whatever the environment names.
        prompts: your own instead of those that ship: `plan`, `step`, `gaps`, `report`.
        name: shown in traces: `research[Prices]`.
        options: `limits`, `completion` (of the first round), `checkpointer`, `store`.

    Raises:
        UsageError: a number below 1, or something that is no tool.
        PromptError: a prompt with other variables.
    """
    if offline and model is not None:
        raise UsageError("offline=True uses no model; leave out model=, or offline=")
    for what, number in (("topics", topics), ("rounds", rounds), ("steps", steps)):
        at_least(number, what)
    texts, toolbox = load_prompts("research", prompts), Toolbox(tools)
    inquiry = Inquiry(texts, model, toolbox, most=topics, rounds=rounds, offline=offline, language=language)
    flow = Flow(
        name=name,
        takes=["question", "files"],
        plan=inquiry.plan,
        draft=inquiry.draft,
        plans=[inquiry.planner, inquiry.finder],
        workers=Workers({RESEARCH: Researcher(inquiry.step, toolbox, steps), SEARCH_ONLY: inquiry.search}),
        further=inquiry.further,
        needs_model=inquiry.uses_model,
        close=inquiry.close,
        closes=[inquiry.writer],
        closes_with="write",
        gives=["research", "markdown"],
    )
    return flow_graph(
        flow, ResearchInput, ResearchOutput, takes=lambda title, text: {"question": text}, **options
    )
