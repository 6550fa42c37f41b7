"""When a run over many items ends before its input does: its completion policy, and a number of errors."""

import sys
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.completion import Completion, Progress, State
from langgraph_parallel.report.wording import count
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Result, Row
from langgraph_parallel.scale.tally import Tally


class _Keys(Set[str]):
    """A number of keys, of which only some are known: those that a policy names."""

    def __init__(self, number: int, known: Set[str]) -> None:
        self._number, self._known = number, known

    def __len__(self) -> int:
        return self._number

    def __contains__(self, key: object) -> bool:
        return key in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    @classmethod
    def _from_iterable(cls, keys: Iterable[Any]) -> set[Any]:
        return set(keys)


class Endings:
    """What ends a run early.

    Args:
        completion: judged over all items of the input, those that had a row included; None for none.
        stop_after_errors: number of items of this command that fail; None for any number.
    """

    def __init__(self, completion: Completion | None, stop_after_errors: int | None) -> None:
        self.completion, self.stop_after_errors = completion, stop_after_errors
        self._named = frozenset(completion.names()) if completion else frozenset()
        self._named_ok: set[str] = set()
        self._named_failed: set[str] = set()
        self._has_enough = False

    def see(self, key: str, status: str) -> None:
        """Note the status of an item, if the policy names it."""
        if key in self._named:
            (self._named_ok if status == "ok" else self._named_failed).add(key)

    def see_results(self, results: Iterable[Result]) -> None:
        """Note results."""
        if self._named:
            for result in results:
                self.see(result.key, result.status)

    def judge(self, tally: Tally, items: int | None) -> str:
        """Return why the run is to end now; empty if it goes on.

        Args:
            tally: of the items so far.
            items: of the input; None while that is not known: then a share can neither be met nor missed.
        """
        if self.stop_after_errors is not None and tally.failed >= self.stop_after_errors:
            return f"{count(tally.failed, 'item')} failed (stop_after_errors is {self.stop_after_errors:,})"
        if self.completion is None:
            return ""
        match self.completion.judge(self._progress(tally, items)):
            case State.NEVER:
                failed = tally.failed + tally.kept_failed
                return f"{self.completion} can no longer be met: {count(failed, 'item')} failed"
            case State.ENOUGH:
                self._has_enough = True
                return f"{self.completion} is met"
        return ""

    def is_met(self, tally: Tally, items: int, left: int) -> bool:
        """Return whether the policy is met at the end; without one, whether any item has succeeded.

        Args:
            tally: of all items.
            items: of the input, as far as it was read.
            left: those without a row. They count as failed, unless the policy itself has ended the run.
        """
        if self.completion is None:
            return bool(tally.ok + tally.kept_ok) or items == 0
        if self._has_enough:
            return True
        progress = self._progress(tally, items, left, closed=True)
        return self.completion.judge(progress) in (State.MET, State.ENOUGH)

    def _progress(self, tally: Tally, items: int | None, left: int = 0, *, closed: bool = False) -> Progress:
        failed = tally.failed + tally.kept_failed + left
        return Progress(
            # As many as there can be: a share of an unknown number is neither met nor missed.
            planned=sys.maxsize if items is None else items,
            ok=_Keys(tally.ok, self._named_ok),
            failed=_Keys(failed, self._named_failed),
            kept=tally.kept_ok,
            elapsed=tally.seconds,
            closed=closed,
        )


def with_stored(failure: Exception | None, tally: Tally) -> Exception | None:
    """Return what a source has raised, with the number of rows of this command that are stored all the same.

    Args:
        failure: of the source; None for none.
        tally: of all items.
    """
    if not isinstance(failure, UsageError) or not tally.ended:
        return failure
    stored = f"{count(tally.ended, 'row')} of this command {'is' if tally.ended == 1 else 'are'} stored"
    told = UsageError(f"{failure}; {stored}, and the same command goes on once that is mended")
    told.__cause__ = failure.__cause__ or failure
    return told


def why_missing(program: Program, engine: str, rows: Sequence[Row]) -> str:
    """Return why items of a chunk have no result, of which the engine says nothing.

    Args:
        program: that was run.
        engine: its name.
        rows: that have no result.
    """
    limits = program.limits or Limits()
    if any(most is not None for most in (limits.budget_usd, limits.budget_calls, limits.budget_tokens)):
        return "the budget is spent"
    return f"{engine} has not run {count(len(rows), 'item')}, and does not say why"
