"""What calls cost, by genai-prices: its table ships with it, and nothing is fetched.

A price that is not known is None, never zero: a report then says that it does not know, and a budget in
dollars is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from langchain_core.language_models import BaseChatModel

from langgraph_parallel.errors import UnknownPrice
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike, default_model, model_name

_MILLION = 1_000_000


@dataclass(frozen=True)
class Priced:
    """A model as a price list knows it."""

    provider: str | None
    model: str
    input: float | None = None
    """US dollars for a million tokens, where the user says what the list does not know."""
    output: float | None = None

    @classmethod
    def of(cls, model: ModelLike) -> "Priced":
        """Name a model."""
        return cls(get_provider(model), model_name(model))

    def at(self, limits: Limits) -> "Priced":
        """The same, with the prices that the limits give."""
        if limits.price_input is None and limits.price_output is None:
            return self
        return Priced(self.provider, self.model, limits.price_input, limits.price_output)

    def usd(self, usage: Usage) -> float | None:
        """What so many tokens cost; None where nobody knows."""
        listed = _listed(self.provider, self.model, usage.input_tokens, usage.output_tokens)
        if listed is not None or self.input is None or self.output is None:
            return listed
        return (usage.input_tokens * self.input + usage.output_tokens * self.output) / _MILLION

    @property
    def known(self) -> bool:
        """Whether it has a price."""
        return self.usd(Usage(input_tokens=1)) is not None


def check_prices(limits: Limits, models: Iterable[ModelLike | None]) -> None:
    """Make sure that a budget in dollars can be kept.

    Args:
        limits: of the run.
        models: that it will ask; None for what the environment names.

    Raises:
        UnknownPrice: there is such a budget, and a model whose price nobody knows.
    """
    for model in models if limits.budget_usd is not None else ():
        named = model if model is not None else default_model()
        if named is not None:
            check_budget(limits, Priced.of(named).at(limits))


def check_budget(limits: Limits, priced: Priced) -> None:
    """The same for one model that is named already.

    Raises:
        UnknownPrice: as `check_prices`.
    """
    if limits.budget_usd is not None and not priced.known:
        raise UnknownPrice(
            f"budget_usd cannot be kept: the price of {priced.model} is not known; set price_input "
            "and price_output in Limits (US dollars for a million tokens), or use budget_tokens"
        )


@lru_cache(maxsize=4096)
def _listed(provider: str | None, model: str, input_tokens: int, output_tokens: int) -> float | None:
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    try:
        counted = Counted(input_tokens=input_tokens, output_tokens=output_tokens)
        return float(calc_price(counted, model, provider_id=provider).total_price)
    except LookupError:
        return None


def get_provider(model: ModelLike) -> str | None:
    """The provider as the price list names it; None has the list look for the model's name."""
    if isinstance(model, BaseChatModel):
        named = model._get_ls_params().get("ls_provider")
        return {"amazon_bedrock": "aws", "google_genai": "google"}.get(named, named) if named else None
    provider = model.partition(":")[0]
    return {"google_genai": "google", "google_vertexai": "google", "bedrock": "aws"}.get(provider, provider)
