"""What of a run's events becomes the progress of a call: the one place that knows the form of events."""

from collections.abc import Awaitable, Callable
from typing import Any

from langgraph_parallel.records.events import Ended, Planned, Started, VoteProgress, read_event
from langgraph_parallel.report.wording import count, show, visible

Report = Callable[[float, float, str], Awaitable[None]]
"""Sends progress: done, of how much, and what is being done."""
_STEP = 0.01
"""Least share of the work that is worth a notification."""
_LONGEST = 200
_LONGEST_CHOICE = 40
"""Characters of a message, and of a choice in it."""


class Progress:
    """The share of a run that is done: it grows with each branch that ends, and is 1 at the end alone.

    How many branches there will be is not known before the last round has begun. So each that ends takes its
    part of what is left, which is shared by those in progress and the closing of the run.

    Args:
        report: sends progress.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._share = self._sent = 0.0
        self._begun = self._done = self._to_come = 0
        self._working: set[tuple[str, ...]] = set()
        self._note = ""

    async def begin(self, what: str) -> None:
        """Say that the call is worked on."""
        await self._report(0.0, 1.0, what)

    async def on_event(self, data: Any) -> None:
        """Take an event of `stream_mode="custom"` into account; those of other code count nothing."""
        match event := read_event(data):
            case Planned():  # of voters, not all may be asked
                self._to_come += max(0, len(event.sections) - len(event.kept))
            case Started():
                self._start(event)
            case Ended():
                await self._end(event)
            case VoteProgress() if not event.branch:  # not those in branches, of which there may be many
                leader = "" if event.leader is None else f", {show(event.leader)[:_LONGEST_CHOICE]} leads"
                self._note = f"{event.heard} of {count(event.of, 'voter')} heard{leader}"

    def _start(self, branch: Started | Ended) -> None:
        self._working.add(tuple(branch.branch))
        self._begun += 1
        self._to_come = max(0, self._to_come - (branch.kind == "section"))

    async def _end(self, branch: Ended) -> None:
        if tuple(branch.branch) not in self._working:  # it was skipped
            self._start(branch)
        self._working.discard(tuple(branch.branch))
        in_progress = self._begun - self._done + self._to_come
        self._done += 1
        self._share += (1 - self._share) / (in_progress + 1)
        if self._share - self._sent < _STEP:
            return
        self._sent = self._share
        status = "" if branch.status == "ok" else f", {branch.status.replace('_', ' ')}"
        done = f"{self._done:,} of {count(self._begun + self._to_come, 'branch')} done"
        said, self._note = f"; {self._note}" if self._note else "", ""
        await self._report(self._share, 1.0, visible(f"{done}: {branch.name}{status}{said}")[:_LONGEST])

    async def end(self, what: str) -> None:
        """Say that the result is there: nothing is left to do."""
        await self._report(1.0, 1.0, what)

    async def waiting(self, what: str) -> None:
        """Say what the run waits for."""
        self._share += (1 - self._share) / 2
        await self._report(self._share, 1.0, what)
