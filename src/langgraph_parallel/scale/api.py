"""Run any graph or function over any number of items, with one row for each, and estimate what that takes."""

import os
from asyncio import CancelledError
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, Unpack

from langgraph_parallel.records.map_estimate import MapEstimate
from langgraph_parallel.records.map_report import MapReport
from langgraph_parallel.runtime.draining import drain
from langgraph_parallel.scale.command import Command
from langgraph_parallel.scale.estimate import SAMPLE, estimated
from langgraph_parallel.scale.making import GraphLike
from langgraph_parallel.scale.map_options import MapOptions, check_names, listing_options
from langgraph_parallel.scale.sinks.base import Sink

T = TypeVar("T")


@listing_options
async def amap_items(
    graph: GraphLike,
    items: Any,
    *,
    sink: str | os.PathLike[str] | Sink,
    **options: Unpack[MapOptions],
) -> MapReport:
    """Run a graph or a function on each item, and store one row for each.

    Items that have a row in the sink are not run again, so that the same call goes on with what was begun,
    whatever ended it: a kill, a spent budget, a drain. Execution is at least once, rows are exactly one.

    - An item that fails has a row with the reason, and is run again only by `redrive`.
    - An item that could not be run, or was stopped by a budget, a deadline, a drain or the end of its worker,
      has none. One whose worker died three times while it ran has failed.
    - If the first 20 items all fail, the run ends, and stores nothing of them: a wrong key, or a
      column that does not exist, is no fault of the items. `stop_after_errors` replaces this.
    - A budget holds over all commands on the sink, with what was in flight when one of them was killed.

    Cancelling it writes the results that have arrived. `langgraph_parallel.drain()` has the items that run
    end within `grace` of the limits, and begins no others.

    Args:
        graph: name of a pattern (`"labeling"`), `"module:attribute"`, a graph, or a function of an item,
            which returns a mapping of columns or a value.
        items: path of a file or folder, address of a database, or an iterable or async iterable of mappings
            or texts; read as a stream.
        sink: `labels.sqlite`, `labels.jsonl`, `labels.parquet`, `postgresql://...?table=labels`, or a `Sink`.
        options: see `MapOptions`.

    Returns:
        Counts, cost and time, and why it ended if it did not run all items. It is returned whether items
        failed or not; see its `status` and `met`.

    Raises:
        UsageError: an argument is not valid, the input cannot be read, the sink has rows of another program
            or cannot store any more, or the engine cannot be reached.
    """
    check_names("amap_items", options)
    return await Command.of(graph, items, sink=sink, **options).run()


@listing_options
def map_items(
    graph: GraphLike,
    items: Any,
    *,
    sink: str | os.PathLike[str] | Sink,
    **options: Unpack[MapOptions],
) -> MapReport:
    """Run a graph or a function on each item, as `amap_items`, from code that is not async.

    It works while an event loop runs, for example in a notebook. In the main thread the first Ctrl-C drains
    the run, and `map_items` returns; the second cancels it, and raises KeyboardInterrupt.

    Args:
        graph: as for `amap_items`.
        items: as for `amap_items`.
        sink: as for `amap_items`.
        options: see `MapOptions`.

    Returns:
        As `amap_items`.

    Raises:
        UsageError: as `amap_items`.
    """
    check_names("map_items", options)
    return wait_for(Command.of(graph, items, sink=sink, **options).run)


@listing_options
async def aestimate_map(
    graph: GraphLike,
    items: Any,
    *,
    sink: str | os.PathLike[str] | Sink,
    sample: int = SAMPLE,
    **options: Unpack[MapOptions],
) -> MapEstimate:
    """Run a sample of the items that have no row, and estimate what the others cost and take.

    The rows of the sample are stored, and not run again by `amap_items`. Nothing else is paid for. The sample
    is a random one where the number of items is known beforehand, else the first items. A
    budget holds over the sample as well: what was run of it is then the estimate.

    Args:
        graph: as for `amap_items`.
        items: as for `amap_items`; those that can be read only once are used up by the sample.
        sink: as for `amap_items`.
        sample: number of items, at least 2.
        options: see `MapOptions`.

    Returns:
        Means with intervals that hold with a probability of .95, and what they assume.

    Raises:
        UsageError: as `amap_items`, or `sample` is less than 2.
    """
    check_names("aestimate_map", options)
    return await estimated(Command.of(graph, items, sink=sink, **options), sample)


@listing_options
def estimate_map(
    graph: GraphLike,
    items: Any,
    *,
    sink: str | os.PathLike[str] | Sink,
    sample: int = SAMPLE,
    **options: Unpack[MapOptions],
) -> MapEstimate:
    """Run a sample, as `aestimate_map`, from code that is not async.

    Args:
        graph: as for `amap_items`.
        items: as for `amap_items`.
        sink: as for `amap_items`.
        sample: as for `aestimate_map`.
        options: see `MapOptions`.

    Returns:
        As `aestimate_map`.

    Raises:
        UsageError: as `aestimate_map`.
    """
    check_names("estimate_map", options)
    command = Command.of(graph, items, sink=sink, **options)
    return wait_for(lambda: estimated(command, sample))


def wait_for(start: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in the event loop of another thread; the first Ctrl-C drains, the second cancels."""
    from anyio.from_thread import start_blocking_portal

    ended_by: list[BaseException] = []
    results: list[T] = []

    async def run() -> None:
        try:
            results.append(await start())
        except (Exception, CancelledError):
            raise
        except BaseException as error:  # as SystemExit of a row, which would end the loop with a traceback
            ended_by.append(error)

    with start_blocking_portal() as portal:
        running = portal.start_task_soon(run)
        is_stopping = False
        while True:
            try:
                running.result()
                break
            except KeyboardInterrupt:
                if is_stopping:
                    running.cancel()
                    raise
                is_stopping = True
                drain("stopped by SIGINT")
    for error in ended_by:
        raise error
    return results[0]
