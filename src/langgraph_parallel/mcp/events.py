"""What of a run's events becomes the progress of a call: the one place that knows the form of events."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NamedTuple

from langgraph_parallel.report.wording import count, show, visible

Report = Callable[[float, float, str], Awaitable[None]]
"""Sends progress: done, of how much, and what is being done."""
_STEP = 0.01
"""Least share of the work that is worth a notification."""
_LONGEST = 200
_LONGEST_CHOICE = 40
"""Characters of a message, and of a choice in it."""


class Step(NamedTuple):
    """What of an event counts.

    Attributes:
        kind: `planned`: so many branches more are to come; `started` and `ended`: a branch has; `note`: there
            is something to tell.
        text: the name of the branch, or the note.
        status: of a branch that has ended.
        planned: number of branches.
        is_section: whether the branch was planned; voters are not, as not all of them may be asked.
    """

    kind: Literal["planned", "started", "ended", "note"]
    text: str = ""
    status: str = ""
    planned: int = 0
    is_section: bool = False


def read_event(data: Any) -> Step | None:
    """Return what counts of an event of `stream_mode="custom"`; None for one that does not count."""
    if not isinstance(data, Mapping):
        return None
    name, is_section = str(data.get("name", "")), data.get("kind") == "section"
    match data.get("event"):
        case "planned":
            return Step("planned", planned=len(data.get("sections") or ()))
        case "started":
            return Step("started", name, is_section=is_section)
        case "finished" | "ended":
            status = data.get("status") or getattr(data.get("branch"), "status", "")
            return Step("ended", name, str(status), is_section=is_section)
        case "vote" if not data.get("branch"):  # not those in branches, of which there may be many
            leads = data.get("leader")
            leader = "" if leads is None else f", {show(leads)[:_LONGEST_CHOICE]} leads"
            return Step("note", f"{data.get('heard')} of {data.get('of')} voters heard{leader}")
    return None


class Progress:
    """The share of a run that is done: it grows with each branch that ends, and stays below 1.

    How many branches there will be is not known before the last round has begun. So each that ends takes its
    part of what is left, which is shared by those in progress and the closing of the run.

    Args:
        report: sends progress.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._share = self._sent = 0.0
        self._begun = self._done = self._to_come = 0
        self._note = ""

    async def begin(self, what: str) -> None:
        """Say that the call is worked on."""
        await self._report(0.0, 1.0, what)

    async def on_event(self, data: Any) -> None:
        """Take an event of the run into account."""
        step = read_event(data)
        if step is None:
            return
        if step.kind == "planned":
            self._to_come += step.planned
        elif step.kind == "started":
            self._start(step)
        elif step.kind == "ended":
            if self._begun == self._done:  # it has ended without a start: it was skipped
                self._start(step)
            await self._end(step)
        else:
            self._note = step.text

    def _start(self, step: Step) -> None:
        self._begun += 1
        self._to_come = max(0, self._to_come - step.is_section)

    async def _end(self, step: Step) -> None:
        in_progress = self._begun - self._done + self._to_come
        self._done += 1
        self._share += (1 - self._share) / (in_progress + 1)
        if self._share - self._sent < _STEP:
            return
        self._sent = self._share
        status = "" if step.status in ("", "ok") else f", {step.status.replace('_', ' ')}"
        done = f"{self._done:,} of {count(self._begun + self._to_come, 'branch')} done"
        said, self._note = f"; {self._note}" if self._note else "", ""
        await self._report(self._share, 1.0, visible(f"{done}: {step.text}{status}{said}")[:_LONGEST])

    async def waiting(self, what: str) -> None:
        """Say what the run waits for."""
        self._share += (1 - self._share) / 2
        await self._report(self._share, 1.0, what)
