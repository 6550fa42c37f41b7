"""One command over many items: what it is given, checked before anything is paid for, and its run."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, Self

import anyio

from langgraph_parallel.catalogue.spelling import PYTHON, Spelling
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.map_report import MapReport
from langgraph_parallel.reducers.completion import Completion, as_completion
from langgraph_parallel.runtime.draining import reached_by_drain
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale import summary
from langgraph_parallel.scale.batching import check_endpoints
from langgraph_parallel.scale.course import Course
from langgraph_parallel.scale.driver import Driver
from langgraph_parallel.scale.engine import Engine
from langgraph_parallel.scale.engines.choose import as_engine
from langgraph_parallel.scale.making import GraphLike, make_program, parts_of
from langgraph_parallel.scale.map_options import Watch
from langgraph_parallel.scale.mapping.fitting import columns_used
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.runner import load
from langgraph_parallel.scale.sinks.base import Sink
from langgraph_parallel.scale.sinks.choose import as_sink
from langgraph_parallel.scale.sources.base import Source
from langgraph_parallel.scale.sources.choose import as_source
from langgraph_parallel.scale.sources.records import RecordSource
from langgraph_parallel.scale.stored_map import StoredMap


@dataclass(frozen=True, kw_only=True)
class Command:
    """A run over many items that can begin."""

    program: Program
    source: Source
    sink: Sink
    engine: Engine
    course: Course
    mixed: bool = False
    watch: Watch | None = None
    spelling: Spelling = PYTHON

    @classmethod
    def of(
        cls,
        graph: GraphLike,
        items: Any,
        *,
        sink: str | os.PathLike[str] | Sink,
        key: str | None = None,
        engine: Any = None,
        limits: Limits | Mapping[str, Any] | None = None,
        completion: Completion | str | None = None,
        chunk: int | None = None,
        inputs: Mapping[str, str] | None = None,
        outputs: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | Sequence[str] | None = None,
        model: str | None = None,
        fallbacks: Sequence[str] | None = None,
        cache: bool | None = None,
        record: str | os.PathLike[str] | None = None,
        offline: bool = False,
        redrive: bool | Literal["failed"] = False,
        mixed: bool = False,
        limit: int | None = None,
        stop_after_errors: int | None = None,
        watch: Watch | None = None,
        spelling: Spelling = PYTHON,
    ) -> Self:
        """Check what is given, as `amap_items` and `MapOptions` say, and load the program.

        Raises:
            UsageError: something of it is not valid.
        """
        for name, value, least in (("chunk", chunk, 1), ("stop_after_errors", stop_after_errors, 1)):
            _check_number(name, value, least)
        _check_number("limit", limit, 0)
        if not (watch is None or callable(watch)):
            raise UsageError(f"watch is {watch!r}; expected a function of a Snapshot")
        if redrive not in (True, False, "failed"):
            raise UsageError(f"redrive is {redrive!r}; expected True, False or 'failed'")
        policy = as_completion(completion)
        source = as_source(items, key)
        program = make_program(
            graph,
            settings=settings,
            inputs=inputs,
            outputs=outputs,
            model=model,
            fallbacks=fallbacks,
            cache=cache,
            record=record,
            offline=offline,
            limits=limits,
            columns=source.columns or None,
            spelling=spelling,
        )
        if isinstance(source, RecordSource) and (used := columns_used(program)) is not None:
            source.narrow(used)
        bounds = program.limits or Limits()
        course = Course(
            completion=policy,
            stop_after_errors=stop_after_errors,
            limit=limit,
            redrive=bool(redrive),
            chunk=chunk,
            deadline=bounds.deadline,
            grace=bounds.grace,
            patience=bounds.patience,
        )
        return cls(
            program=program,
            source=source,
            sink=as_sink(sink),
            engine=as_engine(engine),
            course=course,
            mixed=mixed,
            watch=watch,
            spelling=spelling,
        )

    async def run(self) -> MapReport:
        """Run the items that have no row.

        Raises:
            UsageError: the sink has rows of another program, or something cannot be reached or read.
        """
        async with self.opened() as stored:
            driver = Driver(self.source, stored, self.engine, self.program, self.course, self.show)
            await self.drive(driver)
            return summary.report(driver)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[StoredMap]:
        """Open the sink while the context is entered, and check that its rows were made with this program.

        Raises:
            UsageError: it cannot be opened, or they were not, or an endpoint lacks the Batch API.
        """
        await check_endpoints(self.program, load(self.program).target)
        parts = parts_of(self.program)
        stored = await StoredMap.open(
            self.sink, self.program, parts, mixed=self.mixed, spelling=self.spelling
        )
        try:
            yield stored
        finally:
            with anyio.CancelScope(shield=True):
                await self.sink.close()

    async def drive(self, driver: Driver) -> None:
        """Run a driver, which `drain` reaches, and show its end."""
        with reached_by_drain(driver.drain):
            await driver.run()
        with suppress(Exception):  # the rows are stored, and the report says the same
            self.show(driver)

    def show(self, driver: Driver) -> None:
        """Tell whoever watches how far a driver has come."""
        if self.watch is not None:
            self.watch(summary.snapshot(driver))


def _check_number(name: str, value: object, least: int) -> None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= least):
        return
    raise UsageError(f"{name} is {value!r}; expected a whole number of at least {least}, or None")
