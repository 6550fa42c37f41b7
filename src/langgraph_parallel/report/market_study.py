"""A market study as Markdown."""

from langgraph_parallel.records import Forecast, MarketStudy
from langgraph_parallel.report.markdown import escape, join_blocks, names_line, paragraphs
from langgraph_parallel.report.tables import as_markdown


def study_markdown(study: MarketStudy) -> str:
    """Render the report, the table of forecasts, and what is missing."""
    forecasts = (
        [
            "## Forecasts",
            f"Median of independent forecasts, {escape(study.unit)}.",
            as_markdown(forecast_rows(study)),
        ]
        if study.forecasts
        else []
    )
    return join_blocks(
        [
            f"# {escape(study.subject.strip().splitlines()[0])}",
            *paragraphs(study.text),
            *forecasts,
            names_line("Missing", study.missing),
            names_line("Written, but not referred to", study.uncited),
        ]
    )


def forecast_rows(study: MarketStudy) -> list[dict[str, str | None]]:
    """Return one table row for each forecast."""
    return [
        {
            "region": forecast.region,
            "median": None if forecast.value is None else f"{forecast.value:g}",
            "interval": _show_interval(forecast),
            "forecasts": f"{len(forecast.forecasts)} of {forecast.asked}",
            "dissent": ", ".join(f"{name} {forecast.forecasts[name]:g}" for name in forecast.dissent),
            "note": forecast.note,
        }
        for forecast in study.forecasts
    ]


def _show_interval(forecast: Forecast) -> str:
    interval = forecast.interval
    return f"{interval.low:g} to {interval.high:g} ({interval.level:.0%})" if interval else ""
