"""Work in parts: what is too long for the context of a model is cut in two, as often as needed."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.errors import ModelError
from langgraph_parallel.nodes.text.chunks import cut
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Composed
from langgraph_parallel.records import Estimate
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.dialect import known_context
from langgraph_parallel.runtime.explain import kind_of
from langgraph_parallel.runtime.models import ModelLike, model_name, nameable_model
from langgraph_parallel.runtime.recording import note
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.tokens import estimate_tokens

WorkT = TypeVar("WorkT")
ResultT = TypeVar("ResultT")
_SHORTEST = 100
"""Tokens. What is shorter is not cut: it is the rest of the prompt that is too long."""
_ROOM = 0.6
"""Part of a prompt that was too long that sections may take from then on: the instructions need some, too."""


async def in_parts(
    make: Callable[[WorkT], Awaitable[ResultT]],
    work: WorkT,
    split: Callable[[WorkT], Sequence[WorkT]],
    join: Callable[[Sequence[ResultT]], ResultT | Awaitable[ResultT]],
) -> ResultT:
    """Do some work; where its prompt is longer than the context of the model, do it in parts.

    Args:
        make: does it.
        work: that is done.
        split: cuts work in two; returns nothing for work that cannot be cut.
        join: makes one result of those of the parts.

    Raises:
        Exception: of `make`; that the prompt is too long, if the work cannot be cut any more.
    """
    try:
        return await make(work)
    except Exception as error:
        parts = split(work) if kind_of(error) == "context" else ()
        if not parts:
            raise
    note("worked on in parts: the prompt was longer than the context of the model")
    joined = join([await in_parts(make, part, split, join) for part in parts])
    return await joined if inspect.isawaitable(joined) else joined


def halve(text: str) -> list[str]:
    """Cut a text in two, at a line if possible; empty for a text that is too short.

    >>> halve("short")
    []
    """
    tokens = estimate_tokens(text)
    if tokens < _SHORTEST:
        return []
    first = cut(text, -(-tokens // 2))[0].text
    return [first, text[len(first) :]]


def section_tokens(model: ModelLike | None) -> int:
    """Return the most tokens of material in one prompt: the run's limit, or what a model is known to take."""
    limit = current_run().limits.section_tokens
    try:
        name = model_name(nameable_model(model))
    except ModelError:  # there is none, or not a usable one: that is said elsewhere
        return limit
    known = known_context(name)
    return limit if known is None else max(_SHORTEST, min(limit, int(_ROOM * known)))


class DividingAsk(Composed):
    """An `Ask` that cuts one of its variables in two where its prompt is too long for the model.

    Args:
        ask: gets a mapping of its variables.
        variable: that is cut.
        join: makes one answer of several.
    """

    def __init__(self, ask: Ask, variable: str, join: Callable[[Sequence[Any]], Any]) -> None:
        self.ask, self._variable, self._join = ask, variable, join

    @property
    def asks(self) -> Sequence[Ask]:
        """The `Ask`."""
        return [self.ask]

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Ask once, or once for each part."""
        return await in_parts(lambda given: self.ask.ainvoke(given, config), input, self._split, self._join)

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """Return the upper bounds of one answer: nothing is known of the context of the model."""
        return self.ask.estimate(input, run, context)

    def _split(self, given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return [{**given, self._variable: half} for half in halve(str(given[self._variable]))]
