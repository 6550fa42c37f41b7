"""The numbers of a run."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_parallel.records import Branch, Call, Usage
from langgraph_parallel.runtime.run_report import collect_failures, leaves, measure_run, percentile

few = settings(max_examples=60, deadline=None)


def call(name: str, started: float = 0.0, ended: float = 1.0, **fields: Any) -> Call:
    """Return a call of a model."""
    return Call.model_validate(
        {"id": name, "kind": "model", "target": "m", "started": started, "ended": ended, **fields}
    )


def branch(name: str, *calls: Call, ended: float = 1.0, **fields: Any) -> Branch:
    """Return a branch that started at 0."""
    return Branch.model_validate(
        {"id": name, "name": name, "order": 0, "status": "ok", "calls": calls, "ended": ended, **fields}
    )


def tokens(count: int) -> Usage:
    """Return a usage with the same number of tokens in and out."""
    return Usage(input_tokens=count, output_tokens=count)


def test_a_run_is_measured() -> None:
    """Two branches side by side, one with a throttled first attempt, and a judge after them."""
    report = measure_run(
        [
            branch("a", call("a1", 0, 4, usage=tokens(10)), ended=4),
            branch(
                "b",
                call("b1", 0, 1, ok=False, throttled=True, usage=tokens(1)),
                call("b2", 2, 5, attempt=2, usage=tokens(5)),
                ended=5,
            ),
        ],
        started=0,
        ended=8,
        closing=[call("judge", 5, 7, usage=tokens(2))],
    )
    assert (report.wall_seconds, report.sequential_seconds, report.speedup) == (8, 10, 1.25)
    assert report.critical_path_seconds == 7
    assert (report.call_p50_seconds, report.call_p95_seconds) == (2, 4)
    assert (report.retries, report.throttled_share) == (1, 0.25)
    assert (report.usage, report.wasted) == (tokens(18), tokens(1))
    assert (report.branches, report.failures) == ({"ok": 2}, {})
    assert [call.id for call in report.calls] == ["a1", "b1", "b2", "judge"]


def test_a_call_that_is_in_two_branches_counts_once() -> None:
    """Calls are identified by id."""
    shared = call("c", usage=tokens(3))
    report = measure_run([branch("a", shared), branch("b", shared)], started=0, ended=1)
    assert (len(report.calls), report.usage, report.sequential_seconds) == (1, tokens(3), 1)


def test_a_run_without_calls_has_no_speedup() -> None:
    """Nothing is divided by zero."""
    report = measure_run([], started=5, ended=5)
    assert (report.speedup, report.wall_seconds, report.throttled_share) == (1, 0, 0)
    assert (report.call_p50_seconds, report.critical_path_seconds, report.branches) == (0, 0, {})


def test_a_clock_that_was_set_back_makes_no_negative_times() -> None:
    """Durations are never below zero."""
    report = measure_run([branch("a", call("c", 5, 3), started=5, ended=3)], started=9, ended=8)
    assert (report.wall_seconds, report.sequential_seconds) == (0, 0)


def test_time_of_earlier_runs_is_that_of_their_branches_and_calls() -> None:
    """Each second once, the time between runs not at all; a call may be of a record that was replaced."""
    report = measure_run(
        [
            branch("agent", call("a", 0, 1), started=0, ended=4),
            branch("beside", started=2, ended=5),
            branch("again", call("first", 7, 8), call("second", 101, 102), started=101, ended=103),
            branch("skipped", started=6, ended=6),
        ],
        started=100,
        ended=103,
    )
    assert report.wall_seconds == 5 + 1 + 3
    assert report.critical_path_seconds == 4


def test_failures_are_named_with_the_branches_around_them() -> None:
    """A branch that is ok may contain failures; one without a cause is given its status."""
    report = measure_run(
        [
            branch("outer", failures={"vote#2": "TimeoutError"}, leaves={"ok": 2, "timed_out": 1}),
            branch("broken", status="failed", error="ValueError: x"),
            branch("left", status="skipped"),
        ],
        started=0,
        ended=1,
    )
    assert report.failures == {
        "vote#2 in outer": "TimeoutError",
        "broken": "ValueError: x",
        "left": "skipped",
    }


def test_a_branch_stands_for_those_below_it() -> None:
    """Leaves are counted by status, at every level; a branch with leaves is not a leaf."""
    below = branch("b", leaves={"ok": 2, "failed": 1})
    assert leaves([branch("a"), below, branch("c", status="failed")]) == {"failed": 2, "ok": 3}


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [
        (1, 0.5, 1),
        (1, 0.95, 1),
        (2, 0.5, 1),
        (3, 0.5, 2),
        (4, 0.5, 2),
        (20, 0.95, 19),
        (21, 0.95, 20),
        (100, 0.95, 95),
    ],
)
def test_a_percentile_is_the_nearest_rank(count: int, share: float, expected: int) -> None:
    """It is always one of the values."""
    assert percentile(range(1, count + 1), share) == expected


@few
@given(values=st.lists(st.floats(0, 100), min_size=1), share=st.sampled_from([0.5, 0.95]))
def test_enough_values_are_not_above_a_percentile(values: list[float], share: float) -> None:
    """At least that share of the values is at or below it, and it is one of the values."""
    result = percentile(sorted(values), share)
    assert result in values
    assert sum(value <= result for value in values) >= share * len(values) - 1e-9


def test_the_percentile_of_nothing_is_zero() -> None:
    """There is no value to return."""
    assert percentile([], 0.5) == 0


@given(st.lists(st.sampled_from(["a", "b", "a (2)", "a (x)", "a (2) (2)", "c d", "c"]), max_size=9))
def test_a_name_that_occurs_again_is_numbered(names: list[str]) -> None:
    """By how many names there are that are the name, or begin with it and a bracket; counted once each."""
    expected: dict[str, str] = {}
    for number, name in enumerate(names):
        earlier = sum(known == name or known.startswith(f"{name} (") for known in expected)
        expected[f"{name} ({earlier + 1})" if earlier else name] = f"cause {number}"
    failed = [branch(name, status="failed", error=f"cause {number}") for number, name in enumerate(names)]
    assert collect_failures(failed) == expected
