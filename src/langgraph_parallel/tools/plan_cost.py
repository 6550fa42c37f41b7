"""What a plan may cost, before any call, and what of that needs a person or is too much."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from langgraph_parallel.control import aestimate
from langgraph_parallel.records import Estimate
from langgraph_parallel.report.wording import count
from langgraph_parallel.runtime.budget import Budget
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.settings import as_settings
from langgraph_parallel.tools.plan import Plan
from langgraph_parallel.tools.plan_check import is_vote, worker_of
from langgraph_parallel.tools.plan_terms import Terms
from langgraph_parallel.tools.plan_workers import PlanWorker


class Approve(BaseModel):
    """Above which of these a person has to approve a plan; None for no bound. 0 is above nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    usd: float | None = Field(None, ge=0, allow_inf_nan=False)
    """US dollars, as an upper bound; unknown ones are above any number."""
    calls: int | None = Field(None, ge=0)
    """Answers of workers and models."""
    sections: int | None = Field(None, ge=0)
    """Sections of the plan."""


def as_approve(given: float | Mapping[str, Any] | None) -> Approve | None:
    """Return above what a person is asked, from dollars or a mapping of its fields; None for never.

    Raises:
        UsageError: it has an unknown field or an invalid value.
    """
    if given is None:
        return None
    return as_settings(given if isinstance(given, Mapping) else {"usd": given}, Approve, "approve")


@dataclass(frozen=True)
class Cost:
    """Upper bounds of a plan, as `Estimate`, with what the application says of its workers."""

    sections: int
    calls: int
    tokens: int
    usd: float | None
    """None if a price is unknown, or a worker's cost is."""

    @property
    def text(self) -> str:
        """The bounds in words, for people and models."""
        dollars = "an unknown number of dollars" if self.usd is None else f"at most ${self.usd:.4g}"
        return f"{count(self.sections, 'section')}, {count(self.calls, 'call')}, {dollars}"


async def estimate_cost(
    plan: Plan,
    graph: ParallelGraph,
    given: Mapping[str, Any],
    terms: Terms,
    workers: Mapping[str, PlanWorker],
) -> Cost:
    """Return the upper bounds of a plan.

    Args:
        plan: checked.
        graph: its graph.
        given: the input of the graph.
        terms: of the plan.
        workers: by name.

    Raises:
        UsageError: a model or a limit is not valid.
    """
    estimate: Estimate = await aestimate(graph, given)
    answers, told, unknown = int(plan.join.how == "summarise"), 0.0, False
    for section in plan.sections:
        number = section.voters if is_vote(section) and section.voters else 1
        worker = workers[worker_of(section, terms)]
        answers += number
        # A graph of ours may have functions and agents inside, which the notes of the estimate say.
        known = worker.is_known and not (isinstance(worker.worker, ParallelGraph) and estimate.notes)
        unknown |= worker.usd is None and not known
        told += number * (worker.usd or 0.0)
    usd = None if unknown or estimate.usd is None else estimate.usd + told
    calls = max(estimate.calls, answers)
    return Cost(len(plan.sections), calls, estimate.input_tokens + estimate.output_tokens, usd)


def exceeded_budget(cost: Cost, budgets: Mapping[str, Budget]) -> str:
    """Return in one line what of a cost is beyond a budget; empty if nothing is.

    The bounds of an estimate are upper ones: what passes here cannot run out of its budget half-way, except
    by agents and functions, whose calls nobody knows before.

    Args:
        cost: of the plan.
        budgets: by what they are of, as the line says it.
    """
    for whose, budget in budgets.items():
        kinds: list[tuple[Any, Any, Any, Callable[[Any], str]]] = [
            (cost.calls, budget.calls, budget.spent.calls, lambda n: count(n, "call")),
            (cost.tokens, budget.tokens, budget.spent.tokens, lambda n: count(n, "token")),
            (cost.usd, budget.usd, budget.spent.usd, lambda n: f"${n:.4g}"),
        ]
        for most, limit, spent, shown in kinds:
            if most is not None and limit is not None and most > limit - spent:
                return (
                    f"the plan may take {shown(most)}, and the budget {whose} is "
                    f"{shown(max(0, limit - spent))}; take fewer sections or voters, or shorter texts"
                )
    return ""


def needs_approval(cost: Cost, approve: Approve | None) -> str:
    """Return in a few words above what a cost is; empty if no person has to be asked."""
    if approve is None:
        return ""
    if approve.usd is not None and (cost.usd is None or cost.usd > approve.usd):
        return f"${approve.usd:g}"
    if approve.calls is not None and cost.calls > approve.calls:
        return count(approve.calls, "call")
    if approve.sections is not None and cost.sections > approve.sections:
        return count(approve.sections, "section")
    return ""
