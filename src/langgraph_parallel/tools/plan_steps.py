"""The steps of one call: weigh the plan, ask a person if it costs too much, run it, answer.

They are nodes of a graph of their own, so that each is stored with the agent's checkpoints: a call that is
resumed asks nobody twice, and decides nothing again from a price or a limit that has changed meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import ToolException
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict

from langgraph_parallel.errors import ParallelError
from langgraph_parallel.runtime.budget import Budget
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.limit_sources import limits_from_environment
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.tools.call import Call
from langgraph_parallel.tools.failures import error_words, is_invalid_resume
from langgraph_parallel.tools.plan import Plan
from langgraph_parallel.tools.plan_approval import ask_person
from langgraph_parallel.tools.plan_check import check_plan
from langgraph_parallel.tools.plan_cost import (
    Approve,
    estimate_cost,
    exceeded_budget,
    needs_approval,
)
from langgraph_parallel.tools.plan_form import plan_type
from langgraph_parallel.tools.plan_graph import build_graph, graph_input
from langgraph_parallel.tools.plan_terms import Terms
from langgraph_parallel.tools.plan_workers import PlanWorker

_CHECKPOINTER = "__pregel_checkpointer"
_CALL = "__langgraph_parallel_call"
"""The config key of the call, which no checkpoint holds."""
_MOST_GRAPHS = 4


class PlanState(TypedDict, total=False):
    """State of one call."""

    plan: dict[str, Any]
    run: str
    """Id under which the output is kept."""
    to_approve: str
    """What the person is told; empty if nobody has to approve it."""
    refused: str
    """Why it is not run; empty if it is."""
    answer: str
    """What the calling model reads."""
    artifact: dict[str, Any] | None
    """What its message tells programs."""
    failed: bool
    """Whether the answer is that of a run that has failed."""


@dataclass(frozen=True)
class PlanSteps:
    """How plans are run."""

    name: str
    """Of the tool, and of its graphs in traces."""
    terms: Terms
    workers: Mapping[str, PlanWorker]
    summarises: ModelLike | None = None
    approve: Approve | None = None
    limits: Limits | None = None
    _graphs: dict[str, ParallelGraph] = field(default_factory=dict, repr=False, compare=False)
    """Of the plans that were run last."""

    @cached_property
    def form(self) -> type[Plan]:
        """The form of a plan."""
        return plan_type(self.terms)

    @cached_property
    def graph(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """The graph of the steps."""
        builder: StateGraph[Any, Any, Any, Any] = StateGraph(PlanState)
        builder.add_node("weigh", self.weigh)
        builder.add_node("approve", self.ask)
        builder.add_node("work", self.work)
        builder.add_edge(START, "weigh")
        builder.add_conditional_edges("weigh", _after_weighing, ["approve", "work", END])
        builder.add_conditional_edges("approve", _after_asking, ["work", END])
        builder.add_edge("work", END)
        return builder.compile(name=self.name)

    async def weigh(self, state: PlanState, config: RunnableConfig) -> PlanState:
        """Estimate the plan; refuse it, or say why a person has to approve it."""
        plan = Plan.model_validate(state["plan"])
        cost = await estimate_cost(plan, self._built(plan), self._given(plan), self.terms, self.workers)
        if too_much := exceeded_budget(cost, _budgets(config)):
            return {"refused": refused(too_much), "to_approve": ""}
        above = needs_approval(cost, self.approve)
        if above and not (config.get("configurable") or {}).get(_CHECKPOINTER):
            why = (
                f"the plan may take {cost.text}, and above {above} a person has to approve it, which needs "
                "an agent with a checkpointer; take fewer sections or voters"
            )
            return {"refused": refused(why), "to_approve": ""}
        told = f"{cost.text}. Above {above} a person approves it." if above else ""
        return {"refused": "", "to_approve": told}

    async def ask(self, state: PlanState, config: RunnableConfig) -> PlanState:
        """Let a person approve, edit or reject the plan."""
        decided = ask_person(
            Plan.model_validate(state["plan"]),
            lambda plan: check_plan(plan, self.terms),
            tool=self.name,
            description=state["to_approve"],
            schema=self.form.model_json_schema(),
        )
        if decided.plan is None:
            return {"refused": decided.rejection}
        plan = decided.plan
        cost = await estimate_cost(plan, self._built(plan), self._given(plan), self.terms, self.workers)
        too_much = exceeded_budget(cost, _budgets(config))
        return {"plan": plan.model_dump(), "refused": refused(too_much) if too_much else ""}

    async def work(self, state: PlanState, config: RunnableConfig) -> PlanState:
        """Run the plan, keep its output, and answer."""
        plan, call = Plan.model_validate(state["plan"]), _call_of(config)
        call.run = state["run"]
        try:
            output = await self._built(plan).ainvoke(self._given(plan), config)
        except Exception as error:
            output = call.ended(error)
        output = _by_section(output, plan)
        try:
            if output:
                await call.shelf.akeep(call.run, output)
        except Exception as error:
            call.not_kept(error)
        try:
            content, artifact = call.answer(output)
        except ToolException as failure:
            return {"answer": str(failure), "artifact": None, "failed": True}
        if isinstance(content, ToolMessage):
            return {"answer": content.text, "artifact": content.artifact, "failed": True}
        return {"answer": content, "artifact": artifact, "failed": False}

    async def run(self, plan: Plan, call: Call, config: RunnableConfig) -> PlanState:
        """Return the end of a call; what cannot be run is refused in one line.

        Raises:
            GraphBubbleUp: a person is asked.
            InputError: an answer of a person is not valid; another one can be given.
        """
        configurable = {**(config.get("configurable") or {}), _CALL: call}
        given = {"plan": plan.model_dump(), "run": call.run}
        try:
            end = await self.graph.ainvoke(given, {**config, "configurable": configurable})
        except ParallelError as error:  # of the estimate: a model has no key, or no price
            if is_invalid_resume(error):
                raise
            return {"refused": refused(error_words(error))}
        return cast("PlanState", end)

    def _given(self, plan: Plan) -> dict[str, Any]:
        return {**graph_input(plan, self.terms, self.workers)}

    def _built(self, plan: Plan) -> ParallelGraph:
        """Return the graph of a plan, which two steps need: a vote takes 8 ms to compile."""
        key = plan.model_dump_json()
        graph = self._graphs.pop(key, None) or build_graph(
            plan,
            self.terms,
            self.workers,
            summarises=self.summarises,
            limits=self.limits,
            name=self.name,
        )
        self._graphs[key] = graph  # the last one is the newest
        while len(self._graphs) > _MOST_GRAPHS:
            self._graphs.pop(next(iter(self._graphs)), None)
        return graph


def _call_of(config: RunnableConfig) -> Call:
    call: Call = (config.get("configurable") or {})[_CALL]
    return call


def _budgets(config: RunnableConfig) -> dict[str, Budget]:
    """Return what bounds a call before it begins, by what it is of."""
    names = ("of a call", "that is left of this conversation")
    budgets = dict(zip(names, _call_of(config).budgets, strict=False))
    return {**budgets, "of a run": Budget(limits_from_environment())}


def _by_section(output: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """Return an output without a join that only repeats it: the results by section instead."""
    if plan.join.how != "concat" or "branches" not in output:
        return output
    branches = sorted(output["branches"].values(), key=lambda branch: branch.order)
    results = {branch.id: branch.value for branch in branches if branch.ok}
    kept = {key: value for key, value in output.items() if key not in ("result", "uncited")}
    return {"results": results, **kept}


def refused(why: str) -> str:
    """Return the line by which a plan is refused."""
    return f"The plan was not run: {why}."


def _after_weighing(state: PlanState) -> str:
    return END if state["refused"] else "approve" if state["to_approve"] else "work"


def _after_asking(state: PlanState) -> str:
    return END if state["refused"] else "work"
