"""A market study as Markdown. What it quotes is shown as it is."""

import re

from langgraph_parallel.records import Forecast, MarketStudy
from langgraph_parallel.report.tables import as_markdown, escaped


def study_markdown(study: MarketStudy) -> str:
    """The report, the table of forecasts, and what is missing."""
    lines = [f"# {escaped(study.subject.strip().splitlines()[0])}", ""]
    for part in re.split(r"\n\s*\n", study.text):
        lines += [escaped(part), ""]
    if study.forecasts:
        table = as_markdown(forecast_rows(study))
        lines += ["## Forecasts", "", f"Median of independent forecasts, {escaped(study.unit)}.", "", table]
    for title, names in (("Missing", study.missing), ("Written, and not referred to", study.unreferenced)):
        lines += [f"{title}: {', '.join(map(escaped, names))}.", ""] if names else []
    return "\n".join(lines)


def forecast_rows(study: MarketStudy) -> list[dict[str, str | None]]:
    """The forecasts as rows of a table."""
    return [
        {
            "region": one.region,
            "median": None if one.value is None else f"{one.value:g}",
            "interval": _interval(one),
            "forecasts": f"{len(one.forecasts)} of {one.asked}",
            "dissent": ", ".join(f"{name} {one.forecasts[name]:g}" for name in one.dissent),
            "note": one.note,
        }
        for one in study.forecasts
    ]


def _interval(one: Forecast) -> str:
    held = one.interval
    return f"{held.low:g} to {held.high:g} ({held.level:.0%})" if held else ""
