"""The runtime context: what can be set for one run, in Studio or by `ainvoke(..., context=...)`."""

from typing import Literal, TypeVar

from langgraph.runtime import get_runtime
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from langgraph_parallel.runtime.limits import Limits


class Context(BaseModel):
    """Settings for one run. What is left empty is as the graph was built."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(
        None,
        title="Model",
        description="provider:model. Empty: as the graph was built, else LANGGRAPH_PARALLEL_MODEL.",
        examples=["openai:gpt-5-mini"],
    )
    limits: Limits | None = Field(
        None, title="Limits", description="Bounds of calls and work, budget and deadline of the run."
    )
    completion: str | None = Field(
        None,
        title="Completion",
        description="When the outermost fan-out has enough. Empty: as the graph was built.",
        examples=["min_success(0.8) | deadline(30)"],
    )


class PanelContext(Context):
    """Settings for whatever asks a panel of models."""

    voters: int | None = Field(
        None,
        ge=1,
        le=100,
        title="Voters",
        description="How many model voters. Empty: as the graph was built.",
    )


class VotingContext(PanelContext):
    """Settings for one vote."""

    stop: str | None = Field(
        None,
        title="Stop",
        description="When the vote may end before everybody was asked. Empty: as the graph was built.",
        examples=["decided", "all_votes", "confident(0.95) | ahead_by(3)"],
    )
    wave: Literal["lossless", "all"] | PositiveInt | None = Field(
        None,
        title="Wave",
        description="How many are asked together: lossless, all, or a number. Empty: as the graph was built.",
    )


class ReviewContext(PanelContext):
    """Settings for one review."""

    aspects: list[str] | None = Field(
        None,
        title="Aspects",
        description="Which of security, correctness, performance, style, tests, documentation, and of those "
        "that the graph was built with. Empty: as the graph was built.",
        examples=[["security", "correctness"]],
    )


ContextT = TypeVar("ContextT", bound=Context)


def as_context(given: object, kind: type[ContextT]) -> ContextT:
    """Take a graph's context, or an empty one.

    A graph that runs inside a foreign graph sees that graph's context. It may be anything, so what is
    not ours is left alone; what is ours but of another graph is read as far as it goes.
    """
    if isinstance(given, kind):
        return given
    if isinstance(given, Context):
        return kind.model_validate(
            {name: getattr(given, name) for name in kind.model_fields if hasattr(given, name)}
        )
    return kind()


def current_context() -> Context:
    """The context of the run that this code is part of; an empty one outside of any run."""
    try:
        runtime = get_runtime(Context)
    except (RuntimeError, KeyError):
        return Context()
    return as_context(getattr(runtime, "context", None), Context)  # None inside of other Runnables
