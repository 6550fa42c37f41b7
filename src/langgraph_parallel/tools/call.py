"""One call of a graph by an agent: what bounds it, and what becomes of its result."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import patch_config
from langchain_core.tools import ToolException
from langgraph.errors import GraphBubbleUp
from langgraph.store.base import BaseStore

from langgraph_parallel.runtime.around import Around
from langgraph_parallel.runtime.budget import Amount, Budget
from langgraph_parallel.runtime.graph import is_resuming
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.redact import in_words
from langgraph_parallel.tools.answer import compact, compact_failure, report_of, status_of, title_of
from langgraph_parallel.tools.conversation import ARTIFACT, Ledger
from langgraph_parallel.tools.failures import error_words, is_invalid_resume, output_of
from langgraph_parallel.tools.kept import Shelf, new_run_id
from langgraph_parallel.tools.summary import named

_log = logging.getLogger("langgraph_parallel")
Answer = tuple[Any, Any]
"""Content and artifact, as LangChain's tools return them; or a message, and None."""


@dataclass
class Call:
    """One call of a tool."""

    tool: str
    """Name of the tool."""
    kind: str
    """The pattern of its graph."""
    tokens: int
    """Most tokens of the answer."""
    shelf: Shelf
    call_id: str | None
    """Of the model; None if the tool was called by code."""
    limits: Sequence[Limits]
    """Of this call, then of the conversation."""
    budgets: Sequence[Budget]
    """Of this call, which measures it as well, then of the conversation; empty if nothing is bounded."""
    names: Mapping[str, str] = field(default_factory=dict)
    """The caller's name of each output key of the graph that has one; details are kept under these."""
    run: str = field(default_factory=new_run_id)
    error: str = ""
    """What ended the run, in words; empty if it has a result."""
    is_kept: bool = True
    """Whether the output can be read later."""

    def within(self, config: RunnableConfig, callbacks: BaseCallbackManager | None) -> RunnableConfig:
        """Return the config for the graph."""
        if callbacks is not None:
            config = patch_config(config, callbacks=callbacks)
        return Around(self.limits, self.budgets).within(config) if self.limits else config

    def check(self, *, resumes: bool) -> None:
        """Check that the conversation has budget for another call.

        Args:
            resumes: whether the run may be one that goes on, whose results must not be lost.

        Raises:
            ToolException: it has not.
        """
        for budget in () if resumes else self.budgets[1:]:
            if why := budget.why_spent():
                raise ToolException(
                    f"{title_of(self.kind, self.tool)}: not run, {why}: it is for all calls of this "
                    "conversation; go on without it"
                )

    def ended(self, error: Exception) -> dict[str, Any]:
        """Return what a run leaves that has raised an error.

        Raises:
            GraphBubbleUp: a person is asked, or the agent's graph takes control.
            InputError: a person's answer does not fit the question.
        """
        if isinstance(error, GraphBubbleUp) or is_invalid_resume(error):
            raise error
        self.error = error_words(error)
        return output_of(error)

    def parts(self, output: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is kept of an output, under the names that the caller of the graph knows."""
        return named(output, self.names)

    def not_kept(self, error: Exception) -> None:
        """Go on without the details: the result is paid for."""
        _log.error("the output of a tool could not be kept: %s", in_words(error), exc_info=error)
        self.is_kept = False

    def answer(self, output: Mapping[str, Any]) -> Answer:
        """Return what the agent gets.

        Raises:
            ToolException: the run has failed, and no model has called.
        """
        report = report_of(output)
        status = "failed" if self.error else status_of(output)
        shown = self.run if self.is_kept else ""
        asked: Any = {"run": shown, "tool": self.tool, "names": self.names, "tokens": self.tokens}
        if self.error:
            content = compact_failure(self.kind, self.error, output, **asked)
        else:
            content = compact(self.kind, output, **asked)
        artifact = {"by": ARTIFACT, "run": self.run, "kind": self.kind, "status": status}
        artifact |= self._cost(report)
        if status != "failed":
            return content, artifact
        if self.call_id is None:
            raise ToolException(content)
        return ToolMessage(
            content, artifact=artifact, status="error", tool_call_id=self.call_id, name=self.tool
        ), None

    def _cost(self, report: Any) -> dict[str, Any]:
        """Return what the run has cost: as its report says, or more if what was measured is more."""
        spent = self.budgets[0].spent if self.budgets else Amount()
        if report is None:
            return {"calls": spent.calls, "tokens": spent.tokens, "usd": spent.usd, "seconds": 0.0}
        calls = sum(call.kind == "model" for call in report.calls)
        tokens = report.usage.input_tokens + report.usage.output_tokens
        return {
            "calls": max(calls, spent.calls),
            "tokens": max(tokens, spent.tokens),
            "usd": None if report.usd is None else max(report.usd, spent.usd),
            "seconds": round(report.wall_seconds, 3),
        }


@dataclass(frozen=True)
class Calls:
    """How the calls of a tool begin."""

    tool: str
    """Name of the tool."""
    kind: str
    """The pattern of its graph."""
    limits: Limits | None
    """Of one call."""
    ledger: Ledger | None
    """Of the conversation."""
    tokens: int
    """Most tokens of an answer."""
    store: BaseStore | None
    """Keeps outputs; None for that of the agent, else this process."""
    namespace: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    """The caller's name of each output key of the graph that has one."""

    def begin(self, config: RunnableConfig, runtime: Any) -> Call:
        """Begin a call.

        Args:
            config: of the call.
            runtime: a `ToolRuntime`; None outside of an agent.

        Raises:
            ToolException: the budget of the conversation is spent.
        """
        limits = [
            one for one in (self.limits, self.ledger.limits if self.ledger else None) if one is not None
        ]
        budgets = [Budget(self.limits or Limits.model_construct())] if limits else []
        if self.ledger is not None:
            budgets.append(self.ledger.budget(config, _messages(runtime)))
        shelf = Shelf.of(self.store or getattr(runtime, "store", None), config, self.namespace)
        call_id = getattr(runtime, "tool_call_id", None)
        call = Call(self.tool, self.kind, self.tokens, shelf, call_id, limits, budgets, self.names)
        call.check(resumes=is_resuming(config))
        return call


def _messages(runtime: Any) -> Sequence[Any]:
    """Return the messages of the agent's state; none if it has no such key."""
    state = getattr(runtime, "state", None)
    messages = state.get("messages") if isinstance(state, Mapping) else getattr(state, "messages", state)
    return messages if isinstance(messages, list) else []
