"""The model that a command would ask, and why; its price and context; what runs do without one."""

import os
from collections.abc import Iterable
from functools import partial

from langgraph_parallel.cli.doctor.record import Check, Status, look_at, make_check
from langgraph_parallel.cli.doctor.requirements import find_version
from langgraph_parallel.errors import UnknownPrice, UsageError
from langgraph_parallel.offline import installed_engines
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.limit_sources import limits_from_environment, merge_limits
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import default_model, require_model
from langgraph_parallel.runtime.prices import Priced, check_prices
from langgraph_parallel.runtime.providers import find_provider
from langgraph_parallel.runtime.variables import MODEL

_THOUSAND = 1000
"""Tokens of an ordinary request: some prices rise for long prompts."""
_check = partial(make_check, "model")


async def model_checks(option: str | None) -> list[Check]:
    """Look at the model.

    Args:
        option: the model of the command line; None for that of the environment.
    """
    named = option or default_model()
    checks = await look_at("model", "model", lambda: _look_at_model(option, named))
    if named is not None and all(check.status != "problem" for check in checks):
        checks += await look_at("model", "price", lambda: _look_at_price(named))
        checks += await look_at("model", "context", lambda: _look_at_context(named))
    return [*checks, *await look_at("model", "offline", lambda: _look_at_offline(named))]


def _look_at_model(option: str | None, named: str | None) -> Iterable[Check]:
    if named is None:
        way_out = f"pass --model PROVIDER:MODEL, or set {MODEL}, OPENAI_API_KEY or OPENAI_BASE_URL"
        yield _check("model", "missing", "no model is named, and no key found", way_out)
        return
    why = _why(option)
    try:
        require_model(named)
    except UsageError as error:
        yield _check("model", "problem", str(error), f"it is asked because {why}", named)
        return
    provider = find_provider(named)
    if provider is not None and find_version(provider.package) is None:
        text = f"{named}, because {why}; {provider.package} is not installed"
        yield _check("model", "problem", text, f"pip install {provider.package}", named)
        return
    if provider is not None and provider.keys and not _has_key(provider.keys) and provider.name != "openai":
        way_out = f"set {' or '.join(provider.keys)}, unless its client finds a key elsewhere"
        yield _check("model", "warning", f"{named}, because {why}; no key for it is set", way_out, named)
        return
    yield _check("model", "ok", f"{named}, because {why}", value=named)


def _why(option: str | None) -> str:
    if option is not None:
        return "--model names it"
    if os.environ.get(MODEL, "").strip():
        return f"{MODEL} names it"
    names = [name for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL") if os.environ.get(name, "").strip()]
    return f"it is the default if {' and '.join(names)} {'is' if len(names) == 1 else 'are'} set"


def _has_key(names: Iterable[str]) -> bool:
    return any(os.environ.get(name, "").strip() for name in names)


def _look_at_price(named: str) -> Iterable[Check]:
    limits = merge_limits([Limits.model_construct(), limits_from_environment()])
    priced = Priced.of(named).at(limits)
    each = [
        None if (usd := priced.usd(usage)) is None else round(usd * _THOUSAND, 6)
        for usage in (Usage(input_tokens=_THOUSAND), Usage(output_tokens=_THOUSAND))
    ]
    way_out = (
        "LANGGRAPH_PARALLEL_PRICE_INPUT and LANGGRAPH_PARALLEL_PRICE_OUTPUT set it (US dollars per million)"
    )
    try:
        check_prices(limits, [named])
    except UnknownPrice as error:
        yield _check("price", "problem", str(error), way_out)
        return
    if each[0] is None or each[1] is None:
        text = "its price is not known: reports give no cost, and --budget-usd is refused"
        yield _check("price", "missing", text, way_out)
        return
    text = (
        f"price by the table: {each[0]:g} US dollars for a million tokens of prompts, {each[1]:g} of answers"
    )
    yield _check("price", "ok", text, value={"input": each[0], "output": each[1]})


def _look_at_context(named: str) -> Iterable[Check]:
    window = Priced.of(named).context_window
    if window is not None:
        yield _check("context", "ok", f"context by the table: {window:,} tokens", value=window)


def _look_at_offline(named: str | None) -> Iterable[Check]:
    engines = installed_engines()
    value = list(engines)
    others = "brief, feedback, moderate and research work by rules; vote needs a model"
    if not engines:
        status: Status = "warning" if named is not None else "problem"
        text = f"without a model, a review has no voter; {others}"
        yield _check("offline", status, text, "pip install 'langgraph-parallel[offline]'", value)
        return
    text = f"without a model (--offline), {', '.join(engines)} review; {others}"
    yield _check("offline", "ok", text, value=value)
