"""The endpoint of the model: whether it answers, and what it takes, by a handful of tiny calls."""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from difflib import get_close_matches
from functools import partial
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from langchain_core.language_models import BaseChatModel
from langsmith import tracing_context

from langgraph_parallel.answers.message import read_message
from langgraph_parallel.cli.doctor.capabilities import capability_checks
from langgraph_parallel.cli.doctor.record import Check, Status, make_check
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Call
from langgraph_parallel.report.wording import count
from langgraph_parallel.runtime.explain import kind_of
from langgraph_parallel.runtime.kinds import Kind
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.model_list import ListedModel, list_models
from langgraph_parallel.runtime.models import get_endpoint, get_model, model_name
from langgraph_parallel.runtime.probe import Probe
from langgraph_parallel.runtime.rate_headers import SeenRate, heard_headers, seen_rates
from langgraph_parallel.runtime.recording import recording
from langgraph_parallel.runtime.redact import in_words
from langgraph_parallel.runtime.transport import is_openai
from langgraph_parallel.runtime.waits import retry_after

_LONGEST_PAUSE = 5.0
"""Seconds; whoever asks what is wrong does not wait for longer."""
_NEAR = 5
"""Models that are named in place of an unknown one."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_WAYS_OUT: Mapping[Kind, str] = {
    "key": "set the key of this endpoint; OPENAI_BASE_URL (--base-url) says which endpoint is asked",
    "permission": "ask the owner of the account to permit the model, or name another one (--model)",
    "quota": "add credit at the provider, or name a model of another one (--model)",
    "address": "correct OPENAI_BASE_URL (--base-url)",
    "connection": "OPENAI_BASE_URL (--base-url) says which endpoint is asked",
    "timeout": "raise --timeout, if the server loads the model first; or look at the server's own log",
    "overloaded": "try again later, or name another model (--model)",
    "server": "look at the server's own log; a run would try again, up to `attempts` times",
}
"""What to do, by what a failure means."""

_check = partial(make_check, "endpoint")


def make_limits(timeout: float) -> Limits:
    """Return the limits of the doctor's own calls: nothing is waited for that a run would wait for."""
    return Limits(
        call_timeout=timeout,
        attempts=1,
        patience=2 * _LONGEST_PAUSE,
        retry_after_ceiling=_LONGEST_PAUSE,
        rest_after=0,
        hedge="off",
    )


async def endpoint_checks(named: str, timeout: float) -> list[Check]:
    """Ask the endpoint. Its calls are in no trace.

    Args:
        named: the model, as `provider:model`.
        timeout: seconds for one request.
    """
    heard: dict[str, str] = {}
    token = heard_headers.set(heard)
    try:
        with recording() as calls, tracing_context(enabled=False):
            try:
                model = await get_model(named)
            except UsageError as error:
                return [_check("address", "problem", in_words(error))]
            async with aclosing(_look(model, make_limits(timeout), calls)) as found:
                checks = [check async for check in found]
    finally:
        heard_headers.reset(token)
    if any(call.ok for call in calls.values()):
        checks.append(_rates(seen_rates(heard)))
    return [*checks, _cost(list(calls.values()))]


async def _look(
    model: BaseChatModel, limits: Limits, calls: Mapping[str, Call]
) -> AsyncGenerator[Check, None]:
    yield _address(model)
    listing = asyncio.create_task(_listed(model, limits.call_timeout)) if is_openai(model) else None
    probe = Probe(model, limits)
    try:
        answer = await probe.answer()
    except Exception as error:
        listed = await listing if listing else None
        yield _not_answering(error, model_name(model), listed if isinstance(listed, list) else [])
        return
    listed = await listing if listing else None
    yield _answers(list(calls.values()))
    if read_message(answer).thinking:
        yield _check("thinks", "ok", "the model thinks before it answers: its answers are not bounded")
    yield _usage(answer.usage_metadata is not None)
    if listed is not None:
        yield _models(listed, model_name(model))
    for check in await capability_checks(probe):
        yield check


def _answers(calls: Sequence[Call]) -> Check:
    seconds = next(call.ended - call.started for call in calls if call.ok)
    return _check("answers", "ok", f"answers in {seconds:.2f} s", value=round(seconds, 3))


