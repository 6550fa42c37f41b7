"""The critical path of a record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.records.run_record import RecordedSection, RunRecord
from langgraph_parallel.reducers.recorded.critical import CriticalStep, critical_path
from tests.support.made_records import Maker, random_run, resumed

RUNS = st.integers(0, 10_000).map(random_run)


def told(record: RunRecord) -> list[str]:
    """Return the names of the branches on the path, and `-` for the time between."""
    return [_name(record, step) for step in critical_path(record)]


def _name(record: RunRecord, step: CriticalStep) -> str:
    if step.kind == "branch" and step.branch is not None:
        return record.branches[step.branch].name
    return record.calls[step.call].target if step.call is not None else "-"


@given(RUNS)
def test_the_steps_follow_each_other_from_the_start_to_the_end(record: RunRecord) -> None:
    """Without a gap or an overlap, so that their durations add up to that of the run."""
    steps, (root,) = critical_path(record), [graph for graph in record.graphs if graph.parent is None]
    edges = [root.started, *(step.ended for step in steps)]
    assert [step.started for step in steps] == edges[:-1]
    assert edges[-1] == root.ended
    assert sum(step.seconds for step in steps) == pytest.approx(root.ended - root.started)


@given(RUNS)
def test_each_step_is_within_what_it_belongs_to(record: RunRecord) -> None:
    """A step of a branch is within the branch, and one of a call within the call; none is empty."""
    for step in critical_path(record):
        assert step.seconds > 0
        assert 0 <= step.waiting <= step.seconds + 1e-9
        owner = record.branches[step.branch] if step.kind == "branch" and step.branch is not None else None
        owner = record.calls[step.call] if step.call is not None else owner  # type: ignore[assignment]
        if owner is not None:
            assert owner.started <= step.started
            assert step.ended <= owner.ended


@given(RUNS)
def test_nothing_waits_for_what_lost(record: RunRecord) -> None:
    """A branch that was cancelled because its vote had ended, or that never began, is not on the path."""
    for step in critical_path(record):
        if step.branch is not None:
            assert record.branches[step.branch].ended_by != "stop"
            assert record.branches[step.branch].status != "skipped"


def test_it_goes_through_needs() -> None:
    """Of what ended before a branch began, that which it needed counts, and not what ended last."""
    make = Maker()
    sections = [
        RecordedSection(id=id, name=id, needs=needs) for id, needs in (("a", []), ("b", []), ("c", ["a"]))
    ]
    graph = make.graph("g", "sectioning", 0.0, 5.0, sections=sections)
    make.branch(graph, ["a"], "a", 0.0, 1.0)
    make.branch(graph, ["b"], "b", 0.0, 1.9)
    make.branch(graph, ["c"], "c", 2.0, 5.0)
    assert told(make.record(5.0)) == ["a", "-", "c"]


def test_it_goes_through_waves() -> None:
    """A voter of the second wave waited for the last one of the first."""
    make = Maker()
    graph = make.graph("g", "voting", 0.0, 3.0)
    for name, start, end in (("#1", 0.0, 1.0), ("#2", 0.0, 1.5), ("#3", 1.5, 2.0), ("#4", 1.5, 3.0)):
        make.branch(graph, [name], name, start, end)
    assert told(make.record(3.0)) == ["#2", "#4"]


def test_it_goes_into_nested_graphs_and_through_calls_outside_of_branches() -> None:
    """The planner, then the voter in the longest branch with the branch's own time, then the writer."""
    make = Maker()
    outer = make.graph("g", "sectioning", 0.0, 10.0)
    make.call(outer, None, 0.0, 1.0, target="planner")
    make.branch(outer, ["a"], "a", 1.0, 3.0)
    long = make.branch(outer, ["b"], "b", 1.0, 8.0)
    inner = make.graph("v", "voting", 2.0, 7.0, parent=outer, branch=long)
    make.branch(inner, ["b", "#1"], "b#1", 2.0, 7.0)
    make.branch(inner, ["b", "#2"], "b#2", 2.0, 6.0)
    make.call(outer, None, 8.0, 9.5, target="writer")
    record = make.record(10.0)
    assert told(record) == ["planner", "b", "b#1", "b", "writer", "-"]


def test_waiting_and_working_are_apart() -> None:
    """Waits that overlap count once, and those of what it needed not at all."""
    make = Maker()
    graph = make.graph("g", "sectioning", 0.0, 4.0)
    branch = make.branch(graph, ["a"], "a", 1.0, 4.0)
    for on, start, end in (("needs", 0.0, 1.0), ("slot", 1.0, 2.0), ("rate", 1.5, 2.5), ("retry", 3.0, 3.5)):
        make.wait(graph, branch, on, start, end)
    _, step = critical_path(make.record(4.0))
    assert (step.waiting, step.working) == (2.0, 1.0)


def test_the_time_between_invocations_is_not_on_it() -> None:
    """A run that was resumed an hour later took the time of its two invocations."""
    record = resumed()
    assert sum(step.seconds for step in critical_path(record)) == pytest.approx(record.wall_seconds)


def test_a_record_of_nothing_has_none() -> None:
    """Before the first event, and for a graph that ended at once."""
    assert critical_path(RunRecord(started=0.0)) == []
    make = Maker()
    make.graph("g", "voting", 0.0, 0.0)
    assert critical_path(make.record(0.0)) == []
