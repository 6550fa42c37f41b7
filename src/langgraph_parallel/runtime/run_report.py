"""From branches to the numbers of a run."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from langgraph_parallel.records import Branch, Call, Escalation, RunReport, Trial, Usage
from langgraph_parallel.reducers.channels import merge_calls
from langgraph_parallel.reducers.votes.replay import add_trials


def measure(
    branches: Iterable[Branch],
    *,
    started: float,
    ended: float,
    closing: Iterable[Call] = (),
    reason: str = "",
    saved: int = 0,
    trials: Iterable[Trial] = (),
    escalations: Iterable[Escalation] = (),
) -> RunReport:
    """Compute the run report.

    Args:
        branches: those of the graph itself; what ran below them is in their records.
        started: when this invocation began, in seconds since the epoch.
        ended: when it closed.
        closing: calls that were made outside of branches: by a planner, a judge, a synthesizer.
        reason: why the fan-out ended.
        saved: voters of the graph itself that were never asked.
        trials: what other stops would have made of its vote.
        escalations: its own vote, where that waits for a person.

    Wall time is that of this invocation, and of earlier ones as far as calls were on their way in them. The
    sequential time is the sum of all calls' durations; the critical path is the longest branch and the
    closing calls after it; percentiles are nearest-rank, over calls.
    """
    branches, closing = list(branches), list(closing)
    calls: dict[str, Call] = {}
    for branch in branches:
        calls = merge_calls(calls, {call.id: call for call in branch.calls})
    calls = merge_calls(calls, {call.id: call for call in closing})
    made = sorted(calls.values(), key=lambda call: (call.started, call.id))
    seconds = sorted(call.seconds for call in made)
    earlier = covered((call.started, min(call.ended, started)) for call in made if call.started < started)
    wall, sequential = max(0.0, ended - started) + earlier, math.fsum(seconds)
    longest = max((branch.ended - branch.started for branch in branches), default=0.0)
    return RunReport(
        wall_seconds=wall,
        sequential_seconds=sequential,
        speedup=sequential / wall if wall and made else 1.0,
        critical_path_seconds=longest + math.fsum(call.seconds for call in closing),
        call_p50_seconds=percentile(seconds, 0.5),
        call_p95_seconds=percentile(seconds, 0.95),
        branches=leaves(branches),
        failures=collect_failures(branches),
        retries=sum(call.attempt > 1 for call in made),
        throttled_share=sum(call.throttled for call in made) / len(made) if made else 0.0,
        hedges=sum(call.hedge for call in made),
        usage=Usage.total(call.usage for call in made),
        wasted=Usage.total(call.usage for call in made if not call.ok),
        usd=cost(made),
        wasted_usd=cost(call for call in made if not call.ok),
        calls_saved=saved + sum(_saved(branch) for branch in branches),
        trials=add_trials([*trials, *(trial for branch in branches for trial in branch.trials)]),
        escalations=[*escalations, *escalated(branches)],
        completion_reason=reason,
        calls=made,
    )


def escalated(branches: Iterable[Branch]) -> list[Escalation]:
    """Votes below these branches that wait for a person, seen from around the branches."""
    return [held.within(branch.id) for branch in branches for held in branch.escalations]


def _saved(branch: Branch) -> int:
    return branch.saved + (branch.ended_by == "stop" and branch.status == "skipped")


def cost(calls: Iterable[Call]) -> float | None:
    """What calls cost together; None where the price of one that used tokens is not known."""
    priced = [(call.usd, call.usage) for call in calls if call.kind == "model"]
    if any(usd is None and usage != Usage() for usd, usage in priced):
        return None
    return math.fsum(usd or 0.0 for usd, _ in priced)


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """The length of the union of spans.

    >>> covered([(0, 2), (1, 3), (5, 6)])
    4.0
    """
    total, end = 0.0, -math.inf
    for begin, finish in sorted(spans):
        total += max(0.0, finish - max(begin, end))
        end = max(end, finish)
    return total


def collect_failures(branches: Iterable[Branch]) -> dict[str, str]:
    """Causes by name, and by the names of the branches around them; a name that comes again is numbered."""
    causes: dict[str, str] = {}
    for branch in branches:
        own = {} if branch.ok or branch.ended_by == "stop" else {branch.name: branch.error or branch.status}
        below = {f"{name} in {branch.name}": cause for name, cause in branch.failures.items()}
        for name, cause in (own | below).items():
            number = sum(held == name or held.startswith(f"{name} (") for held in causes)
            causes[f"{name} ({number + 1})" if number else name] = cause
    return causes


def leaves(branches: Iterable[Branch]) -> dict[str, int]:
    """Count leaf branches by status: a branch that has branches below it stands for those."""
    counts: Counter[str] = Counter()
    for branch in branches:
        counts.update(branch.leaves or {branch.status: 1})
    return dict(sorted(counts.items()))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Nearest-rank percentile of sorted values; 0 of none.

    >>> percentile([1, 2, 3, 4], 0.5)
    2
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