def _usage(is_counted: bool) -> Check:
    if is_counted:
        return _check("usage", "ok", "answers say how many tokens they took", value=True)
    text = "answers do not say how many tokens they took: reports and budgets of tokens miss them"
    return _check("usage", "warning", text, "bound runs by --budget-calls", False)


def _address(model: BaseChatModel) -> Check:
    address = get_endpoint(model)
    parts = urlsplit(address)
    if not parts.hostname:
        return _check("address", "ok", f"asked through {type(model).__name__}")
    host = parts.hostname
    shown = f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}".rstrip("/")
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    through = ", through a proxy" if proxy and not proxy_bypass(host) else ""
    text = f"{shown}{through}"
    has_key = bool(os.environ.get("OPENAI_API_KEY", "").strip())
    if parts.scheme == "http" and host not in _LOOPBACK and has_key and is_openai(model):
        way_out = "use https:, unless you trust the network"
        return _check("address", "warning", f"{text}: key and prompts are sent in the clear", way_out, shown)
    return _check("address", "ok", text, value=shown)


async def _listed(model: BaseChatModel, seconds: float) -> list[ListedModel] | Exception:
    try:
        return await list_models(model, seconds)
    except Exception as error:
        return error


def _not_answering(error: Exception, name: str, listed: Sequence[ListedModel]) -> Check:
    kind = kind_of(error)
    text = in_words(error)
    way_out = _WAYS_OUT.get(kind, "")
    if kind == "model":
        way_out = _others(name, listed) or "the endpoint lists no models; look at its documentation"
    elif kind == "throttled":
        pause = retry_after(error)
        when = f" in {pause:g} s" if pause is not None else " later"
        way_out = f"the rate of the account is used up: try again{when}; --rpm and --tpm pace a review"
    return _check("answers", "problem", text, way_out, kind)


def _others(name: str, listed: Sequence[ListedModel]) -> str:
    ids = [one.id for one in listed]
    near = get_close_matches(name, ids, n=_NEAR, cutoff=0.5) or sorted(ids)[:_NEAR]
    more = len(ids) - len(near)
    return f"it lists {', '.join(near)}{f' and {more:,} more' if more else ''}" if near else ""


def _models(listed: list[ListedModel] | Exception, name: str) -> Check:
    if isinstance(listed, Exception):
        return _check("models", "unknown", f"GET /models: {in_words(listed)}")
    ids = [one.id for one in listed]
    found = next((one for one in listed if one.id == name), None)
    value = {"listed": len(ids), "context_window": found.context_window if found else None}
    text = f"lists {count(len(ids), 'model')}"
    if found is None:
        return _check("models", "ok", f"{text}; {name} is none of them, but answers", value=value)
    window = f", with a context of {found.context_window:,} tokens" if found.context_window else ""
    return _check("models", "ok", f"{text}, {name} among them{window}", value=value)


def _rates(rates: Sequence[SeenRate]) -> Check:
    if not rates:
        return _check("rates", "missing", "no limits seen: answers have no headers of rates", value=[])
    said = []
    for rate in rates:
        left = "" if rate.left is None else f"{rate.left:,.0f}"
        limit = "" if rate.limit is None else f"{rate.limit:,.0f}"
        of = f"{left} of {limit} {rate.of} left" if left and limit else f"{left or limit} {rate.of}"
        said.append(of if rate.reset is None else f"{of} (whole in {rate.reset:g} s)")
    status: Status = "warning" if any(rate.left == 0 for rate in rates) else "ok"
    value = [dict(rate._asdict()) for rate in rates]
    return _check("rates", status, f"limits seen: {', '.join(said)}", value=value)


def _cost(calls: Sequence[Call]) -> Check:
    asked = sum(call.usage.input_tokens for call in calls)
    answered = sum(call.usage.output_tokens for call in calls)
    prices = [call.usd for call in calls if call.ok]
    usd = None if None in prices or not prices else sum(price for price in prices if price is not None)
    dollars = "" if usd is None else f", {usd:.6f} US dollars"
    text = f"{count(len(calls), 'call')} for this, {asked} tokens asked and {answered} answered{dollars}"
    value = {"calls": len(calls), "input_tokens": asked, "output_tokens": answered, "usd": usd}
    return _check("cost", "ok", text, value=value)
