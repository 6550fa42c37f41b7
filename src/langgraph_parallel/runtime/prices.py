"""Prices of calls, by the table of genai-prices: it ships with the package, and nothing is fetched.

An unknown price is None, never zero: a report then says that it does not know, and a budget in dollars is
refused. The table describes some thousand models, of which a process calls a few. So it is read when a price
is asked for, only the entry of that model is kept, and the table is dropped again.
"""

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from langchain_core.language_models import BaseChatModel

from langgraph_parallel.errors import UnknownPrice
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike, default_model, model_name

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, Provider

    TableEntry = tuple[ModelInfo, Provider]

_MILLION = 1_000_000
_TABLE = "genai_prices.data"


@dataclass(frozen=True)
class Priced:
    """A model, as the price table names it."""

    provider: str | None
    """None: the table finds the provider by the model's name."""
    model: str
    input: float | None = None
    """US dollars per million tokens, set by the user for a model that is not in the table."""
    output: float | None = None

    @classmethod
    def of(cls, model: ModelLike) -> "Priced":
        """Name a model as the price table does."""
        return cls(get_provider(model), model_name(model))

    def at(self, limits: Limits) -> "Priced":
        """Return the model with the prices that the limits set."""
        if limits.price_input is None and limits.price_output is None:
            return self
        return Priced(self.provider, self.model, limits.price_input, limits.price_output)

    def usd(self, usage: Usage) -> float | None:
        """Return the cost of a number of tokens now; None if the price is unknown."""
        return self.usd_of(usage.input_tokens, usage.output_tokens)

    def usd_of(self, input_tokens: int, output_tokens: int) -> float | None:
        """Return the same, of tokens that are in no record."""
        minute = int(time.time() // 60)
        listed = _listed_usd(self.provider, self.model, input_tokens, output_tokens, minute)
        if listed is not None or self.input is None or self.output is None:
            return listed
        return (input_tokens * self.input + output_tokens * self.output) / _MILLION

    @property
    def context_window(self) -> int | None:
        """Most tokens of a prompt and its answer, by the table; None if it does not say."""
        entry = _find_entry(self.provider, self.model)
        return None if entry is None else entry[0].context_window

    @property
    def known(self) -> bool:
        """Whether the price is known."""
        return self.usd(Usage(input_tokens=1)) is not None


def check_prices(limits: Limits, models: Iterable[ModelLike | None]) -> None:
    """Check that a budget in dollars can be kept.

    Args:
        limits: the limits of the run.
        models: the models that it asks; None for the one that the environment names.

    Raises:
        UnknownPrice: `budget_usd` is set, and the price of a model is unknown.
    """
    if limits.budget_usd is None:
        return
    with _table.in_use():
        for model in models:
            named = model if model is not None else default_model()
            if named is not None:
                check_budget(limits, Priced.of(named).at(limits))


def check_budget(limits: Limits, priced: Priced) -> None:
    """Check that a budget in dollars can be kept with one model.

    Raises:
        UnknownPrice: `budget_usd` is set, and the price is unknown.
    """
    if limits.budget_usd is not None and not priced.known:
        raise UnknownPrice(
            f"budget_usd cannot be kept: the price of {priced.model} is not known; set price_input and "
            "price_output in Limits (US dollars per million tokens), or use budget_tokens"
        )


def get_provider(model: ModelLike) -> str | None:
    """Return the provider as the price table names it; None to find it by the model's name."""
    if isinstance(model, BaseChatModel):
        named = model._get_ls_params().get("ls_provider")
        return {"amazon_bedrock": "aws", "google_genai": "google"}.get(named, named) if named else None
    provider = model.partition(":")[0]
    return {"google_genai": "google", "google_vertexai": "google", "bedrock": "aws"}.get(provider, provider)


@lru_cache(maxsize=4096)
def _listed_usd(
    provider: str | None, model: str, input_tokens: int, output_tokens: int, minute: int
) -> float | None:
    """Return a cost by the table at a minute since the epoch; None for a model that is not in it.

    By the minute, because some prices depend on the date or on the time of the day.
    """
    from genai_prices import Usage as PricedUsage

    entry = _find_entry(provider, model)
    if entry is None:
        return None
    model_info, provider_info = entry
    tokens = PricedUsage(input_tokens=input_tokens, output_tokens=output_tokens)
    when = datetime.fromtimestamp(minute * 60, UTC)
    return float(model_info.calc_price(tokens, provider_info, genai_request_timestamp=when).total_price)


def _find_entry(provider: str | None, model: str) -> "TableEntry | None":
    from genai_prices import data_snapshot

    # An application may have genai-prices keep a table that is updated from the network: it takes precedence.
    updated_table = getattr(data_snapshot, "_custom_snapshot", None)
    if updated_table is not None:
        return _look_up(updated_table, provider, model)
    return _bundled_entry(provider, model)


@lru_cache(maxsize=256)
def _bundled_entry(provider: str | None, model: str) -> "TableEntry | None":
    """Return the entry of a model in the table that ships with genai-prices."""
    entry = _table.look_up(provider, model)
    if entry is None:
        return None
    model_info, provider_info = entry
    # The provider's other models are most of its size; prices are computed from the entry of the model alone.
    return model_info, replace(provider_info, models=[model_info], extractors=None)


class _Table:
    """The table that ships with genai-prices, in memory only while it is in use. Thread-safe."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._counting = threading.Lock()
        self._users = 0
        self._snapshot: DataSnapshot | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the table, once it is read, for several look-ups."""
        # Reading takes 0.02 s, and 0.2 s where Python caches no bytecode.
        with self._counting:
            self._users += 1
        try:
            yield
        finally:
            with self._counting:
                self._users -= 1
                if not self._users:
                    self._snapshot = None

    def look_up(self, provider: str | None, model: str) -> "TableEntry | None":
        """Return the entry of a model; None if the table has none."""
        # A thread that waits for another to read the table is a user already: both use the same one.
        with self.in_use(), self._reading:
            if self._snapshot is None:
                self._snapshot = self._read()
            return _look_up(self._snapshot, provider, model)

    @staticmethod
    def _read() -> "DataSnapshot":
        """Import the table without leaving it in `sys.modules`, unless other code has imported it."""
        import genai_prices
        from genai_prices.data_snapshot import DataSnapshot

        is_imported = _TABLE in sys.modules
        from genai_prices.data import providers

        if not is_imported:
            sys.modules.pop(_TABLE, None)
            vars(genai_prices).pop("data", None)
        return DataSnapshot(providers, from_auto_update=False)


_table = _Table()


def _look_up(table: "DataSnapshot", provider: str | None, model: str) -> "TableEntry | None":
    try:
        provider_info, model_info = table.find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return model_info, provider_info
