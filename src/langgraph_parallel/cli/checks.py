"""Checks of options before any work, so that errors name options instead of Python arguments."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from langgraph_parallel.catalogue.spelling import naming
from langgraph_parallel.errors import UnknownPrice, UsageError
from langgraph_parallel.runtime.limit_sources import limits_from_environment, merge_limits
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import check_model, default_model, model_name
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.runtime.trace_options import TraceLevel, level_of, shows_contents

_FIELDS = {
    "timeout": "call_timeout",
    "rpm": "requests_per_minute",
    "tpm": "tokens_per_minute",
    "max_tokens": "section_tokens",
    "batch": "lane",
}
"""Fields of `Limits` by option, where their names differ."""
_OPTIONS = {field: option for option, field in _FIELDS.items()}
_HEDGES = "off, p95, or a number of seconds > 0"


def exclude_each_other(first: str, second: str, why: str = "") -> UsageError:
    """Return the error for two options that cannot be combined."""
    return UsageError(f"{first} and {second} exclude each other{why and f': {why}'}")


def check_not_empty(text: str, argument: str) -> None:
    """Check that an argument holds text.

    Raises:
        UsageError: it does not.
    """
    if not text.strip():
        raise UsageError(f"{argument} is empty; expected text")


def check_names(names: Sequence[str], option: str, known: Collection[str] | None = None) -> None:
    """Check the names that an option lists.

    Args:
        names: split at commas.
        option: that lists them.
        known: the valid names; None if any name is valid.

    Raises:
        UsageError: a name is empty, repeated, or not valid.
    """
    for number, name in enumerate(names):
        if known is not None and name not in known:
            raise UsageError(f"{option}: {name!r} is not valid; choose from {', '.join(known)}")
        if not name:
            raise UsageError(f"{option} has an empty name; separate names with single commas")
        if name in names[:number]:
            raise UsageError(f"{option} has {name!r} twice; name each once")


def limit_fields(*, batch: bool = False, **options: float | str | None) -> dict[str, Any]:
    """Return the fields of `Limits` that options set, by field name.

    Args:
        batch: whether `--batch` is given.
        options: by name; those that are None set nothing.
    """
    lane = {"lane": "batch"} if batch else {}
    return lane | {_FIELDS.get(name, name): value for name, value in options.items() if value is not None}


def make_limits(fields: Mapping[str, Any]) -> Limits:
    """Build limits from fields that options set.

    Raises:
        UsageError: a value is out of range.
    """
    try:
        return Limits.model_validate(fields)
    except ValidationError as error:
        problem = error.errors()[0]
        field = str(problem["loc"][0])
        expected = _HEDGES if field == "hedge" else problem["msg"].removeprefix("Input should be ")
        raise UsageError(f"{_option_for(field)} is {fields[field]}; expected {expected}") from None


def check_model_options(
    models: Sequence[str],
    *,
    offline: bool = False,
    base_url: str | None = None,
    limits: Limits | None = None,
    fallbacks: Sequence[str] = (),
) -> None:
    """Check the models, and that each has a price if the budget is in dollars. Needs no key.

    Args:
        models: those that `--model` names; empty for the one of the environment.
        offline: whether no model may be asked.
        base_url: the endpoint of models of openai.
        limits: that options set.
        fallbacks: those that `--fallback` names.

    Raises:
        UsageError: options exclude each other, a model is not usable, or its price is not known.
    """
    if offline:
        for option, value in {"--model": models, "--fallback": fallbacks, "--base-url": base_url}.items():
            if value:
                raise exclude_each_other("--offline", option)
        return
    for model in models:
        _check_provider(model)
        if base_url is not None and not model.startswith("openai:"):
            raise UsageError(f"--base-url is for models of openai; write --model openai:NAME, not {model}")
    for model in fallbacks:
        _check_provider(model, "--fallback")
    prices: Sequence[str | None] = models or [None]
    for asked in [*prices, *fallbacks]:
        _check_price(asked, limits or Limits())


def check_tracing(level: TraceLevel | None = None) -> None:
    """Check what the environment says of traces.

    Args:
        level: of an option; the variable for it counts only without.

    Raises:
        UsageError: a variable has an invalid value.
    """
    level_of(level)
    shows_contents()


def _option_for(field: str) -> str:
    return f"--{_OPTIONS.get(field, field).replace('_', '-')}"


def _check_provider(model: str, option: str = "--model") -> None:
    with naming(option):
        check_model(model)


def _check_price(model: str | None, limits: Limits) -> None:
    try:
        check_prices(merge_limits([limits, limits_from_environment()]), [model])
    except UnknownPrice:
        budget = "LANGGRAPH_PARALLEL_BUDGET_USD" if limits.budget_usd is None else "--budget-usd"
        name = model_name(model or default_model() or "")
        raise UsageError(
            f"{budget} needs a price, and the price of {name} is not known; set "
            "LANGGRAPH_PARALLEL_PRICE_INPUT and LANGGRAPH_PARALLEL_PRICE_OUTPUT (US dollars per million "
            "tokens), or use --budget-calls"
        ) from None
