"""Synthesizers that ask: a model, an agent, an `Ask` of the caller's; and what else may be a synthesizer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable
from pydantic import JsonValue
from typing_extensions import TypeAliasType

from langgraph_parallel.arguments import check_called, checked
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.render import as_sections, missing_line
from langgraph_parallel.nodes.work.workers import Worker, as_worker
from langgraph_parallel.prompts import PromptLike, load_prompt
from langgraph_parallel.runtime.chained import is_model
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike

Synthesizer = Callable[[Gathered], JsonValue | Awaitable[JsonValue]]
"""From results to one JSON value, sync or async."""
SynthesizerLike = TypeAliasType("SynthesizerLike", Synthesizer | Ask | BaseChatModel | Runnable[Any, Any])
"""A synthesizer, or what becomes one: an `Ask` with the variable `{results}`, a chat model, or an agent."""


def as_synthesizer(given: SynthesizerLike, prompt: str = "sectioning/synthesize") -> Synthesizer:
    """Return a synthesizer; turn an `Ask` or a chat model into one.

    Args:
        given: a function of `Gathered`, an `Ask`, or a chat model.
        prompt: name of the shipped prompt that a chat model is asked with.

    Raises:
        UsageError: it is neither.
        PromptError: the `Ask` has other variables than `{results}` and `{missing}`.
    """
    if is_model(given):
        return by_model(given, prompt=load_prompt(prompt))
    if isinstance(given, Ask):
        return _Asking(given)
    if isinstance(given, Runnable):
        return _Working(as_worker(given, prompt, offers=()))
    check_called(given)
    if callable(given):
        return given
    raise UsageError(
        f"{given!r} is not a synthesizer; pass one of `synthesize`, a function of Gathered, or an Ask"
    )


class by_model:  # noqa: N801 - called like the other synthesizers
    """Let a model write one coherent text. It is told what is missing; a last line names what it leaves out.

    Args:
        model: by default the one that the environment names.
        prompt: with the variables `{results}` and `{missing}`; by default the shipped one.
        limits: limits of its call, as `Limits` or a mapping.

    Raises:
        PromptError: the prompt has other variables, or lacks `{results}`.
        ModelError: the model is not valid.
        UsageError: `limits` has an unknown key or a limit of runs.
    """

    @checked
    def __init__(
        self,
        model: ModelLike | None = None,
        *,
        prompt: PromptLike | None = None,
        limits: Limits | Mapping[str, Any] | None = None,
    ) -> None:
        self.ask = Ask(prompt or load_prompt("sectioning/synthesize"), model=model, limits=limits)
        _check_variables(self.ask)

    async def __call__(self, gathered: Gathered) -> JsonValue:
        """Write the text."""
        text: str = await self.ask.ainvoke(_variables(self.ask, gathered))
        unnamed = [title for title in gathered.missing if title.casefold() not in text.casefold()]
        return f"{text}\n\n{missing_line(unnamed)}" if unnamed else text


class _Working:
    """Let an agent, or another Runnable, join the results, which it gets as one text."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def __call__(self, gathered: Gathered) -> Any:
        text = as_sections((section.title, value) for section, value in gathered.results)
        missing = f"\n\n{missing_line(gathered.missing)}" if gathered.missing else ""
        return await self._worker.ainvoke(f"{text}{missing}")


class _Asking:
    """Let an `Ask` of the caller's join the results."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        _check_variables(ask)

    async def __call__(self, gathered: Gathered) -> Any:
        return await self.ask.ainvoke(_variables(self.ask, gathered))


def _check_variables(ask: Ask) -> None:
    ask.prompt.check(["results", "missing", *ask.given], needs=["results"])


def _variables(ask: Ask, gathered: Gathered) -> dict[str, str]:
    values = {
        "results": as_sections((section.title, value) for section, value in gathered.results),
        "missing": ", ".join(gathered.missing),
    }
    return {name: values[name] for name in ask.variables}
