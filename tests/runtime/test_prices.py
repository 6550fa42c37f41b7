"""Prices, and what is kept of the price table."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

from langgraph_parallel import Limits
from langgraph_parallel.records import Usage
from langgraph_parallel.records.call import Lane
from langgraph_parallel.runtime import price_table, prices
from langgraph_parallel.runtime.prices import Priced
from langgraph_parallel.runtime.tariff import NONE, find_tariff

KEPT = """
import gc, sys
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.prices import Priced
assert "genai_prices" not in sys.modules
for model in ("gpt-5-mini", "gpt-5", "unheard-of"):
    Priced("openai", model).usd(Usage(input_tokens=1))
from genai_prices.types import ModelInfo
gc.collect()
print("genai_prices.data" in sys.modules, sum(isinstance(thing, ModelInfo) for thing in gc.get_objects()))
"""


@pytest.fixture(autouse=True)
def forget_prices() -> Iterator[None]:
    """Look prices up again in each test, and restore the table that ships with genai-prices."""
    prices._tariff.cache_clear()
    yield
    data_snapshot.set_custom_snapshot(None)
    prices._tariff.cache_clear()


def listed_models() -> Iterator[tuple[Provider, ModelInfo]]:
    """Yield all models of the price table that their id finds."""
    snapshot = data_snapshot.get_snapshot()
    for provider in snapshot.providers:
        for model in provider.models:
            if provider.find_model(model.id) is model:
                yield provider, model


def is_tiered(model: ModelInfo) -> bool:
    """Return whether the price depends on the number of tokens."""
    price = model.prices
    return isinstance(price, ModelPrice) and isinstance(price.input_mtok, TieredPrices)


def depends_on_time(model: ModelInfo) -> bool:
    """Return whether the price depends on the date or on the time of the day."""
    return isinstance(model.prices, list)


def by_genai_prices(provider: Provider, model: ModelInfo, tokens: int, when: datetime) -> float:
    """Return a cost as genai-prices computes it with the whole table."""
    usage = genai_prices.Usage(input_tokens=tokens, output_tokens=tokens)
    calculated = genai_prices.calc_price(
        usage, model.id, provider_id=provider.id, genai_request_timestamp=when
    )
    return float(calculated.total_price)


def priced_at(
    provider: Provider, model: ModelInfo, usage: Usage, when: datetime, lane: Lane = "live"
) -> float:
    """Return a cost as this package computes it."""
    tariff = find_tariff(provider.id, model.id, NONE, lane, None, int(when.timestamp() // 60))
    assert tariff is not None
    rates = tariff.at(usage.input_tokens)
    return float(rates.usd(usage) + rates.request)


def test_only_the_models_that_are_asked_for_are_kept() -> None:
    """The table is read with the first price, and dropped."""
    command = [sys.executable, "-c", KEPT]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == [
        "False",
        "2",
    ]


def test_look_ups_at_the_same_time_read_the_table_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading it takes longer than a look-up."""
    reads: list[data_snapshot.DataSnapshot] = []
    read = price_table._Table._read

    def count() -> data_snapshot.DataSnapshot:
        reads.append(read())
        return reads[-1]

    monkeypatch.setattr(price_table._Table, "_read", staticmethod(count))
    price_table._bundled_entry.cache_clear()
    prices.check_prices(Limits(budget_usd=1), ["openai:gpt-5-mini", "openai:gpt-5", "openai:gpt-4o"])
    assert len(reads) == 1
    assert price_table.table._snapshot is None


@pytest.mark.parametrize("kind", [is_tiered, depends_on_time])
def test_costs_are_those_of_genai_prices(kind: Callable[[ModelInfo], bool]) -> None:
    """Tiers, dates and times of the day apply to the entry that is kept."""
    chosen = [(provider, model) for provider, model in listed_models() if kind(model)][:8]
    assert chosen
    for provider, model in chosen:
        for tokens in (1, 150_000, 250_000, 2_000_000):
            for hour in (1, 9, 17):
                when = datetime(2026, 11, 20, hour, tzinfo=UTC)
                cost = priced_at(provider, model, Usage(input_tokens=tokens, output_tokens=tokens), when)
                assert cost == by_genai_prices(provider, model, tokens, when)


def test_a_table_that_the_application_keeps_up_to_date_takes_precedence() -> None:
    """genai-prices can update its prices from the network."""
    provider, model = data_snapshot.get_snapshot().find_provider_model("gpt-5-mini", None, "openai", None)
    newer = replace(model, prices=ModelPrice(input_mtok=Decimal(7), output_mtok=Decimal(0)))
    table = data_snapshot.DataSnapshot([replace(provider, models=[newer])], from_auto_update=True)
    data_snapshot.set_custom_snapshot(table)
    assert Priced("openai", "gpt-5-mini").usd(Usage(input_tokens=1_000_000)) == 7


def test_a_model_that_is_not_in_the_table_has_no_price() -> None:
    """None, and not zero."""
    assert Priced("openai", "unheard-of").usd(Usage(input_tokens=1)) is None
    assert Priced("unheard-of", "gpt-5-mini").usd(Usage(input_tokens=1)) is None
    assert Priced(None, "gpt-5-mini").usd(Usage(input_tokens=1)) is not None
