"""Rows of which many are one run of a graph, which tells each as its item ends."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel

from langgraph_parallel.counted import count
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.gathering import Gathering, ItemEnded, telling_items
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.scale.columns import Columns
from langgraph_parallel.scale.mapping.problem import RowProblem
from langgraph_parallel.scale.rows import Result, Row, RowStatus
from langgraph_parallel.scale.running.records import recorded
from langgraph_parallel.scale.running.results import (
    ended_from_outside,
    failure_of_vote,
    in_one_line,
    is_from_outside,
    spent_on,
)
from langgraph_parallel.scale.running.shared import Shared, worker_name
from langgraph_parallel.scale.stopping import stops_more

Ended = Callable[[Result], None]
"""Takes the result of a row as it ends."""


class GatheredRows:
    """Runs a graph once for many rows.

    Args:
        graph: without a checkpointer.
        gathering: how it takes many rows.
        columns: both mappings.
        shared: what all rows have in common.
        context: of each run.
        records: folder for the records of runs; empty for none.
    """

    def __init__(
        self,
        graph: ParallelGraph,
        gathering: Gathering,
        columns: Columns,
        shared: Shared,
        context: Context,
        records: str = "",
    ) -> None:
        self._graph, self._gathering, self._columns = graph, gathering, columns
        self._shared, self._context, self._records = shared, context, records
        self._around = shared.around

    async def run(self, rows: Sequence[Row], ended: Ended) -> None:
        """Run rows of different keys together; those that were stopped from outside have no end.

        Raises:
            asyncio.CancelledError: this task is being cancelled.
            KeyboardInterrupt: by a person.
        """
        started = time.perf_counter()
        items: dict[str, str] = {}
        for row in rows:
            try:
                items[row.key] = self._item(row)
            except Exception as error:
                ended(self._failed(row.key, error, started))
        if items:
            await self._run(items, ended, started)

    async def _run(self, items: dict[str, str], ended: Ended, started: float) -> None:
        left = dict(items)

        async def on_item(item: ItemEnded) -> None:
            del left[item.name]
            if (result := self._result(item)) is not None:
                ended(result)

        config = telling_items(on_item, self._config(next(iter(items)), len(items)))
        try:
            await self._graph.ainvoke({self._gathering.input: items}, config, context=self._context)
        except BaseException as error:
            if stops_more(error):
                raise
            if is_from_outside(error, budgets=self._shared.has_budget):
                return
            if len(items) > 1:  # one of them may be to blame for all
                for name, item in left.items():
                    await self._run({name: item}, ended, time.perf_counter())
                return
            self._fail(left, error, ended, started)

    def _fail(self, left: Mapping[str, str], error: BaseException, ended: Ended, started: float) -> None:
        for key in left:
            ended(self._failed(key, error, started))

    def _failed(self, key: str, error: BaseException, started: float) -> Result:
        seconds = time.perf_counter() - started
        return Result(key, "failed", {}, in_one_line(error), seconds=seconds, worker=worker_name())

    def _result(self, item: ItemEnded) -> Result | None:
        branch, problem = item.branch, ""
        columns: Mapping[str, Any] = {}
        if ended_from_outside([branch], budgets=self._shared.has_budget):
            return None
        if branch.ok:
            problem = failure_of_vote(branch)
        if branch.ok and not problem:
            try:
                columns = self._columns.to_columns(_of_one(item.output))
            except Exception as error:
                problem = in_one_line(error)
        else:
            problem = problem or branch.error or branch.status
        status: RowStatus = "failed" if problem else "ok"
        spent, seconds = spent_on(branch.calls), branch.ended - branch.started
        return Result(item.name, status, columns, problem, spent, seconds, worker_name())

    def _item(self, row: Row) -> str:
        """Return what a row has for the run: one text."""
        given: Any = self._columns.to_input(row).get(self._gathering.input)
        if isinstance(given, Mapping):
            given = list(given.values())
        if isinstance(given, list) and len(given) == 1:
            given = given[0]
        if not isinstance(given, str):
            found = count(len(given), "text") if isinstance(given, list) else type(given).__name__
            raise RowProblem(f"its {self._gathering.input} is {found}; expected one text for a row")
        if not given.strip():
            raise RowProblem(f"its {self._gathering.input} is empty; expected text")
        return given

    def _config(self, first: str, number: int) -> RunnableConfig:
        name = first if number == 1 else f"{first} +{number - 1}"
        run_name = f"{self._graph.name}[{name}]"
        config: RunnableConfig = {"run_name": run_name, "metadata": {"key": first, "keys": number}}
        if self._shared.is_batch:  # by which a later command finds the requests of these rows
            config["configurable"] = {"thread_id": self._shared.job}
        return self._around.within(recorded(config, self._records, name))


def _of_one(output: Mapping[str, Any]) -> Any:
    """Return what a graph's output has of one item: if that is a single record, its fields but its name."""
    record = next(iter(output.values())) if len(output) == 1 else None
    if not isinstance(record, BaseModel):
        return output
    return {name: getattr(record, name) for name in type(record).model_fields if name != "item"}
