"""A market study, and its forecasts."""

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.verdict import Interval


class Forecast(Record):
    """What several forecasters expect of one region."""

    region: str
    value: float | None = None
    """The median; None where nobody gave a number."""
    interval: Interval | None = None
    """Where the median lies; None of fewer than six forecasts."""
    forecasts: dict[str, float] = {}
    """By forecaster."""
    dissent: list[str] = []
    """Forecasters whose number is far from the others' (`outliers`)."""
    asked: int = 0
    note: str = ""
    """Why there is no value."""


class MarketStudy(Record):
    """A report with a table of forecasts."""

    subject: str
    text: str
    forecasts: list[Forecast]
    unit: str
    missing: list[str]
    """Sections without a result."""
    unreferenced: list[str] = []
    """Sections whose result no sentence of the text refers to."""
