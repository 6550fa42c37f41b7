"""A market study, with its forecasts."""

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.verdict import Interval


class Forecast(Record):
    """The forecast for one region, from several forecasters."""

    region: str
    """Name of the region."""
    value: float | None = None
    """The median, in the unit of the study; None for too few forecasts."""
    interval: Interval | None = None
    """Confidence interval of the median; None for fewer than six forecasts."""
    forecasts: dict[str, float] = {}
    """The number of each forecaster that gave one."""
    dissent: list[str] = []
    """Forecasters whose number is an outlier (`outliers`)."""
    asked: int = 0
    """Number of forecasters, including those that gave no number."""
    note: str = ""
    """Why there is no value; empty if there is one."""


class MarketStudy(Record):
    """A report with a table of forecasts."""

    subject: str
    """The market, as given in the input."""
    text: str
    """The report; the plain sections if writing it failed."""
    forecasts: list[Forecast]
    """One for each region; empty if nothing is forecast."""
    unit: str
    """Unit of all forecasts."""
    missing: list[str]
    """Titles of the sections and forecasts without a result."""
    uncited: list[str] = []
    """Titles of the sections that no sentence of the report refers to."""
