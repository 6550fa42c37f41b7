"""Market study: sections and numeric votes at once; a report, and a table of forecasts."""

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.graphs.voting import create_voting
from langgraph_parallel.nodes.catalogue.market_study import (
    FORECAST,
    FORECASTERS,
    MarketStudySteps,
    check_forecast_rule,
)
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.roster import RosterLike, as_roster
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers
from langgraph_parallel.prompts import PromptLike, load_prompts
from langgraph_parallel.records import MarketStudy
from langgraph_parallel.reducers.votes.rules import Rule
from langgraph_parallel.runtime.models import ModelLike


class MarketStudyInput(TypedDict):
    """The market."""

    subject: Annotated[
        str, Field(title="Subject", description="The market.", examples=["Cargo bicycles for families"])
    ]
    regions: NotRequired[
        Annotated[
            list[str],
            Field(
                title="Regions", description="One forecast is made for each.", examples=[["Norway", "Spain"]]
            ),
        ]
    ]
    material: NotRequired[
        Annotated[
            list[str] | dict[str, str],
            Field(
                title="Material",
                description="Texts, or text by name, for all sections.",
                examples=[{"sales.md": "Norway bought 4,100 cargo bicycles last year, Spain 2,900."}],
            ),
        ]
    ]


class MarketStudyOutput(TypedDict):
    """The study."""

    market_study: Annotated[MarketStudy, Field(title="Study", description="The report, and the forecasts.")]
    markdown: Annotated[str, Field(title="Markdown", description="The study as Markdown.")]


@checked
def create_market_study(
    *,
    model: ModelLike | None = None,
    sections: Mapping[str, str] | None = None,
    worker: WorkerLike | None = None,
    quantity: str = "the yearly growth of the market",
    horizon: str = "over the next three years",
    unit: str = "percent a year",
    forecasters: RosterLike | None = None,
    rule: str | Rule = "median",
    prompts: Mapping[str, PromptLike] | None = None,
    name: str = "market_study",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph that writes the sections of a market study and makes its forecasts, all at once.

    Input: `subject`, `regions` (a forecast for each), `material` (texts, or text by name). Output:
    `market_study` (`MarketStudy`: a report, and for each region the median of independent forecasts with its
    interval and the dissenting forecasters), `markdown`, `missing`, `sections`, `branches`, `run_report`. A
    failed forecast is not a number, and is counted. If the report cannot be written, the sections stand in
    its place. There is no offline mode.

    Args:
        model: by default the one that the environment names.
        sections: what each section covers, by title; by default competitors, customers and regions.
        worker: writes the sections instead, for example a graph of `create_research`, which gets the text.
        quantity: what is forecast; an empty text for no forecasts.
        horizon: of the forecast.
        unit: of the numbers.
        forecasters: their number (default 7; an interval needs six), workers, or a `Roster` of models,
            wordings (prompts with `{question}`) and temperatures.
        rule: makes one number of the forecasts: `median`, `trimmed_mean(0.2)`, `mode`.
        prompts: replacements of shipped prompts: `section`, `forecast`, `report`.
        name: shown in traces: `market_study[Customers]`.
        options: `limits`, `completion`, `checkpointer`, `store`; see `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        UnknownRule: a name is not a rule.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than the one that it replaces.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    texts = load_prompts("market_study", prompts)
    study = MarketStudySteps(sections, texts, model, worker, quantity=quantity, horizon=horizon, unit=unit)
    roster = as_roster(forecasters, "forecasters").or_size(FORECASTERS)
    check_forecast_rule(rule)
    forecast = create_voting(
        model=None if roster.is_workers or roster.models else model,
        prompt=None if roster.is_workers or roster.wordings else texts["forecast"],
        voters=roster,
        rule=rule,
        stop="all_votes",  # an interval needs every forecast
        name=FORECAST,
    )
    flow = Flow(
        name=name,
        kind="market_study",
        input=MarketStudyInput,
        output=MarketStudyOutput,
        plan=study.plan,
        workers=Workers({**study.workers, FORECAST: forecast}, inputs=study.inputs),
        close=study.close,
        close_asks=[study.writer],
        work_name="study",
        close_name="write",
        from_text=lambda title, text: {"subject": text},
    )
    return flow_graph(flow, **options)
