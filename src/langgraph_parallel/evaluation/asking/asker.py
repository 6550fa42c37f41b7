"""Asking a variant or a judge about a batch of items: a run over rows that have no result yet."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from langgraph_parallel.evaluation.asking.store import Store
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale import summary
from langgraph_parallel.scale.command import Command
from langgraph_parallel.scale.course import Course
from langgraph_parallel.scale.driver import Driver
from langgraph_parallel.scale.engines.choose import as_engine
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import NOTHING_SPENT, Row, Spent


class RowSource:
    """Rows that are in memory, as a source."""

    remarks: Sequence[str] = ()

    def __init__(self, rows: Sequence[Row]) -> None:
        self.name, self._rows = "items", rows
        self.columns = list(dict.fromkeys(name for row in rows for name in row.data))

    def total(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    async def rows(self) -> AsyncIterator[Row]:
        """Iterate over the rows."""
        for row in self._rows:
            yield row


class Asker:
    """Runs programs on rows, one program after the other, within one budget for all of them.

    Args:
        store: of what comes back.
        limits: whose budgets hold over all programs and over all commands on the store.
        redrive: whether rows that failed in an earlier command are run again.
    """

    def __init__(self, store: Store, limits: Limits | None, *, redrive: bool = False) -> None:
        self._store, self._redrive = store, redrive
        self._limits = limits or Limits()
        self.spent = store.spent()
        """By table."""
        self._begun = time.monotonic()

    @property
    def total(self) -> Spent:
        """What all tables have cost."""
        return sum(self.spent.values(), NOTHING_SPENT)

    async def ask(self, program: Program, table: str, rows: Sequence[Row], who: str) -> str:
        """Run a program on the rows that have no result, and store what comes back.

        Args:
            program: with the limits of its calls.
            table: of the store.
            rows: with their keys.
            who: the program, as people know it.

        Returns:
            Why not all rows have a result; empty if they have.

        Raises:
            UsageError: the table has rows of another program.
        """
        stored = self._store.rows(table, [row.key for row in rows])
        failed = [row for row in rows if row.key in stored and stored[row.key].status == "failed"]
        if failed and self._redrive and (why := await self._run(program, table, failed, who, redrive=True)):
            return why
        if len(stored) == len(rows):
            return ""  # also where a budget is spent
        return await self._run(program, table, rows, who)

    async def _run(
        self, program: Program, table: str, rows: Sequence[Row], who: str, *, redrive: bool = False
    ) -> str:
        """Run a program on rows, as `ask`; with `redrive` on those alone that have failed."""
        limits = program.limits or Limits()
        command = Command(
            program=replace(program, limits=self._within(limits, table)),
            source=RowSource(rows),
            sink=self._store.sink(table),
            engine=as_engine(None),
            course=Course(
                redrive=redrive,
                deadline=self._seconds_left,
                grace=limits.grace,
                patience=limits.patience,
            ),
        )
        async with command.opened() as stored:
            driver = Driver(command.source, stored, command.engine, command.program, command.course)
            await command.drive(driver)
            report = summary.report(driver)
        self.spent = self._store.spent()
        why = report.reason or ("some items could not be run" if report.left else "")
        return why and (self._spent_limit(why) or f"{who}: {why}")

    def _spent_limit(self, why: str) -> str:
        """Return which limit of all programs has ended one, in its own words; empty for none.

        A program is told of what is left of a limit, and names that.
        """
        limits = self._limits
        if why.startswith("the deadline of "):
            return f"the deadline of {limits.deadline:g} s has passed"
        if not why.startswith("the budget of "):
            return ""
        budgets = {
            "calls": limits.budget_calls,
            "tokens": limits.budget_tokens,
            "US dollars": limits.budget_usd,
        }
        said = [f"{budget:,} {what}" for what, budget in budgets.items() if budget is not None]
        return f"the budget of {' and '.join(said)} is spent"

    @property
    def _seconds_left(self) -> float | None:
        deadline = self._limits.deadline
        return None if deadline is None else max(0.001, deadline - (time.monotonic() - self._begun))

    def _within(self, limits: Limits, table: str) -> Limits:
        """Return limits with what is left of the budgets for a table, what it has spent included."""
        others = sum((spent for name, spent in self.spent.items() if name != table), NOTHING_SPENT)
        left = {
            "budget_calls": _less(self._limits.budget_calls, others.calls),
            "budget_tokens": _less(self._limits.budget_tokens, others.input_tokens + others.output_tokens),
            "budget_usd": _less(self._limits.budget_usd, others.usd or 0.0),
        }
        return limits.model_copy(update={name: value for name, value in left.items() if value is not None})


def _less(budget: float | None, spent: float) -> float | None:
    return None if budget is None else max(0, budget - spent)
