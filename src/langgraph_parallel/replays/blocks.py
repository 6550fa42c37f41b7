"""Graphs and branches of a replay: their steps, one after another or together."""

from collections import defaultdict
from functools import partial

from langgraph_parallel.records.run_record import RecordedGraph
from langgraph_parallel.replays.clock import Timer
from langgraph_parallel.replays.course import Around, Course, Done, Prepare, Running, margin
from langgraph_parallel.replays.outline import Block, Poll, Request, Work
from langgraph_parallel.replays.polls import RunningPoll
from langgraph_parallel.replays.requests import RunningRequest


class Whole:
    """What is around the outermost graph."""

    is_over = False

    def __init__(self, course: Course) -> None:
        self._course = course

    def lose(self, inner: object, why: str) -> None:
        """Go on without what is not known."""
        if (end := self._course.waiting.get(inner)) is not None:
            end(why)


class RunningBlock:
    """A graph or a branch while it runs.

    Args:
        course: of the replay.
        block: its outline.
        around: what it is in.
        done: called at its end.
        prepare: has its first step begin, where that is not after the recorded time.
        deadline: seconds until it must end; None for none of its own.
    """

    def __init__(
        self,
        course: Course,
        block: Block,
        around: Around,
        done: Done,
        *,
        prepare: Prepare | None = None,
        deadline: float | None = None,
    ) -> None:
        self._course, self._block, self._around, self._done = course, block, around, done
        self._prepare, self._deadline = prepare, deadline
        self._is_over = self._has_ended = False
        self._running: dict[int, Running] = {}
        self._ended: set[int] = set()
        self._stages: dict[tuple[int, ...], list[int]] = defaultdict(list)
        """The steps that follow the same ones, by these."""
        self._waits_for: dict[tuple[int, ...], int] = {}
        """How many of these have not ended."""
        self._followers: dict[int, list[tuple[int, ...]]] = defaultdict(list)
        self._cut_with: dict[int, list[int]] = defaultdict(list)
        """The steps that the end of each step cuts off."""
        self._timers: list[Timer] = []

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return self._is_over or self._around.is_over

    @property
    def path(self) -> tuple[str, ...]:
        """Ids of the branches around it, for a branch its own included."""
        return self._block.path

    def start(self) -> None:
        """Start the steps that follow nothing."""
        if self.is_over and self._block.is_leaf:
            self._finish("skipped")
            return
        if self._deadline is not None:
            self._timers.append(self._course.clock.after(self._deadline, self.expire))
        if not self._block.steps:
            self._after(self._block.tail, partial(self._finish, "ok"))
        self._stage_steps()
        for number, step in enumerate(self._block.steps):
            start = partial(self._start_step, number)
            if self._prepare is not None and not number:
                self._timers.append(self._prepare(start))
            elif not step.after:
                self._after(step.delay, start)

    def _stage_steps(self) -> None:
        """Note which steps follow which, and which ones the end of each cuts off."""
        for number, step in enumerate(self._block.steps):
            if step.after not in self._stages:
                self._waits_for[step.after] = len(step.after)
                for earlier in step.after:
                    self._followers[earlier].append(step.after)
            self._stages[step.after].append(number)
            if step.cut_by is not None:
                self._cut_with[step.cut_by].append(number)

    def cut(self) -> None:
        """End it and all that runs in it."""
        self._has_ended = True
        for timer in self._timers:
            timer.cancel()
        for running in list(self._running.values()):
            running.cut()
        self._running.clear()

    def expire(self) -> None:
        """End a leaf; a graph closes on what it has, without a further request."""
        if self._has_ended:
            return
        if self._block.is_leaf:
            self.cut()
            self._course.late.append([*self.path])
            self._done("timed_out")
            return
        self._is_over = True
        for running in list(self._running.values()):
            running.expire()

    def lose(self, inner: object, why: str) -> None:
        """Leave it to the vote around; what a sibling cuts off is waited for."""
        self._around.lose(inner if isinstance(self._around, Whole) or not self._is_voter else self, why)

    @property
    def _is_voter(self) -> bool:
        return isinstance(self._around, RunningPoll)

    def _after(self, seconds: float, act: partial[None]) -> None:
        self._timers.append(self._course.clock.after(seconds, act))

    def _start_step(self, number: int) -> None:
        if number in self._ended or self._has_ended:
            return
        work = self._block.steps[number].work
        running = self._running[number] = start_of(
            self._course, work, self, lambda status: self._step_ended(number)
        )
        running.start()

    def _step_ended(self, number: int) -> None:
        self._running.pop(number, None)
        if number in self._ended or self._has_ended:
            return
        self._ended.add(number)
        for other in self._cut_with[number]:
            if other not in self._ended:
                if (running := self._running.pop(other, None)) is not None:
                    running.cut()
                self._step_ended(other)
        for stage in self._followers[number]:
            self._waits_for[stage] -= 1
            for other in self._stages[stage] if not self._waits_for[stage] else ():
                self._after(self._block.steps[other].delay, partial(self._start_step, other))
        if len(self._ended) == len(self._block.steps) and not self._has_ended:
            self._after(self._block.tail, partial(self._finish, "ok"))

    def _finish(self, status: str) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        for timer in self._timers:
            timer.cancel()
        if status == "skipped":
            self._course.late.append([*self.path])
        self._done(status)


def start_of(
    course: Course, work: Work, around: Around, done: Done, prepare: Prepare | None = None
) -> Running:
    """Return a part of the run that is about to start."""
    if isinstance(work, Request):
        return RunningRequest(course, work, around, done)
    if isinstance(work, Poll):
        return RunningPoll(course, work, around, done, start_of)
    deadline = None
    if isinstance(work.row, RecordedGraph):
        deadline = deadline_of(course, work.row)
    return RunningBlock(course, work, around, done, prepare=prepare, deadline=deadline)


def deadline_of(course: Course, row: RecordedGraph) -> float | None:
    """Return the seconds that a graph has in a replay; None for as many as the graph around it.

    A nested graph has the limits of those around it in its record, too.
    """
    own = row.limits.get("deadline")
    if row.parent is None:
        changed = course.changes.deadline
        own = own if changed is None else changed
    elif own == course.record.graphs[row.parent].limits.get("deadline"):
        own = None
    return own + course.shift * margin(own) if isinstance(own, int | float) else None
