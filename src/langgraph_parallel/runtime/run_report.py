"""The numbers of a run, computed from its branches and calls."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from langgraph_parallel.records import Branch, Call, Escalation, RunReport, Trial, Usage
from langgraph_parallel.reducers.channels import merge_all_calls
from langgraph_parallel.reducers.votes.replay import add_trials
from langgraph_parallel.runtime.savings import saved_by_calls

_BRACKET = re.compile(r" \(")


def measure_run(
    branches: Iterable[Branch],
    *,
    started: float,
    ended: float,
    closing: Iterable[Call] = (),
    late: Iterable[Call] = (),
    reason: str = "",
    saved: int = 0,
    trials: Iterable[Trial] = (),
    escalations: Iterable[Escalation] = (),
) -> RunReport:
    """Compute the run report.

    Wall time is that of this invocation, plus the time in which branches that ended in earlier invocations
    were under way, or calls of theirs.
    The sequential time is the sum of all calls' durations. The critical path is the longest branch and the
    closing calls after it. Percentiles are nearest-rank, over calls.

    Args:
        branches: the graph's own branches; their records include what ran below them.
        started: start of this invocation, in seconds since the epoch.
        ended: when it closed.
        closing: calls outside of branches: of a planner, a judge, a synthesizer.
        late: calls as they are billed, although they had ended before they were answered.
        reason: why the fan-out ended.
        saved: voters or sections of the graph itself that were never asked.
        trials: results of other stops on the graph's own vote.
        escalations: the graph's own vote, if it waits for a person.
    """
    branches, closing = list(branches), list(closing)
    calls = _distinct_calls(branches, [*closing, *late])
    report = RunReport(
        **numbers_of(calls, _wall_seconds(branches, calls, started, ended)),
        critical_path_seconds=_critical_path_seconds(branches, closing),
        branches=leaves(branches),
        failures=collect_failures(branches),
        trials=add_trials([*trials, *_trials_below(branches)]),
        escalations=[*escalations, *escalated(branches)],
        completion_reason=reason,
    )
    return with_calls_saved(report, saved + sum(_calls_saved(branch) for branch in branches))


def numbers_of(calls: Sequence[Call], wall_seconds: float) -> dict[str, Any]:
    """Return what a run report says of calls, by its fields, and the calls.

    Args:
        calls: of the run, each once.
        wall_seconds: that the run took.
    """
    failed, made = [call for call in calls if not call.ok], [call for call in calls if not call.kept]
    seconds = sorted(call.seconds for call in made)
    sequential = math.fsum(seconds)
    return {
        "wall_seconds": wall_seconds,
        "sequential_seconds": sequential,
        "speedup": sequential / wall_seconds if wall_seconds and calls else 1.0,
        "call_p50_seconds": percentile(seconds, 0.5),
        "call_p95_seconds": percentile(seconds, 0.95),
        "retries": sum(call.attempt > 1 for call in calls),
        "throttled_share": sum(call.throttled for call in made) / len(made) if made else 0.0,
        "hedges": sum(call.hedge for call in calls),
        "usage": Usage.total(call.usage for call in made),
        "wasted": Usage.total(call.usage for call in failed),
        "usd": cost(calls),
        "wasted_usd": cost(failed),
        "unseen": sum(call.kind == "worker" and call.attempt == 1 for call in calls),
        "kept": len(calls) - len(made),
        "calls": list(calls),
    }


def with_calls_saved(report: RunReport, number: int) -> RunReport:
    """Return a report with a number of calls that were not made, and what all levers have saved."""
    savings = saved_by_calls(report.calls, number)
    alone = None if report.usd is None else report.usd + savings.total
    return report.model_copy(update={"calls_saved": number, "savings": savings, "usd_alone": alone})


def escalated(branches: Iterable[Branch]) -> list[Escalation]:
    """Return the votes below these branches that wait for a person, each with the path of its branch."""
    return [escalation.within(branch.id) for branch in branches for escalation in branch.escalations]


def cost(calls: Iterable[Call]) -> float | None:
    """Add up what calls cost; None if the price of one that used tokens is unknown."""
    priced = [(call.usd, call.usage) for call in calls if call.kind == "model"]
    if any(usd is None and (usage.input_tokens or usage.output_tokens) for usd, usage in priced):
        return None
    return math.fsum(usd or 0.0 for usd, _ in priced)


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return the length of the union of spans.

    >>> covered([(0, 2), (1, 3), (5, 6)])
    4.0
    """
    total, covered_until = 0.0, -math.inf
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, covered_until))
        covered_until = max(covered_until, end)
    return total


def collect_failures(branches: Iterable[Branch]) -> dict[str, str]:
    """Collect causes by branch name, followed by the names of the branches around it.

    A name that occurs again is numbered: `name (2)`.
    """
    causes: dict[str, str] = {}
    alike: Counter[str] = Counter()
    """How many names are each name, or that name with more in brackets."""
    for branch in branches:
        own = {} if branch.ok or branch.ended_by == "stop" else {branch.name: branch.error or branch.status}
        below = {f"{name} in {branch.name}": cause for name, cause in branch.failures.items()}
        for name, cause in (own | below).items():
            numbered = f"{name} ({alike[name] + 1})" if alike[name] else name
            if numbered not in causes:
                before_brackets = (numbered[: place.start()] for place in _BRACKET.finditer(numbered))
                alike.update([numbered, *before_brackets])
            causes[numbered] = cause
    return causes


def leaves(branches: Iterable[Branch]) -> dict[str, int]:
    """Count leaf branches by status; a branch that has branches below it counts as those."""
    counts: Counter[str] = Counter()
    for branch in branches:
        counts.update(branch.leaves or {branch.status: 1})
    return dict(sorted(counts.items()))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of sorted values; 0 if there are none.

    >>> percentile([1, 2, 3, 4], 0.5)
    2
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _distinct_calls(branches: Iterable[Branch], closing: Iterable[Call]) -> list[Call]:
    """Return all calls in the order of their start; one that two branches hold is one call."""
    calls = merge_all_calls(
        {call.id: call for call in group} for group in [*(branch.calls for branch in branches), closing]
    )
    return sorted(calls.values(), key=lambda call: (call.started, call.id))


def _wall_seconds(branches: Iterable[Branch], calls: Iterable[Call], started: float, ended: float) -> float:
    # A redrive or a resumed run holds branches and calls of earlier invocations. The time between invocations
    # does not count, since the run did nothing then. An agent's tools are no calls, so its branch counts; a
    # redrive replaces the record of a branch and keeps its calls, so these count, too.
    spans = [(branch.started, branch.ended) for branch in branches]
    spans += [(call.started, call.ended) for call in calls]
    earlier = covered((begin, min(end, started)) for begin, end in spans if begin < started)
    return max(0.0, ended - started) + earlier


def _critical_path_seconds(branches: Iterable[Branch], closing: Iterable[Call]) -> float:
    longest = max((branch.ended - branch.started for branch in branches), default=0.0)
    return longest + math.fsum(call.seconds for call in closing)


def _calls_saved(branch: Branch) -> int:
    return branch.saved + (branch.ended_by == "stop" and branch.status == "skipped")


def _trials_below(branches: Iterable[Branch]) -> list[Trial]:
    return [trial for branch in branches for trial in branch.trials]
