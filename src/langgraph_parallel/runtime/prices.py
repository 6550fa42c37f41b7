"""Prices of calls, by the table of genai-prices, or by the user.

An unknown price is None, never zero: a report then says that it does not know, and a budget in dollars is
refused.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel

from langgraph_parallel.errors import UnknownPrice
from langgraph_parallel.records import Usage
from langgraph_parallel.records.call import Lane
from langgraph_parallel.runtime.chained import first_of
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike, default_model, model_name, nameable_model
from langgraph_parallel.runtime.price_table import find_entry, table
from langgraph_parallel.runtime.tariff import NONE, Own, TokenPrices, find_tariff

_OPENAI = "api.openai.com"
_tariff = lru_cache(maxsize=1024)(find_tariff)
"""The tariffs of this minute."""


@dataclass(frozen=True)
class Priced:
    """A model, as the price table names it."""

    provider: str | None
    """None: the table finds the provider by the model's name."""
    model: str
    own: Own = NONE
    """Prices that the user has set, which take precedence."""
    tier: str | None = None
    """The provider's tier of service that the model asks for: `flex`, `priority`."""

    @classmethod
    def of(cls, model: ModelLike) -> "Priced":
        """Name a model as the price table does."""
        tier = getattr(model, "service_tier", None)
        return cls(get_provider(model), model_name(model), tier=tier if isinstance(tier, str) else None)

    def at(self, limits: Limits) -> "Priced":
        """Return the model with the prices that the limits set."""
        own = Own(limits.price_input, limits.price_output, limits.price_cache_read, limits.price_cache_write)
        return self if own == NONE else Priced(self.provider, self.model, own, self.tier)

    def usd(self, usage: Usage, lane: Lane = "live", unbilled: int = 0) -> float | None:
        """Return the cost of a number of tokens now; None if the price is unknown.

        Args:
            usage: the tokens, with those that a cache had.
            lane: how the request is sent.
            unbilled: tokens of the prompt that are not in the usage, since another answer is billed for them.
        """
        prices = self.prices(usage.input_tokens + unbilled, lane)
        if prices is None:
            return None
        usd = prices.usd(usage)
        if prices.request and not unbilled and (usage.input_tokens or usage.output_tokens):
            usd += prices.request
        return float(usd)

    def most_usd(self, prompt_tokens: int, answer_tokens: int, lane: Lane = "live") -> float | None:
        """Return the most that a call may cost: its prompt may be written to a cache, at a higher price."""
        prices = self.prices(prompt_tokens, lane)
        return None if prices is None else prices.most_usd(prompt_tokens, answer_tokens)

    def usd_of(self, input_tokens: int, output_tokens: int) -> float | None:
        """Return the cost of tokens that are in no record, and in no cache."""
        return self.usd(Usage(input_tokens=input_tokens, output_tokens=output_tokens))

    def prices(self, prompt_tokens: int, lane: Lane = "live") -> TokenPrices | None:
        """Return what each kind of token costs now; None if the price is unknown.

        Args:
            prompt_tokens: of the call; long prompts are dearer with some models.
            lane: how the request is sent.
        """
        tariff = _tariff(self.provider, self.model, self.own, lane, self.tier, int(time.time() // 60))
        return None if tariff is None else tariff.at(prompt_tokens)

    @property
    def context_window(self) -> int | None:
        """Most tokens of a prompt and its answer, by the table; None if it does not say."""
        entry = find_entry(self.provider, self.model)
        return None if entry is None else entry[0].context_window

    def remarks(self, endpoint: str) -> list[str]:
        """Return what to know of the prices that the user has set: they may be meant for another model.

        Args:
            endpoint: address that is asked; a server of one's own may well be free.
        """
        if self.own.input != 0 or self.own.output != 0:
            return []
        listed = Priced(self.provider, self.model, tier=self.tier).prices(1)
        host = urlsplit(endpoint).hostname or ""
        if listed is None or not listed.input or (self.provider == "openai" and host != _OPENAI):
            return []
        return [
            f"its price is set to 0, and listed as ${listed.input:f} in and ${listed.output:f} out for a "
            "million tokens; set price_input and price_output in the limits of those models that are free"
        ]

    @property
    def known(self) -> bool:
        """Whether the price is known."""
        return self.prices(1) is not None


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
    with table.in_use():
        for model in models:
            named = model if model is not None else default_model()
            if named is not None:
                check_budget(limits, Priced.of(named).at(limits))


def dearest(models: Iterable[ModelLike | None], limits: Limits, usage: Usage) -> float | None:
    """Return what tokens cost at most, whichever of some models takes them; None if a price is unknown."""
    priced = [Priced.of(nameable_model(model)).at(limits) for model in models]
    usd = [one.most_usd(usage.input_tokens, usage.output_tokens) for one in priced]
    known = [one for one in usd if one is not None]
    return max(known) if known and len(known) == len(usd) else None


def check_budget(limits: Limits, priced: Priced) -> None:
    """Check that a budget in dollars can be kept with one model.

    Raises:
        UnknownPrice: `budget_usd` is set, and the price is unknown.
    """
    if limits.budget_usd is not None and not priced.known:
        raise UnknownPrice(
            f"budget_usd cannot be kept: the price of {priced.model!r} is not known; set it in US dollars "
            'per million tokens, with limits={"price_input": ..., "price_output": ...} or in '
            "LANGGRAPH_PARALLEL_PRICE_INPUT and LANGGRAPH_PARALLEL_PRICE_OUTPUT, or use budget_tokens"
        )


def get_provider(model: ModelLike) -> str | None:
    """Return the provider as the price table names it; None to find it by the model's name."""
    model = first_of(model)
    if isinstance(model, BaseChatModel):
        named = model._get_ls_params().get("ls_provider")
        return {"amazon_bedrock": "aws", "google_genai": "google"}.get(named, named) if named else None
    provider = str(model).partition(":")[0]
    return {"google_genai": "google", "google_vertexai": "google", "bedrock": "aws"}.get(provider, provider)
