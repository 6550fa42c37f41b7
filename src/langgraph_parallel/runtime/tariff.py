"""What the tokens of a model cost: its prices, by the price table or by the user, alone or in a batch.

genai-prices takes sixty times as long for a price. What it computes is a sum of prices, which depend on the
number of tokens of the prompt at most. So these are read once.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from langgraph_parallel.records import Usage
from langgraph_parallel.records.call import Lane
from langgraph_parallel.runtime.price_table import find_entry

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

BATCH_SHARE = Decimal("0.5")
"""What a batch costs where the table does not say it, as a share of the price."""
_THOUSAND, _MILLION = 1000, 1_000_000
_IN_BATCH = {"processing": "batch"}


class Own(NamedTuple):
    """Prices that the user has set, in US dollars per million tokens; None for those that are not set."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None


NONE = Own()


class TokenPrices(NamedTuple):
    """US dollars per million tokens of each kind."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    cache_hour: Decimal
    request: Decimal = Decimal(0)
    """US dollars for the request itself."""

    def usd(self, usage: Usage) -> Decimal:
        """Return what tokens cost, without what the request itself does."""
        read, written, hour = usage.cache_read_tokens, usage.cache_write_tokens, usage.cache_hour_tokens
        plain = usage.input_tokens - read - written
        total = self.input * plain + self.output * usage.output_tokens
        if read or written:
            total += self.cache_read * read + self.cache_write * (written - hour) + self.cache_hour * hour
        return total / _MILLION

    def most_usd(self, prompt_tokens: int, answer_tokens: int) -> float:
        """Return the most that a call may cost: its prompt may be written to a cache, at a higher price."""
        dearest = max(self.input, self.cache_write)
        return float((dearest * prompt_tokens + self.output * answer_tokens) / _MILLION + self.request)


class Tariff(NamedTuple):
    """The prices of a model, by the number of tokens of a prompt."""

    base: TokenPrices
    tiers: tuple[tuple[int, TokenPrices], ...] = ()
    """From how many tokens on, exclusively, others hold for all tokens; from the largest number down."""

    def at(self, prompt_tokens: int) -> TokenPrices:
        """Return the prices of a call with a prompt of that many tokens."""
        for start, prices in self.tiers:
            if prompt_tokens > start:
                return prices
        return self.base


def find_tariff(
    provider: str | None, model: str, own: Own, lane: Lane, tier: str | None, minute: int
) -> Tariff | None:
    """Return the tariff of a model at a minute since the epoch; None if its price is not known.

    Args:
        provider: as the price table names it; None to find it by the model's name.
        model: its name.
        own: prices that take precedence over the table's.
        lane: how the call is sent.
        tier: of service, as the provider names it; None for its default.
        minute: since the epoch, since some prices depend on the date or on the time of the day.
    """
    entry = find_entry(provider, model)
    if entry is None:
        if own.input is None or own.output is None:
            return None
        zero = Decimal(0)
        return Tariff(_with_own(TokenPrices(zero, zero, zero, zero, zero), own, lane))
    listed = _listed(entry[0], datetime.fromtimestamp(minute * 60, UTC), lane, tier)
    if own == NONE:
        return listed
    tiers = tuple((start, _with_own(prices, own, lane)) for start, prices in listed.tiers)
    return Tariff(_with_own(listed.base, own, lane), tiers)


def _listed(info: "ModelInfo", when: datetime, lane: Lane, tier: str | None) -> Tariff:
    """Return the tariff by the table's entry of a model."""
    in_batch = lane == "batch"
    has_variant = in_batch and _has_batch_prices(info, when)
    context = (_IN_BATCH if has_variant else {}) | ({"service_tier": tier} if tier else {})
    prices = info.get_prices(when, context)
    share = BATCH_SHARE if in_batch and not has_variant else Decimal(1)
    starts = sorted(_starts(vars(prices).values()), reverse=True)
    tiers = tuple((start, _prices_above(prices, start, share)) for start in starts)
    return Tariff(_prices_above(prices, 0, share), tiers)


def _has_batch_prices(info: "ModelInfo", when: datetime) -> bool:
    return any(
        variant.when == _IN_BATCH and (variant.constraint is None or variant.constraint.active(when))
        for variant in info.price_variants or ()
    )


def _starts(prices: Iterable[Any]) -> set[int]:
    return {tier.start for price in prices for tier in getattr(price, "tiers", ())}


def _prices_above(prices: "ModelPrice", start: int, share: Decimal) -> TokenPrices:
    """Return the prices of prompts of more tokens than the start of a tier; without a cache's, the usual."""

    def rate(name: str, otherwise: Decimal) -> Decimal:
        price: Decimal | TieredPrices | None = getattr(prices, name, None)
        if price is None:
            return otherwise
        if isinstance(price, Decimal):
            return share * price
        begun: list[Decimal] = [tier.price for tier in price.tiers if tier.start <= start and start]
        return share * (begun[-1] if begun else price.base)

    usual = rate("input_mtok", Decimal(0))
    write = rate("cache_write_mtok", usual)
    return TokenPrices(
        input=usual,
        output=rate("output_mtok", Decimal(0)),
        cache_read=rate("cache_read_mtok", usual),
        cache_write=write,
        cache_hour=rate("cache_write_1h_mtok", write),
        request=rate("requests_kcount", Decimal(0)) / _THOUSAND,
    )


def _with_own(prices: TokenPrices, own: Own, lane: Lane) -> TokenPrices:
    """Return prices with the user's instead, where there are any: without a cache's, as the user's input."""
    share = BATCH_SHARE if lane == "batch" else Decimal(1)
    usual, output = _priced(own.input, share), _priced(own.output, share)
    read, write = _priced(own.cache_read, share), _priced(own.cache_write, share)
    read, write = usual if read is None else read, usual if write is None else write
    return TokenPrices(
        input=prices.input if usual is None else usual,
        output=prices.output if output is None else output,
        cache_read=prices.cache_read if read is None else read,
        cache_write=prices.cache_write if write is None else write,
        cache_hour=prices.cache_hour if write is None else write,
        request=prices.request if usual is None else Decimal(0),
    )


def _priced(own: float | None, share: Decimal) -> Decimal | None:
    return None if own is None else Decimal(repr(float(own))) * share
