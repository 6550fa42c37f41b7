"""Progress on standard error: a bar in a terminal, lines elsewhere."""

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from langgraph_parallel.cli.batch_waits import BatchWaits
from langgraph_parallel.cli.watching.display import is_watched
from langgraph_parallel.records import ReviewQuestion
from langgraph_parallel.records.events import Ended
from langgraph_parallel.report.wording import count, visible


class ProgressDisplay:
    """Shows how many voters have finished, and each vote as it closes.

    Args:
        quiet: whether to show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet = quiet or is_watched()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._batches = BatchWaits()
        if sys.stderr.isatty() and not quiet:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True, highlight=False, emoji=False),
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

    def on_plan(self, questions: list[ReviewQuestion]) -> None:
        """Show how many voters will be asked."""
        voters = sum(len(question.voters) for question in questions)
        if self._bar:
            self._task = self._bar.add_task("asking voters", total=voters)
        else:
            self._print_line(f"{count(voters, 'voter')} in {count(len(questions), 'vote')}")

    def on_voter(self, voter: Ended) -> None:
        """Advance the bar."""
        if self._bar and self._task is not None:
            self._bar.advance(self._task)
            self._bar.update(self._task, description=visible(f"heard {voter.name}"))

    def on_vote(self, vote: Ended) -> None:
        """Print a line for a vote that has closed."""
        if not self._bar:
            voters = f"{vote.leaves.get('ok', 0)} of {count(sum(vote.leaves.values()), 'voter')}"
            seconds = vote.ended - vote.started
            self._print_line(f"{vote.name}: {voters}, {seconds:.1f} s")  # the causes follow, each once

    def on_wait(self, event: Mapping[str, Any]) -> None:
        """Print a line for a batch that calls wait for."""
        if not self._quiet:
            self._batches.on_event(event)

    def _print_line(self, text: str) -> None:
        if not self._quiet:
            print(visible(text), file=sys.stderr, flush=True)
