"""Market study: sections and numeric votes at once; a report, and a table of forecasts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NotRequired

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict, Unpack

from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs.flow import Options, flow_graph
from langgraph_parallel.graphs.voting import create_voting
from langgraph_parallel.nodes.catalogue.market_study import FORECAST, SECTION, Study
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.arguments import check_named
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers, as_worker
from langgraph_parallel.prompts import Prompt, load_prompts
from langgraph_parallel.records import MarketStudy
from langgraph_parallel.reducers.votes.rules import Rule
from langgraph_parallel.runtime.models import ModelLike

SECTIONS = {
    "Competitors": "who sells what to whom, at what price, and where each is strong or weak",
    "Customers": "who buys, why, what they pay, and what keeps others from buying",
    "Regions": "how the market differs from place to place: size, rules, habits, channels",
}
"""What a study covers, where nobody says."""


class MarketStudyInput(TypedDict):
    """What to study."""

    subject: Annotated[
        str, Field(title="Subject", description="The market.", examples=["Cargo bicycles for families"])
    ]
    regions: NotRequired[
        Annotated[
            list[str],
            Field(
                title="Regions", description="A forecast is made for each.", examples=[["Norway", "Spain"]]
            ),
        ]
    ]
    material: NotRequired[
        Annotated[dict[str, str], Field(title="Material", description="Text by name, which all get.")]
    ]


class MarketStudyOutput(TypedDict):
    """The study."""

    study: Annotated[MarketStudy, Field(title="Study", description="The report, and the forecasts.")]
    markdown: Annotated[str, Field(title="Markdown", description="The study, to be read.")]


def create_market_study(
    *,
    model: ModelLike | None = None,
    sections: Mapping[str, str] | None = None,
    worker: WorkerLike | None = None,
    quantity: str = "the yearly growth of the market",
    horizon: str = "over the next three years",
    unit: str = "percent a year",
    forecasters: int | Mapping[str, WorkerLike] | None = None,
    models: Sequence[ModelLike] = (),
    temperatures: Sequence[float] = (),
    views: Sequence[str | Path | Prompt] = (),
    rule: str | Rule = "median",
    prompts: Mapping[str, str | Path | Prompt] | None = None,
    name: str = "market_study",
    **options: Unpack[Options],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that writes the sections of a market study and makes its forecasts, all at once.

    Input: `subject`, `regions` (a forecast for each), `material` (text by name). Output: `study`
    (`MarketStudy`: a report, and for each region the median of independent forecasts with its interval, and
    who sees it otherwise), `markdown`, `sections`, `branches`, `report`. A forecast that fails is no number,
    and is counted. Where the report cannot be written, the sections stand in its place. Without a model
    there is nothing that could do this work honestly.

    Args:
        model: by default, what the environment names.
        sections: what each covers, by title; by default competitors, customers and regions.
        worker: writes a section instead: a graph of `create_research`, say, which gets its text.
        quantity: what is forecast; an empty text for no forecasts.
        horizon: for when.
        unit: of the numbers.
        forecasters: how many (by default 7, or one for each of `models`; an interval takes six), or workers
            of your own, by name.
        models: of the forecasters, dealt out.
        temperatures: dealt out likewise.
        views: prompts of the forecasters instead of one for all, with `{question}`, dealt out likewise.
        rule: what makes one number of several: `median`, `trimmed_mean(0.2)`, `mode`.
        prompts: your own instead of those that ship: `section`, `forecast`, `report`.
        name: shown in traces: `market_study[Customers]`.
        options: `limits`, `completion`, `checkpointer`, `store`.

    Raises:
        UsageError: arguments that contradict each other.
        PromptError: a prompt with other variables.
    """
    check_named(SECTIONS if sections is None else sections, "sections")
    covers = SECTIONS if sections is None else dict(sections)
    if not covers and not quantity:
        raise UsageError("there are no sections and no forecasts; pass at least one of them")
    texts = load_prompts("market_study", prompts)
    writer = Ask(texts["report"], model=model)
    study = Study(covers, writer, quantity=quantity, horizon=horizon, unit=unit)
    writes = (
        as_worker(worker, "sectioning/section") if worker is not None else Ask(texts["section"], model=model)
    )
    flow = Flow(
        name=name,
        takes=["subject", "regions", "material"],
        plan=study.plan,
        workers=Workers(
            {
                SECTION: writes,
                FORECAST: _forecast(
                    model, models, temperatures, forecasters, rule, list(views) or [texts["forecast"]]
                ),
            },
            inputs={SECTION: study.section_input} if worker is None else None,
        ),
        close=study.close,
        closes=[writer],
        closes_with="write",
        gives=["study", "markdown"],
    )
    return flow_graph(
        flow, MarketStudyInput, MarketStudyOutput, takes=lambda title, text: {"subject": text}, **options
    )


def _forecast(
    model: ModelLike | None,
    models: Sequence[ModelLike],
    temperatures: Sequence[float],
    forecasters: int | Mapping[str, WorkerLike] | None,
    rule: str | Rule,
    views: Sequence[str | Path | Prompt],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """A numeric vote in which everybody is heard: an interval needs them all."""
    common: Any = {"rule": rule, "stop": "all_votes", "name": FORECAST}
    if isinstance(forecasters, Mapping):
        return create_voting(voters=forecasters, **common)
    return create_voting(
        model=None if models else model,
        models=models,
        temperatures=temperatures,
        prompts=views,
        voters=forecasters if forecasters is not None or models else 7,
        **common,
    )
