"""What bounds a run. Values only; the code that obeys them reads them from here.

Where they can be set, the first that sets a field wins, field by field:

1. the runtime context of one run: `ainvoke(..., context={"limits": {...}})`, the form in Studio
2. the worker itself: `Ask(..., limits=Limits(...))`
3. the graph: `create_voting(..., limits=Limits(...))`, options of the command line; an inner graph before
   the graph around it
4. the environment: `LANGGRAPH_PARALLEL_` and the field's name in capitals
5. the defaults below

Budget and deadline belong to runs, so a worker has none of its own. Nested graphs may have theirs, and
those around them hold as well.
"""

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationError

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.base import Record

PREFIX = "LANGGRAPH_PARALLEL_"


class Limits(Record):
    """Bounds of the calls and of the work of one run. Seconds, tokens and US dollars throughout."""

    model_config = ConfigDict(allow_inf_nan=False)

    call_timeout: float = Field(
        120.0, gt=0, title="Timeout per call", description="Seconds for one request to a model."
    )
    deadline: float | None = Field(
        None,
        gt=0,
        title="Deadline",
        description="Seconds for the run, at all levels; what is unfinished then is timed_out.",
    )
    grace: float = Field(
        10.0,
        ge=0,
        title="Grace",
        description="Seconds that running branches have to finish in when a run is drained.",
    )
    attempts: int = Field(
        4,
        ge=1,
        le=20,
        title="Attempts",
        description="Requests for one answer, the first one included. Answers of 429 do not count.",
    )
    backoff: float = Field(
        0.5,
        ge=0,
        title="Backoff",
        description="Seconds before the first retry; doubled for each further one.",
    )
    retry_after_ceiling: float = Field(
        60.0,
        ge=0,
        title="Longest Retry-After",
        description="A server that asks for a longer pause ends the call.",
    )
    patience: float = Field(
        300.0,
        ge=0,
        title="Patience",
        description="Seconds for which a call is put off again and again by answers of 429 before it fails.",
    )
    concurrency: int = Field(
        64,
        ge=1,
        title="Concurrency",
        description="Requests in flight for one model of one endpoint, over all runs of the process.",
    )
    requests_per_minute: float | None = Field(
        None, gt=0, title="Requests per minute", description="For one model of one endpoint, evenly paced."
    )
    tokens_per_minute: float | None = Field(
        None, gt=0, title="Tokens per minute", description="For one model of one endpoint, in and out."
    )
    hedge: Literal["off", "p95"] | Annotated[float, Field(gt=0)] = Field(
        "off",
        title="Hedge",
        description="When to send a second request for a straggler: p95 of this endpoint, or after seconds.",
    )
    hedge_share: float = Field(
        0.1, ge=0, le=1, title="Share of hedges", description="Second requests at most, of all requests."
    )
    budget_calls: int | None = Field(
        None, ge=0, title="Budget of calls", description="Requests to models that a run may make."
    )
    budget_tokens: int | None = Field(
        None, ge=0, title="Budget of tokens", description="Tokens in and out that a run may use."
    )
    budget_usd: float | None = Field(
        None, ge=0, title="Budget in US dollars", description="What a run may cost."
    )
    answer_tokens: int = Field(
        4000,
        ge=1,
        title="Tokens of an answer",
        description="Reserved for one answer until it is there, and taken as its length in estimates.",
    )
    price_input: float | None = Field(
        None,
        ge=0,
        title="Price of input",
        description="US dollars for a million tokens, for models whose price is not known.",
    )
    price_output: float | None = Field(
        None, ge=0, title="Price of output", description="The same for what the model answers."
    )
    section_tokens: int = Field(
        6000,
        ge=200,
        title="Tokens per section",
        description="Ceiling for the material in one prompt, estimated.",
    )
    sections: int = Field(
        1000,
        ge=1,
        title="Sections",
        description="Branches of one fan-out; what is left over is reported as missing.",
    )


def limits_from_environment(environment: Mapping[str, str] | None = None) -> Limits:
    """The limits that `LANGGRAPH_PARALLEL_*` variables set; an empty variable sets nothing.

    Raises:
        UsageError: a variable has a value that the limit cannot have.
    """
    held = os.environ if environment is None else environment
    given = tuple(
        (name, value)
        for name in Limits.model_fields
        if (value := held.get(f"{PREFIX}{name.upper()}", "").strip())
    )
    return _read(given)


@lru_cache(maxsize=64)
def _read(given: tuple[tuple[str, str], ...]) -> Limits:
    try:
        return Limits.model_validate(dict(given))
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        raise UsageError(f"{PREFIX}{name.upper()}={dict(given)[name]!r}: {problem['msg']}") from None


def merged(given: Iterable[Limits | None]) -> Limits:
    """Limits in which each field is from the first that sets it; only those fields count as set.

    >>> both = merged([Limits(attempts=2), Limits(attempts=9, backoff=1)])
    >>> both.attempts, both.backoff, sorted(both.model_fields_set)
    (2, 1.0, ['attempts', 'backoff'])
    """
    fields: dict[str, object] = {}
    for limits in given:
        if limits is not None:
            fields = {name: getattr(limits, name) for name in limits.model_fields_set} | fields
    return Limits.model_construct(**fields)  # type: ignore[arg-type]  # validated where they were set
