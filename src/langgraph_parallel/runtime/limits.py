"""Limits: what bounds a run and its calls.

A limit can be set in several places. The first of these that sets a field wins, field by field:

1. the runtime context of one run: `ainvoke(..., context={"limits": {...}})`, the form in Studio
2. the worker: `Ask(..., limits=Limits(...))`
3. the graph: `create_voting(..., limits=Limits(...))`, command line options; an inner graph before the graph
   around it
4. the environment: `LANGGRAPH_PARALLEL_` and the field's name in capitals
5. the defaults below

`call_timeout`, `attempts`, `concurrency` and `requests_per_minute` hold for functions, tools, chains and
graphs of others as well, where one of the first four sets them: per branch, beside the model calls inside.

Deadline, grace, priority, fairness key, budgets and `max_sections` belong to runs, so a worker cannot set
them. Nested graphs may have their own; those of the graphs around them apply as well. Priority and fairness
key are those of the outermost graph.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.base import Record
from langgraph_parallel.runtime.settings import as_settings

PREFIX = "LANGGRAPH_PARALLEL_"


class Limits(Record):
    """Bounds of one run and its calls. Times are in seconds, prices in US dollars per million tokens."""

    model_config = ConfigDict(allow_inf_nan=False)

    call_timeout: float = Field(
        120.0,
        gt=0,
        title="Timeout per call",
        description="Maximum seconds for one request to a model.",
        examples=[60],
    )
    deadline: float | None = Field(
        None,
        gt=0,
        title="Deadline",
        description="Maximum seconds for the run, at all levels; what is unfinished then is timed_out.",
        examples=[300],
    )
    grace: float = Field(
        10.0,
        ge=0,
        title="Grace",
        description="Seconds that running branches have to finish when a run is drained.",
        examples=[30],
    )
    attempts: int = Field(
        4,
        ge=1,
        le=20,
        title="Attempts",
        description="Maximum requests for one answer, including the first. Answers of 429 do not count.",
        examples=[2],
    )
    backoff: float = Field(
        0.5,
        ge=0,
        title="Backoff",
        description="Seconds before the first retry; doubled for each further retry.",
        examples=[1],
    )
    retry_after_ceiling: float = Field(
        60.0,
        ge=0,
        title="Longest Retry-After",
        description="Maximum seconds of a pause; a call fails if the endpoint asks for a longer one.",
        examples=[30],
    )
    rest_after: int = Field(
        5,
        ge=0,
        title="Rest after",
        description="Calls in a row that failed for good, after which an endpoint rests, for all runs of the "
        "process: 5 to 60 s, then one call is a probe. Three if the reason lasts; 0: it never rests.",
        examples=[5],
    )
    patience: float = Field(
        300.0,
        ge=0,
        title="Patience",
        description="Maximum seconds to keep retrying on 429.",
        examples=[60],
    )
    concurrency: int = Field(
        64,
        ge=1,
        title="Concurrency",
        description="Maximum requests in flight for one model of one endpoint, over all runs of the process. "
        "Beside runs with a higher one, it bounds the requests of its own run.",
        examples=[16],
    )
    priority: float = Field(
        1.0,
        gt=0,
        le=1000,
        title="Priority",
        description="Of the outermost run, while calls of several runs of the process wait for slots: "
        "one of 2 gets twice as many as one of 1.",
        examples=[2],
    )
    fairness_key: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        title="Fairness key",
        description="Of the outermost run: runs of the process with the same key, as those of one tenant, "
        "have their turns at a busy endpoint together, as if they were one run.",
        examples=["tenant 42"],
    )
    requests_per_minute: float | None = Field(
        None,
        gt=0,
        title="Requests per minute",
        description="For one model of one endpoint, evenly paced.",
        examples=[500],
    )
    tokens_per_minute: float | None = Field(
        None,
        gt=0,
        title="Tokens per minute",
        description="For one model of one endpoint, in and out.",
        examples=[200_000],
    )
    hedge: Literal["off", "p95"] | Annotated[float, Field(gt=0)] = Field(
        "off",
        title="Hedge",
        description="When to send a second request for a straggler: p95 of this endpoint, or after seconds.",
        examples=["p95", 5],
    )
    hedge_share: float = Field(
        0.1,
        ge=0,
        le=1,
        title="Share of hedges",
        description="Maximum share of second requests, of all requests.",
        examples=[0.05],
    )
    budget_calls: int | None = Field(
        None,
        ge=0,
        title="Budget of calls",
        description="Maximum requests of a run to models.",
        examples=[200],
    )
    budget_tokens: int | None = Field(
        None,
        ge=0,
        title="Budget of tokens",
        description="Maximum tokens of a run, in and out.",
        examples=[1_000_000],
    )
    budget_usd: float | None = Field(
        None, ge=0, title="Budget in US dollars", description="Maximum cost of a run.", examples=[1]
    )
    answer_tokens: int = Field(
        4000,
        ge=1,
        title="Tokens of an answer",
        description="Reserved for an answer that is in flight, and assumed as its length in estimates.",
        examples=[2000],
    )
    max_answer_tokens: int | None = Field(
        None,
        ge=0,
        title="Ceiling of an answer",
        description="Most tokens of an answer, sent with each request; 0 sends none. Default: as many as the "
        "schema asks for, to servers other than OpenAI's, while a model does not think before it answers.",
        examples=[8000],
    )
    price_input: float | None = Field(
        None,
        ge=0,
        title="Price of input",
        description="US dollars per million tokens; wins over the listed price of a model.",
        examples=[0.25],
    )
    price_output: float | None = Field(
        None, ge=0, title="Price of output", description="The same for the tokens of answers.", examples=[2]
    )
    price_cache_read: float | None = Field(
        None,
        ge=0,
        title="Price of cached input",
        description="The same for tokens of a prompt that a cache had; default: as input, or as listed.",
        examples=[0.025],
    )
    price_cache_write: float | None = Field(
        None,
        ge=0,
        title="Price of written input",
        description="The same for tokens that are written to a cache; default: as input, or as listed.",
        examples=[0.3125],
    )
    leader: Literal["auto", "on", "off"] = Field(
        "auto",
        title="Leader first",
        description="Of calls whose prompts begin alike, send one first, and the others once its answer has "
        "begun, so that they read the provider's cache. auto: where that saves more than it delays.",
        examples=["on"],
    )
    samples: Literal["auto", "on", "off"] = Field(
        "auto",
        title="Samples of one request",
        description="Ask voters that are alike in one request for several answers, where the endpoint can. "
        "auto: where their prompt has at least 1,024 tokens.",
        examples=["off"],
    )
    lane: Literal["live", "batch"] = Field(
        "live",
        title="Lane",
        description="batch: gather the calls and send them through the provider's Batch API, at its price; "
        "answers may take 24 hours.",
        examples=["batch"],
    )
    without_batch: Literal["fail", "live"] = Field(
        "fail",
        title="Without a Batch API",
        description="In the batch lane, calls that cannot be in a batch fail, or go live at the full price.",
        examples=["live"],
    )
    section_tokens: int = Field(
        6000,
        ge=200,
        title="Tokens per section",
        description="Maximum tokens of material in one prompt, estimated.",
        examples=[3000],
    )
    max_sections: int = Field(
        1000,
        ge=1,
        title="Sections at once",
        description="Maximum branches in one step of LangGraph; the others follow when these have ended. In "
        "the batch lane all are in one step, unless this is set.",
        examples=[500],
    )


_OF_RUNS = (
    "deadline",
    "grace",
    "priority",
    "fairness_key",
    "budget_calls",
    "budget_tokens",
    "budget_usd",
    "max_sections",
)
"""Limits of a run, not of a call."""


def worker_limits(given: Limits | Mapping[str, Any] | None) -> Limits | None:
    """Return the limits of a worker.

    Raises:
        UsageError: a limit is not valid, or one of runs.
    """
    if given is None:
        return None
    limits = as_settings(given, Limits, "limits")
    if of_run := [name for name in _OF_RUNS if name in limits.model_fields_set]:
        raise UsageError(f"limits of a worker cannot set {of_run[0]}; pass it to the graph")
    return limits
