"""Rates of caches and batches, of the table and of the user."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_parallel import Limits
from langgraph_parallel.records import Usage
from langgraph_parallel.records.call import Lane
from langgraph_parallel.runtime.prices import Priced
from langgraph_parallel.runtime.tariff import BATCH_SHARE, NONE, find_tariff
from tests.support.costs import usages

WHEN = datetime(2026, 11, 20, 9, tzinfo=UTC)
MILLION = 1_000_000


def listed() -> Iterator[tuple[Provider, ModelInfo]]:
    """Yield all models of the price table that their id finds."""
    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models:
            if provider.find_model(model.id) is model:
                yield provider, model


def usd(provider: str, model: str, usage: Usage, lane: Lane = "live") -> float:
    """Return a cost by the table, at a moment that is always the same."""
    tariff = find_tariff(provider, model, NONE, lane, None, int(WHEN.timestamp() // 60))
    assert tariff is not None
    rates = tariff.at(usage.input_tokens)
    return float(rates.usd(usage) + rates.request)


@pytest.mark.parametrize("tokens", [1, 200_000, 200_001])
def test_costs_of_every_model_are_those_of_genai_prices(tokens: int) -> None:
    """With tokens of every kind, to the last digit, on both sides of a tier."""
    checked = 0
    for provider, model in listed():
        read, written = tokens // 2, tokens // 3
        usage = Usage(
            input_tokens=tokens,
            output_tokens=77,
            cache_read_tokens=read,
            cache_write_tokens=written,
            cache_hour_tokens=written // 2,
        )
        theirs = genai_prices.Usage(
            input_tokens=tokens,
            output_tokens=77,
            cache_read_tokens=read,
            cache_write_tokens=written,
            cache_write_1h_tokens=written // 2,
        )
        expected = model.calc_price(theirs, provider, genai_request_timestamp=WHEN).total_price
        assert usd(provider.id, model.id, usage) == float(expected), (provider.id, model.id)
        checked += 1
    assert checked > 1000


def test_a_model_without_a_rate_of_a_cache_is_priced_as_if_it_had_none() -> None:
    """Neither an error nor zero: cached tokens are tokens."""
    without = [
        (provider, model)
        for provider, model in listed()
        if isinstance(model.prices, ModelPrice)
        and isinstance(model.prices.input_mtok, Decimal)
        and model.prices.input_mtok
        and model.prices.cache_read_mtok is None
    ]
    assert len(without) > 100
    for provider, model in without[:200]:
        plain = usd(provider.id, model.id, Usage(input_tokens=2000))
        assert plain > 0
        cached = Usage(input_tokens=2000, cache_read_tokens=1500)
        assert usd(provider.id, model.id, cached) == plain


def test_a_batch_costs_what_the_table_says_else_half() -> None:
    """Some models have prices of batches of their own; where the table has none, a share is assumed."""
    usage = Usage(input_tokens=10_000, output_tokens=300, cache_read_tokens=4_000)
    theirs = genai_prices.Usage(input_tokens=10_000, output_tokens=300, cache_read_tokens=4_000)
    kinds = {True: 0, False: 0}
    for provider, model in listed():
        told = any(variant.when == {"processing": "batch"} for variant in model.price_variants or ())
        kinds[told] += 1
        if told:
            context = {"processing": "batch"}
            expected = model.calc_price(
                theirs, provider, genai_request_timestamp=WHEN, price_context=context
            ).total_price
            assert usd(provider.id, model.id, usage, "batch") == float(expected)
        else:
            half = float(BATCH_SHARE) * usd(provider.id, model.id, usage)
            assert usd(provider.id, model.id, usage, "batch") == pytest.approx(half)
    assert all(kinds.values())
    assert Priced("openai", "gpt-5-mini").usd(usage, "batch") == pytest.approx(
        (6000 * 0.25 + 4000 * 0.025 + 300 * 2) / 2 / 1e6
    )


def test_a_tier_of_service_has_its_price() -> None:
    """Where the model asks for one, and the table has it."""
    usage = Usage(input_tokens=MILLION, cache_read_tokens=MILLION // 2, output_tokens=1000)

    def usd_of(tier: str | None) -> float:
        model = ChatOpenAI(model="gpt-5-mini", service_tier=tier, api_key=SecretStr("k"))
        price = Priced.of(model).usd(usage)
        assert price is not None
        return price

    assert usd_of("flex") == pytest.approx(usd_of(None) / 2)
    assert usd_of("priority") == pytest.approx(usd_of(None) * 1.8)
    assert usd_of("default") == usd_of("auto") == usd_of("unheard-of") == usd_of(None)
    limits = Limits(price_input=1, price_output=2)
    assert Priced("openai", "gpt-5-mini", tier="flex").at(limits).usd(usage) == pytest.approx(1.002)


def test_prices_of_the_user_win_over_the_table() -> None:
    """A gateway or a contract may have others than the list."""
    listed_price = Priced("openai", "gpt-5-mini")
    usage = Usage(input_tokens=MILLION, output_tokens=MILLION, cache_read_tokens=400_000)
    both = listed_price.at(Limits(price_input=1, price_output=5))
    assert both.usd(usage) == 1 + 5  # cached tokens as the others, where their price is not set
    reading = listed_price.at(Limits(price_input=1, price_output=5, price_cache_read=0.5))
    assert reading.usd(usage) == pytest.approx(0.6 + 0.2 + 5)
    assert reading.usd(usage, "batch") == pytest.approx((0.6 + 0.2 + 5) / 2)
    only_output = listed_price.at(Limits(price_output=5))
    assert only_output.usd(usage) == pytest.approx(0.6 * 0.25 + 0.4 * 0.025 + 5)
    only_reading = listed_price.at(Limits(price_cache_read=0.1))
    assert only_reading.usd(usage) == pytest.approx(0.6 * 0.25 + 0.4 * 0.1 + 2)
    assert listed_price.at(Limits(price_input=0, price_output=0)).usd(usage) == 0


def test_prices_of_the_user_hold_for_models_that_no_table_has() -> None:
    """With both prices it is known; with one of them it is not, and never zero."""
    unheard = Priced("openai", "unheard-of")
    written = Usage(input_tokens=MILLION, cache_write_tokens=MILLION)
    limits = Limits(price_input=2, price_output=8, price_cache_write=2.5)
    assert unheard.at(limits).usd(written) == 2.5
    assert unheard.at(limits).usd(written, "batch") == 1.25
    assert unheard.at(Limits(price_input=2, price_output=8)).usd(written) == 2
    assert unheard.at(Limits(price_input=2)).usd(written) is None
    assert unheard.at(Limits(price_cache_read=2)).usd(written) is None
    assert not unheard.at(Limits(price_output=2)).known


def test_a_price_of_zero_for_a_model_that_is_not_free_is_remarked() -> None:
    """Limits of a graph hold for all of its models: prices of a local one may make another's look free."""
    free, address = Limits(price_input=0, price_output=0), "https://api.openai.com/v1/"
    (remark,) = Priced("openai", "gpt-5-mini").at(free).remarks(address)
    assert remark.startswith("its price is set to 0, and listed as $0.25 in and $2 out for a million tokens;")
    assert Priced("openai", "gpt-5-mini").at(free).remarks("http://127.0.0.1:1/v1/") == []
    assert Priced("openai", "unheard-of").at(free).remarks(address) == []
    assert Priced("openai", "gpt-5-mini").at(Limits(price_input=1)).remarks(address) == []
    assert Priced("openai", "gpt-5-mini").remarks(address) == []


