"""Progress on standard error: a bar in a terminal, lines elsewhere."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from langgraph_parallel.records import Branch, ReviewQuestion
from langgraph_parallel.report.wording import count, visible


class ShownProgress:
    """Shows how many voters have been heard, and each vote as it closes."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, emoji=False)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def planned(self, questions: list[ReviewQuestion]) -> None:
        """Say how much there is to do."""
        voters = sum(len(question.voters) for question in questions)
        if self._bar:
            self._task = self._bar.add_task("asking voters", total=voters)
        else:
            self._line(f"{count(voters, 'voter')} in {count(len(questions), 'vote')}")

    def heard(self, voter: Branch) -> None:
        """Move the bar."""
        if self._bar and self._task is not None:
            self._bar.advance(self._task)
            self._bar.update(self._task, description=visible(f"heard {voter.name}"))

    def closed(self, vote: Branch) -> None:
        """Say that a vote has closed."""
        if not self._bar:
            heard = f"{vote.leaves.get('ok', 0)} of {count(sum(vote.leaves.values()), 'voter')}"
            self._line(f"{vote.name}: {heard if vote.ok else vote.error}, {vote.ended - vote.started:.1f} s")

    def _line(self, text: str) -> None:
        print(visible(text), file=sys.stderr, flush=True)
