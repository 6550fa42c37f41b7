"""What an endpoint that answers takes of a request: records, tools, parameters, streams."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from pydantic import BaseModel, Field

from langgraph_parallel.cli.doctor.record import Check, Status, make_check
from langgraph_parallel.errors import EmptyAnswer
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.runtime.probe import Probe, Streamed, Structured
from langgraph_parallel.runtime.redact import in_words
from langgraph_parallel.runtime.trial import Finding, Taken, is_refusal

T = TypeVar("T")
_PATIENCE = 2.0
"""Times the limit of one request: what is not found out by then stays unknown."""
_CEILINGS = ("max_completion_tokens", "max_tokens")
_STATUS: Mapping[Taken, Status] = {
    "yes": "ok",
    "ignored": "missing",
    "refused": "missing",
    "unknown": "unknown",
}
_WORDS: Mapping[Taken, str] = {
    "yes": "taken",
    "ignored": "ignored",
    "refused": "refused",
    "unknown": "not known",
}
_TITLES = {
    "temperature": "temperature",
    "seed": "seed",
    "n": "n (several answers to one request)",
    "tools": "tools (function calls)",
}
_REMARKS = {
    ("temperature", "refused"): "it is left out; voters differ by their wordings and models",
    ("n", "refused"): "nothing needs it: each voter is a request of its own",
    ("n", "ignored"): "nothing needs it: each voter is a request of its own",
    ("tools", "refused"): "agents with tools need another model; all else works without",
    ("tools", "ignored"): "agents with tools need another model; all else works without",
}
"""What follows, by the part of a request and what became of it."""
_FORMATS = {
    "json_schema": "by a JSON schema",
    "json_object": "as any JSON object, since a schema is refused",
    "text": "by the prompt alone, since no format of JSON is taken",
}

_NO_RECORDS = "name a model that gives JSON (--model): votes and reviews cannot read its answers"

_check = partial(make_check, "endpoint")


class Shade(BaseModel):
    """A colour."""

    shade: str = Field(description="Name of any colour.")


async def capability_checks(probe: Probe) -> list[Check]:
    """Ask for all that a run may need.

    Args:
        probe: of an endpoint that answers.
    """
    seconds = _PATIENCE * probe.limits.call_timeout
    within = partial(_within, asyncio.get_running_loop().time() + seconds, seconds)
    checks = [await _structured(probe, within)]
    if not probe.takes_parameters:
        text = f"{type(probe.model).__name__} has a protocol of its own: single parameters are not tried"
        return [*checks, _check("parameters", "unknown", text), _streaming(await within(probe.streamed))]
    # The ceilings first: the requests after them are bounded by the one that is taken.
    longer, shorter = await asyncio.gather(
        within(partial(probe.ceiling, _CEILINGS[0], {"seed": 7})),
        within(partial(probe.ceiling, _CEILINGS[1], {})),
    )
    tools, several, streamed = await asyncio.gather(
        within(probe.tools), within(probe.several), within(probe.streamed)
    )
    found = _united({_CEILINGS[0]: longer, _CEILINGS[1]: shorter})
    found |= _united({"seed": longer}) | _united({"temperature": several, "n": several})
    found["tools"] = tools if isinstance(tools, Finding) else Finding("unknown", tools)
    checks += [_ceiling(found), *(_parameter(name, found[name]) for name in _TITLES)]
    return [*checks, _streaming(streamed), _cached(probe.cached)]


Within = Callable[[Callable[[], Awaitable[T]]], Awaitable[T | Exception]]


async def _within(deadline: float, seconds: float, ask: Callable[[], Awaitable[T]]) -> T | Exception:
    """Return what was found, or the error; a `TimeoutError` once all questions together take too long."""
    try:
        async with asyncio.timeout_at(deadline) as limit:
            return await ask()
    except Exception as error:
        if limit.expired():
            return TimeoutError(f"not found out within {seconds:g} s; raise --timeout")
        return error


def _united(parts: Mapping[str, Mapping[str, Finding] | Exception]) -> dict[str, Finding]:
    """Return the finding of each parameter: of its trial, or the error that ended the trial."""
    return {
        name: Finding("unknown", part) if isinstance(part, Exception) else part[name]
        for name, part in parts.items()
    }


async def _structured(probe: Probe, within: Callable[..., Awaitable[object]]) -> Check:
    """Look at records: by the format of the request, and where that fails, as a run asks for them."""
    found = await within(probe.structured)
    name = "structured_output"
    if isinstance(found, Structured) and found.is_obeyed:
        strict = "" if found.is_strict else " (not strictly, since that is refused)"
        text = f"records: asked for by a JSON schema{strict}, and the answer fits it"
        return _check(name, "ok", text, value=_value(found, usable=True))
    if isinstance(found, Exception):
        status: Status = "problem" if is_refusal(found) else "unknown"
        return _check(name, status, f"records: {in_words(found)}", _NO_RECORDS if status == "problem" else "")
    assert isinstance(found, Structured)
    asked = f"records: asked for {_FORMATS[found.format]}"
    asked += f", which is taken, but {found.misfit}" if found.format == "json_schema" else ""
    ask = Ask("Name any colour.", model=probe.model, schema=Shade, limits=probe.limits)
    answer = await within(partial(ask.ainvoke, {}))
    if isinstance(answer, Shade):
        text = f"{asked}; the form in the prompt is followed"
        return _check(name, "warning", text, value=_value(found, usable=True))
    text = f"{asked}; {in_words(answer) if isinstance(answer, Exception) else 'no record came'}"
    return _check(name, "problem", text, _NO_RECORDS, _value(found, usable=False))


def _value(found: Structured, *, usable: bool) -> Mapping[str, object]:
    return {"format": found.format, "obeyed": found.is_obeyed, "usable": usable}


def _ceiling(found: Mapping[str, Finding]) -> Check:
    words = [f"{name} is {_words(found[name])}" for name in _CEILINGS]
    taken = [found[name].taken for name in _CEILINGS]
    status: Status = "ok" if "yes" in taken else "unknown" if "unknown" in taken else "warning"
    way_out = "" if status == "ok" else "answers have no upper bound but --timeout"
    value = {name: found[name].taken for name in _CEILINGS}
    return _check("answer_ceiling", status, f"length of answers: {'; '.join(words)}", way_out, value)


def _parameter(name: str, finding: Finding) -> Check:
    status = _STATUS[finding.taken]
    if (name, finding.taken) == ("temperature", "refused"):
        status = "warning"
    way_out = _REMARKS.get((name, finding.taken), "")
    return _check(name, status, f"{_TITLES[name]}: {_words(finding)}", way_out, finding.taken)


def _words(finding: Finding) -> str:
    if finding.is_seen:
        return "obeyed"
    said = f" ({in_words(finding.said)})" if finding.said is not None else ""
    return f"{_WORDS[finding.taken]}{said}"


def _streaming(streamed: Streamed | Exception) -> Check:
    if isinstance(streamed, Streamed):
        counted = "with its tokens" if streamed.counted else "without saying how many tokens it took"
        value = {"taken": "yes", "first_seconds": round(streamed.first, 3), "usage": streamed.counted}
        text = f"streams: the first part after {streamed.first:.2f} s, {counted}"
        return _check("streaming", "ok" if streamed.counted else "warning", text, value=value)
    if isinstance(streamed, EmptyAnswer):
        way_out = "create_guarded(stream=True) gets nothing; all else works without"
        return _check("streaming", "warning", "streams: ignored", way_out, {"taken": "ignored"})
    return _check("streaming", "unknown", f"streams: {in_words(streamed)}", value={"taken": "unknown"})


def _cached(cached: int | None) -> Check:
    if cached is None:
        return _check("cached_tokens", "missing", "answers do not say which tokens came from a cache")
    return _check("cached_tokens", "ok", f"answers count tokens from a cache: {cached} here", value=cached)