def test_a_decimal_price_is_meant_as_it_is_written() -> None:
    """No sum of binary fractions is a tenth of a cent off after many calls."""
    priced = Priced("openai", "unheard-of").at(Limits(price_input=0.1, price_output=0.2))
    assert priced.usd(Usage(input_tokens=3 * MILLION)) == 0.3


models = st.sampled_from(
    [
        Priced("anthropic", "claude-haiku-4-5"),
        Priced("anthropic", "claude-sonnet-4-5"),
        Priced("openai", "gpt-5-mini"),
        Priced("google", "gemini-2.5-flash"),
        Priced("openai", "unheard-of").at(Limits(price_input=1, price_output=2, price_cache_write=1.25)),
    ]
)


@settings(max_examples=100, deadline=None)
@given(models, usages(hours=False), st.sampled_from(["live", "batch"]))
def test_no_call_costs_more_than_was_reserved_for_its_tokens(
    priced: Priced, usage: Usage, lane: Lane
) -> None:
    """Whatever a cache does with the prompt: a budget reserves the dearer of reading it and writing it."""
    most = priced.most_usd(usage.input_tokens, usage.output_tokens, lane)
    cost = priced.usd(usage, lane)
    assert most is not None
    assert cost is not None
    assert cost <= most + 1e-12
