"""Results of rows: what their calls took, and why they failed."""

from collections.abc import Iterable, Mapping
from typing import Any

from langgraph_parallel.counted import count
from langgraph_parallel.errors import BudgetSpent, RunDrained
from langgraph_parallel.nodes.catalogue.nested_vote import read_vote
from langgraph_parallel.records import Ballot, Branch, Call, RunReport, Verdict
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.run_report import cost
from langgraph_parallel.scale.mapping.problem import RowProblem
from langgraph_parallel.scale.rows import NOTHING_SPENT, Spent

_DEEPEST = 20
"""Causes of an exception that are looked at."""


def spent_on(calls: Iterable[Call]) -> Spent:
    """Return what calls took; answers that a cache had are no calls."""
    made = [call for call in calls if call.kind == "model" and not call.kept]
    if not made:
        return NOTHING_SPENT
    return Spent(
        calls=len(made),
        input_tokens=sum(call.usage.input_tokens for call in made),
        output_tokens=sum(call.usage.output_tokens for call in made),
        usd=cost(made),
        throttled=sum(call.throttled for call in made),
    )


def in_one_line(error: BaseException) -> str:
    """Return why a row failed, as branches say it: `ValueError: no price`."""
    return str(error) if isinstance(error, RowProblem) else describe(error)


def is_from_outside(error: BaseException | None, *, budgets: bool) -> bool:
    """Return whether an error of a row means that it was stopped, and says nothing of the row.

    Code of the caller's may have wrapped what a call raised, so its causes count, too.

    Args:
        error: that the row has raised.
        budgets: whether the map has budgets; without any, a budget that is spent is one of the row's own.
    """
    stopping = (BudgetSpent, RunDrained) if budgets else (RunDrained,)
    for _ in range(_DEEPEST):
        if error is None:
            return False
        if isinstance(error, stopping):
            return True
        error = error.__cause__ or error.__context__
    return False


def ended_from_outside(branches: Iterable[Branch], *, budgets: bool) -> bool:
    """Return whether a drain has ended one of some branches, at any level, or a budget of the map.

    Args:
        branches: of the run of a row.
        budgets: whether the map has budgets; without any, a budget that is spent is one of the row's own.
    """
    for branch in branches:
        if branch.ended_by == "drain" or (budgets and branch.ended_by == "budget"):
            return True
        below = branch.below
        if below is not None and ended_from_outside(below.branches.values(), budgets=budgets):
            return True
    return False


def failure_of(output: Mapping[str, Any]) -> str:
    """Return why the run of a graph has failed; empty if it has not."""
    report: RunReport | None = output.get("run_report")
    if report is not None and report.status == "failed":
        return next(iter(report.failures.values()), "it has no result")
    verdict = output.get("verdict")
    return _no_quorum(verdict, output.get("ballots") or ()) if isinstance(verdict, Verdict) else ""


def failure_of_vote(branch: Branch) -> str:
    """Return why the vote on an item has chosen nothing; empty if enough of its votes were valid."""
    value: Any = branch.value
    if not isinstance(value, dict) or (value.get("verdict") or {}).get("status") != "no_quorum":
        return ""  # nearly all; to read a vote takes longer than to look at its status
    vote = read_vote(branch)
    return "" if vote is None else _no_quorum(vote.verdict, vote.ballots)


def _no_quorum(verdict: Verdict, ballots: Iterable[Ballot]) -> str:
    if verdict.status != "no_quorum":
        return ""
    errors = [f": {ballot.error}" for ballot in ballots if ballot.error]
    return f"no quorum, {verdict.cast} of {count(verdict.asked, 'vote')} were valid{''.join(errors[-1:])}"
