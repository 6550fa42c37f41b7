"""What a deadline decides by a hair: what ends shortly before it in one run ends after it in the next."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langgraph_parallel.records.replayed import NearDeadline, NotKnown, RunTotals
from langgraph_parallel.replays.blocks import deadline_of
from langgraph_parallel.replays.changes import Changes
from langgraph_parallel.replays.course import Course, margin
from langgraph_parallel.replays.simulation import SimulatedRun, Simulation


def near_deadline(
    simulation: Simulation, usual: SimulatedRun
) -> tuple[NearDeadline | None, Sequence[NotKnown]]:
    """Return what a deadline decides by a hair, and the votes whose outcome depends on it.

    Args:
        simulation: of the run; it is run again with each deadline a margin earlier, and a margin later.
        usual: the run with the deadlines as they are.
    """
    course = usual.course
    graphs = simulation.record.graphs if simulation.changes != Changes() else ()
    if not (deadlines := [own for graph in graphs if (own := deadline_of(course, graph)) is not None]):
        return None, ()
    early, late = simulation.run(course.seed, -1), simulation.run(course.seed, 1)
    was, then = early.course.answered, late.course.answered
    calls = sum(was.get(id) != then.get(id) for id in was.keys() | then.keys())
    if not calls:
        return None, ()
    seconds, totals = margin(max(deadlines)), [early.totals, usual.totals, late.totals]
    near = NearDeadline(seconds=seconds, calls=calls, least=_each(min, totals), most=_each(max, totals))
    return near, [*_depending(early.course, late.course)]


def _depending(early: Course, late: Course) -> Iterator[NotKnown]:
    for graph in late.record.graphs:
        if graph.id in early.outcomes and graph.id in late.outcomes:
            path, outcome = late.outcomes[graph.id]
            if outcome != early.outcomes[graph.id][1]:
                why = "its outcome depends on a call that ends near the deadline"
                yield NotKnown(path=[*path], graph=graph.name, why=why)


def _each(choose: Callable[[list[Any]], Any], totals: Sequence[RunTotals]) -> RunTotals:
    """Return the least or the most of each number; None if one is not known."""
    chosen: dict[str, Any] = {}
    for name in RunTotals.model_fields:
        values = [getattr(each, name) for each in totals]
        chosen[name] = None if None in values else choose(values)
    return RunTotals(**chosen)
