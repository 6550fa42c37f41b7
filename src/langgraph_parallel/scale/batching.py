"""Whether the models of a program can be asked in batches, told once instead of by each row."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from langchain_core.language_models import BaseChatModel

from langgraph_parallel.catalogue.spelling import Spelling
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.chained import first_of
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.limit_sources import merge_limits
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import GOVERNED, default_model, get_model, model_name
from langgraph_parallel.scale.program import Program

_PROVIDER = "openai:"
_PATIENCE = 10.0
"""Seconds in which an endpoint is to say whether it has a Batch API; the rows find out otherwise."""
_LIVE = "set LANGGRAPH_PARALLEL_WITHOUT_BATCH=live to ask it live, at the full price"


def goes_in_batches(limits: Limits | None) -> bool:
    """Return whether calls with these limits have to be in batches."""
    return limits is not None and limits.lane == "batch" and limits.without_batch != "live"


def asked_in_batches(program: Program, graph: ParallelGraph) -> Iterator[Any]:
    """Yield the models that a graph asks in batches: by name, as objects, or None for the environment's.

    Args:
        program: whose graph it is; its limits have those of the environment.
        graph: of this package.
    """
    model, own = program.context.get("model"), graph.governing.limits
    for ask in () if program.offline else graph.governing.asks:
        if goes_in_batches(merge_limits([program.limits, ask.limits, own])):
            yield from (ask.models if model is None or ask.pinned else ()) or [model]


def check_batches(models: Iterable[Any], spelling: Spelling, *, is_governed: bool = True) -> None:
    """Check that models can be asked in batches.

    Args:
        models: that are to be.
        spelling: how the caller writes arguments.
        is_governed: whether calls of all of them are governed; else only of those wrapped in `governed`.

    Raises:
        UsageError: one cannot.
    """
    instead = f"leave out {spelling.batch}, or {_LIVE}"
    for model in map(first_of, models):
        named = default_model() if model is None else model
        if named is not None and not _may_batch(named):
            raise UsageError(
                f"{model_name(named)} cannot be asked in batches: only models of openai (ChatOpenAI) can; "
                f"{instead}"
            )
        if not is_governed and not hasattr(type(model), GOVERNED):
            raise UsageError(
                f"{model_name(model)} is called by code that knows no batches; wrap it in governed(...), or "
                f"{instead}"
            )


async def check_endpoints(program: Program, graph: object) -> None:
    """Ask the endpoints of models that are to be asked in batches whether they have a Batch API.

    Args:
        program: whose graph it is.
        graph: that it runs; anything but a graph of this package is not looked into.

    Raises:
        UsageError: one has none.
    """
    models = asked_in_batches(program, graph) if isinstance(graph, ParallelGraph) else ()
    for model in dict.fromkeys(map(first_of, models)):
        has_one, where = True, ""
        with suppress(Exception):  # no key here, for example, which only the workers have
            has_one, where = await asyncio.wait_for(_has_batches(model), _PATIENCE)
        if not has_one:
            raise UsageError(f"{where} has no Batch API; ask it without the batch lane, or {_LIVE}")


async def _has_batches(model: Any) -> tuple[bool, str]:
    from langgraph_parallel.runtime.batch.client import Client
    from langgraph_parallel.runtime.direct import Direct

    direct = Direct.of(await get_model(model), {})
    if direct is None:
        return True, ""
    return await Client(direct.connection).is_offered(), direct.connection.base


def _may_batch(model: str | BaseChatModel) -> bool:
    if isinstance(model, str):
        return model.startswith(_PROVIDER)
    kind = getattr(type(model), GOVERNED, type(model))
    # A subclass, such as that for Azure, may have other addresses.
    return (kind.__module__.partition(".")[0], kind.__name__) == ("langchain_openai", "ChatOpenAI")
