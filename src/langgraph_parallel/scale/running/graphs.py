"""Rows of which each is a run of a graph of this package."""

import time
from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.errors import FanOutError
from langgraph_parallel.records import Branch
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.recording import recording
from langgraph_parallel.scale.columns import Columns
from langgraph_parallel.scale.rows import Result, Row, RowStatus
from langgraph_parallel.scale.running.records import recorded
from langgraph_parallel.scale.running.results import (
    ended_from_outside,
    failure_of,
    in_one_line,
    is_from_outside,
    spent_on,
)
from langgraph_parallel.scale.running.shared import Shared, worker_name
from langgraph_parallel.scale.stopping import stops_more


class GraphRows:
    """Runs a graph once for each row.

    Args:
        graph: without a checkpointer.
        columns: both mappings.
        shared: what all rows have in common.
        context: of each run.
        records: folder for the records of runs; empty for none.
    """

    def __init__(
        self, graph: ParallelGraph, columns: Columns, shared: Shared, context: Context, records: str = ""
    ) -> None:
        self._graph, self._columns, self._shared, self._context = graph, columns, shared, context
        self._records = records
        self._around = shared.around

    async def run(self, row: Row) -> Result | None:
        """Run a row; return None if it was stopped from outside.

        Raises:
            asyncio.CancelledError: this task is being cancelled.
            KeyboardInterrupt: by a person.
        """
        started = time.perf_counter()
        output: Mapping[str, Any] = {}
        columns: Mapping[str, Any] = {}
        problem = ""
        with recording() as calls:
            try:
                given = self._columns.to_input(row)
                output = await self._graph.ainvoke(given, self._config(row.key), context=self._context)
                problem = failure_of(output)
                if not problem:
                    columns = self._columns.to_columns(output)
            except BaseException as error:
                if stops_more(error):
                    raise
                if self._is_stopped(error):
                    return None
                problem = in_one_line(error)
        if self._is_cut_short(output.get("branches") or {}):
            return None
        report = output.get("run_report")
        spent = spent_on(calls.values() if report is None else report.calls)
        seconds = time.perf_counter() - started
        status: RowStatus = "failed" if problem else "ok"
        return Result(row.key, status, columns, problem, spent, seconds, worker_name())

    def _is_stopped(self, error: BaseException) -> bool:
        branches = error.branches if isinstance(error, FanOutError) else {}
        return is_from_outside(error, budgets=self._shared.has_budget) or self._is_cut_short(branches)

    def _is_cut_short(self, branches: Mapping[str, Branch]) -> bool:
        return ended_from_outside(branches.values(), budgets=self._shared.has_budget)

    def _config(self, key: str) -> RunnableConfig:
        config: RunnableConfig = {"run_name": f"{self._graph.name}[{key}]", "metadata": {"key": key}}
        if self._shared.is_batch:  # by which a later command finds the requests of this row
            config["configurable"] = {"thread_id": self._shared.asker(key)}
        config = recorded(config, self._records, key)
        return self._around.within(config)
