"""The runtime context: what can be set for one run, in Studio or by `ainvoke(..., context=...)`."""

from typing import Literal, TypeVar, cast

from langgraph.runtime import get_runtime
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.trace_options import TraceLevel


class Context(BaseModel):
    """Settings for one run. An empty one keeps what the graph was built with."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(
        None,
        title="Model",
        description="provider:model. Empty: the graph's own, else LANGGRAPH_PARALLEL_MODEL.",
        examples=["openai:gpt-5-mini"],
    )
    fallbacks: list[str] | None = Field(
        None,
        title="Fallbacks",
        description="Models that are asked in this order where one does not answer. Not set: the graph's "
        "own; an empty list: none.",
        examples=[["openai:gpt-5-mini"]],
    )
    limits: Limits | None = Field(
        None,
        title="Limits",
        description="Bounds of calls and work, budget and deadline of the run.",
        examples=[{"budget_usd": 1.0, "deadline": 300, "concurrency": 16}],
    )
    completion: str | None = Field(
        None,
        title="Completion",
        description="When the outermost fan-out has enough. Empty: the graph's own.",
        examples=["min_success(0.8) | deadline(30)"],
    )
    cache: bool | None = Field(
        None,
        title="Cache",
        description="Whether answers are kept, and asked for no more. No: in no graph and no worker. Yes: in "
        "the default place, where the graph names no other. Empty: the graph's own.",
        examples=[False],
    )
    trace: TraceLevel | None = Field(
        None,
        title="Trace",
        description="What the trace holds: full, branches or graph. Empty: the graph's own.",
        examples=["branches"],
    )
    trace_contents: bool | None = Field(
        None,
        title="Contents in traces",
        description="No: no prompt, document or answer is in a trace. Empty: the graph's own.",
        examples=[False],
    )


class PanelContext(Context):
    """Settings for whatever asks a panel of models."""

    voters: int | None = Field(
        None,
        ge=1,
        le=100,
        title="Voters",
        description="How many model voters. Empty: the graph's own.",
        examples=[3, 5],
    )


class VotingContext(PanelContext):
    """Settings for one vote."""

    stop: str | None = Field(
        None,
        title="Stop",
        description="When the vote may end before everybody was asked. Empty: the graph's own.",
        examples=["decided", "all_votes", "confident(0.95) | ahead_by(3)"],
    )
    wave: Literal["lossless", "all"] | PositiveInt | None = Field(
        None,
        title="Wave",
        description="How many are asked together: lossless, all, or a number. Empty: the graph's own.",
        examples=["lossless", "all", 5],
    )


class ReviewContext(PanelContext):
    """Settings for one review."""

    aspects: list[str] | None = Field(
        None,
        title="Aspects",
        description="Which of security, correctness, performance, style, tests, documentation, and of those "
        "that the graph was built with. Empty: the graph's own.",
        examples=[["security", "correctness"]],
    )


ContextT = TypeVar("ContextT", bound=Context)


def as_context(given: object, kind: type[ContextT]) -> ContextT:
    """Return the context as `kind`, or an empty one.

    Inside a graph of another application, the context may be anything, and is ignored. Of a context for
    another graph of this package, the shared fields are read.
    """
    if isinstance(given, kind):
        return given
    if isinstance(given, Context):
        return kind.model_validate(
            {name: getattr(given, name) for name in kind.model_fields if hasattr(given, name)}
        )
    return _empty(kind)


_empty_contexts: dict[type[Context], Context] = {}
"""What nobody has filled, and is asked for with each call."""


def _empty(kind: type[ContextT]) -> ContextT:
    if kind not in _empty_contexts:
        _empty_contexts[kind] = kind()
    return cast("ContextT", _empty_contexts[kind])


def current_context() -> Context:
    """The context of the run that this code is part of; an empty one outside of any run."""
    try:
        runtime = get_runtime(Context)
    except (RuntimeError, KeyError):
        return _empty(Context)
    return as_context(getattr(runtime, "context", None), Context)  # None inside of other Runnables
