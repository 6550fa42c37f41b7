"""Parallel tool: an agent writes a plan as data, and it is run as a graph of this package."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.prebuilt import ToolRuntime
from langgraph.store.base import BaseStore
from pydantic import ValidationError

from langgraph_parallel.arguments import at_least, checked
from langgraph_parallel.errors import PlanError
from langgraph_parallel.nodes.work.workers import asks_in
from langgraph_parallel.runtime.limit_sources import merge_limits
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike, check_model
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.runtime.settings import as_settings
from langgraph_parallel.tools.answer import LEAST
from langgraph_parallel.tools.call import Answer, Calls
from langgraph_parallel.tools.conversation import ledger_of
from langgraph_parallel.tools.describing import check_name
from langgraph_parallel.tools.failures import is_invalid_resume
from langgraph_parallel.tools.kept import NAMESPACE
from langgraph_parallel.tools.plan import Plan, explain_form, read_plan
from langgraph_parallel.tools.plan_check import check_plan, refusal
from langgraph_parallel.tools.plan_cost import as_approve
from langgraph_parallel.tools.plan_graph import JOINS, SUMMARISE
from langgraph_parallel.tools.plan_steps import PlanSteps, refused
from langgraph_parallel.tools.plan_terms import Terms
from langgraph_parallel.tools.plan_workers import PlanWorkerLike, read_workers

_DESCRIPTION = (
    "Do many pieces of work at the same time. Pass a plan: sections with complete instructions, which of "
    "them need the results of others, and how to join the results. Workers see only what the plan gives "
    "them. "
    "Returns a short answer; the whole results are kept under a run id."
)


@checked
def parallel_tool(
    workers: Mapping[str, PlanWorkerLike],
    *,
    name: str = "run_in_parallel",
    description: str | None = None,
    join_model: ModelLike | None = None,
    approve: float | Mapping[str, Any] | None = None,
    limits: Limits | Mapping[str, Any] | None = None,
    conversation_limits: Limits | Mapping[str, Any] | None = None,
    max_sections: int = 1000,
    max_voters: int = 9,
    max_calls: int = 2000,
    tokens: int = 500,
    store: BaseStore | None = None,
    namespace: Sequence[str] = NAMESPACE,
) -> BaseTool:
    """Make a tool by which an agent runs a plan that it writes: sections, needs, votes, and a join, as data.

        parallel_tool({"reader": ("Answers questions about one file.", agent)}, approve=0.5)

    A plan chooses among what you give it here, by name. It is checked, and refused in one line that says how
    to mend it; estimated; put before a person if it may cost more than you say; run as `create_sectioning`,
    with `create_voting` for sections with voters; and answered in at most `tokens` tokens. Nothing in it is
    run as code or read as a template. The agent needs a checkpointer if a person is to approve plans, or if a
    plan is to go on after a crash.

    Args:
        workers: by name: a function, an `Ask`, a model, an agent, a graph; alone, as a pair of a description
            and the worker, or as a mapping of `worker`, `description` and `usd`, the most that one piece of
            its work costs. A function gets a `Section`, whose `content` is the instructions and the common
            context.
        name: of the tool.
        description: of the tool, for the calling model; by default what it does.
        join_model: may write one text from all results, if a plan says `summarise`; None to do without.
        approve: above what a person approves the plan: US dollars, or a mapping of `usd`, `calls` and
            `sections`. An unknown price is above any number of dollars. None for no approval.
        limits: of one call, as of a graph. A plan whose upper bounds are beyond its budget is not run.
        conversation_limits: budgets for all calls of a conversation, as in `as_tool`.
        max_sections: most sections of a plan.
        max_voters: most voters of a section, at least 2.
        max_calls: most answers of workers: sections, each times its voters.
        tokens: most tokens of the answer, at least 200.
        store: keeps whole outputs, as in `as_tool`.
        namespace: where in the store.

    Raises:
        UsageError: an argument is not valid.
        ModelError: a model is not valid.
        UnknownPrice: a budget is in dollars, and a model has no known price.
        PromptError: the prompt of an `Ask` lacks `{content}`, or has variables that sections do not have.
    """
    at_least(max_sections, "max_sections")
    at_least(max_voters, "max_voters", 2)
    at_least(max_calls, "max_calls")
    at_least(tokens, "tokens", LEAST)
    if join_model is not None:
        check_model(join_model)
    named, read = check_name(name), read_workers(workers)
    joins = JOINS if join_model is None else {**JOINS, "summarise": SUMMARISE}
    cards = {known: worker.card for known, worker in read.items()}
    terms = Terms(cards, joins, max_sections, max_voters, max_calls)
    own = None if limits is None else as_settings(limits, Limits, "limits")
    steps = PlanSteps(named, terms, read, join_model, as_approve(approve), own)
    ledger = ledger_of(conversation_limits, named)
    bounds = [one for one in (own, ledger.limits if ledger else None) if one is not None]
    asks = [model for worker in read.values() for ask in asks_in(worker.worker) for model in ask.models]
    check_prices(merge_limits(bounds), [*asks, *([] if join_model is None else [join_model])])
    called = _Planned(steps, Calls(named, "parallel_plan", own, ledger, tokens, store, tuple(namespace)))
    return StructuredTool(
        name=named,
        description=_DESCRIPTION if description is None else description,
        args_schema=steps.form,
        func=called.run,
        coroutine=called.arun,
        response_format="content_and_artifact",
        handle_tool_error=True,
        handle_validation_error=_explain,
    )


@dataclass(frozen=True)
class _Planned:
    """Plans that agents hand in."""

    steps: PlanSteps
    calls: Calls

    def run(
        self,
        config: RunnableConfig,
        callbacks: BaseCallbackManager | None = None,
        runtime: ToolRuntime[Any, Any] | None = None,
        **given: Any,
    ) -> Answer:
        """Run a plan, in an event loop of its own: one may run in this thread."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            arun = self.arun(config, callbacks, runtime, **given)
            return pool.submit(copy_context().run, asyncio.run, arun).result()

    async def arun(
        self,
        config: RunnableConfig,
        callbacks: BaseCallbackManager | None = None,
        runtime: ToolRuntime[Any, Any] | None = None,
        **given: Any,
    ) -> Answer:
        """Run a plan, or refuse it in one line."""
        plan = self._checked(given)
        call = self.calls.begin(config, runtime)
        end = await self.steps.run(plan, call, call.within(config, callbacks))
        if end.get("refused"):
            raise ToolException(end["refused"])
        content, artifact = end["answer"], end["artifact"]
        if not end["failed"]:
            return content, artifact
        if call.call_id is None:
            raise ToolException(content)
        failure = ToolMessage(
            content, artifact=artifact, status="error", tool_call_id=call.call_id, name=call.tool
        )
        return failure, None

    def _checked(self, given: Mapping[str, Any]) -> Plan:
        """Return the plan.

        Raises:
            ToolException: it cannot be run.
        """
        try:
            plan = read_plan(given)
            faults = check_plan(plan, self.steps.terms)
        except PlanError as error:
            raise ToolException(refused(str(error))) from None
        if faults:
            raise ToolException(refused(refusal(faults)))
        return plan


def _explain(error: Any) -> str:
    """Refuse a plan of another form; an answer of a person to an interrupt is none, and is asked again.

    Raises:
        pydantic.ValidationError: the error is about such an answer.
    """
    if is_invalid_resume(error) or not isinstance(error, ValidationError):
        raise error
    return refused(explain_form(error))
