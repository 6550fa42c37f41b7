"""A review from its options to its exit code. The run is kept on disk until it is done."""

import dataclasses
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.cli.checks import exclude_each_other
from langgraph_parallel.cli.endpoint import ask_at
from langgraph_parallel.cli.exit_codes import OK
from langgraph_parallel.cli.recorded import hand_over, kept_recording
from langgraph_parallel.cli.review.destination import Destination
from langgraph_parallel.cli.review.following import Result, resume_review, run_review
from langgraph_parallel.cli.review.progress import ProgressDisplay
from langgraph_parallel.cli.review.settings import ReviewOptions
from langgraph_parallel.cli.review.source import Code, Source
from langgraph_parallel.cli.run_files import RunStoreError
from langgraph_parallel.cli.run_store import KeptRun, RunStore
from langgraph_parallel.cli.signals import run_to_end
from langgraph_parallel.cli.writing import write_estimate
from langgraph_parallel.errors import CompletionError, UsageError
from langgraph_parallel.report.review.json import json_report
from langgraph_parallel.report.review.wording import headline
from langgraph_parallel.runtime.record_setting import into


def review(options: ReviewOptions, source: Source, destination: Destination, *, keep: bool | None) -> int:
    """Review code and write the report.

    Args:
        options: the review.
        source: the code.
        destination: of the report.
        keep: whether to keep the run on disk; None to keep it until it is done.

    Returns:
        The exit code.

    Raises:
        UsageError: the options or the code are not usable.
        CompletionError: too few votes succeeded.
        KeyboardInterrupt: a second signal cancelled the run.
    """
    destination.check()
    options.build()  # report unusable options before reading anything
    options = dataclasses.replace(options, reporting=dataclasses.asdict(destination.reporting))
    code = source.read()
    if keep is False:
        return destination.write(
            *run_to_end(_run_unkept(options, code, quiet=destination.quiet)), code.folder
        )
    store = RunStore()
    settings = dataclasses.asdict(options)
    kept = store.begin(source.command, settings, base=str(code.folder), keep=keep is True)

    async def run() -> Result:
        async with store.checkpointer(kept.id) as checkpointer:
            with ProgressDisplay(quiet=destination.quiet) as progress:
                config = _config(store, kept)
                return await run_review(options.build(checkpointer), code.inputs, config, progress)

    try:
        result = _run_kept(store, kept, run)
    except RunStoreError:
        raise
    except UsageError:
        store.forget(kept.id)  # raised before any call, so there is nothing to resume
        raise
    return destination.write(*result, code.folder)


def resume(
    id: str, options: ReviewOptions, source: Source, destination: Destination, *, estimate: bool
) -> int:
    """Resume an earlier run by its own options; a model, endpoint, policy, limits and traces given now win.

    Args:
        id: of the run, or its beginning.
        options: those given now.
        source: must be empty; the run has its code.
        destination: of the report.
        estimate: must be False.

    Returns:
        The exit code.

    Raises:
        UsageError: there is no such run, it has nothing left to do, or the options contradict it.
        CompletionError, KeyboardInterrupt: as `review`.
    """
    destination.check()
    if not source.is_empty:
        raise UsageError("--resume uses the code of that run; give no paths and no --diff")
    if estimate or options.offline:  # a resumed run would ask models all the same
        raise exclude_each_other("--resume", "--estimate" if estimate else "--offline")
    store = RunStore()
    kept = store.find(id)
    merged = _merge(kept, options)
    reporting = destination.reporting.completed_by_run(merged.reporting)
    destination = dataclasses.replace(destination, reporting=reporting)

    async def run() -> Result:
        async with store.checkpointer(kept.id) as checkpointer:
            graph = merged.build(checkpointer)
            with ProgressDisplay(quiet=destination.quiet) as progress:
                config = _config(store, kept)
                if not (await graph.aget_state(config)).values:
                    raise UsageError(f"run {kept.id} ended before anything was stored; start it again")
                return await resume_review(graph, config, progress)

    with ask_at(merged.base_url):
        result = _run_kept(store, kept, run)
    return destination.write(*result, Path(kept.base or kept.folder))


def print_estimate(options: ReviewOptions, source: Source, destination: Destination) -> int:
    """Print what a review is expected to take, and would take at most, without any call.

    Returns:
        The exit code.

    Raises:
        UsageError: the options or the code are not usable.
    """
    destination.check()
    if destination.format == "sarif":
        raise exclude_each_other("--estimate", "--format sarif")
    graph = options.build()
    write_estimate(
        graph, source.read().inputs, as_json=destination.format == "json", output=destination.output
    )
    return OK


def _merge(kept: KeptRun, options: ReviewOptions) -> ReviewOptions:
    stored = ReviewOptions(**kept.settings)
    for option, given in {"--model": options.model, "--fallback": options.fallbacks}.items():
        if stored.offline and given is not None:
            raise UsageError(f"run {kept.id} was started with --offline; leave out {option}")
    return dataclasses.replace(
        stored,
        model=options.model or stored.model,
        base_url=options.base_url or stored.base_url,
        fallbacks=options.fallbacks or stored.fallbacks,
        completion=options.completion or stored.completion,
        limits={**stored.limits, **options.limits},
        trace=options.trace or stored.trace,
        trace_contents=stored.trace_contents if options.trace_contents is None else options.trace_contents,
    )


async def _run_unkept(options: ReviewOptions, code: Code, *, quiet: bool) -> Result:
    with ProgressDisplay(quiet=quiet) as progress:
        return await run_review(options.build(), code.inputs, {}, progress)


def _run_kept(store: RunStore, kept: KeptRun, run: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run, record how it ended, and print how to resume it."""
    try:
        result = _run_recorded(store, kept, run)
    except CompletionError as error:
        _record_end(store, kept, "partial", str(error))
        raise
    except KeyboardInterrupt:
        _record_end(store, kept, "stopped", "cancelled")
        raise
    except RunStoreError:
        _record_end(store, kept, "stopped", "its checkpoints could not be stored")
        raise
    review, report = result
    if review is None:
        _record_end(store, kept, "partial", "no report")
        return result
    state = "stopped" if review.interrupted else "partial" if report.failures else "done"
    record = json_report(review, report) if kept.keep and state == "done" else None
    _record_end(store, kept, state, headline(review), record)
    return result


def _config(store: RunStore, kept: KeptRun) -> RunnableConfig:
    """Return the thread of a run, and where its record is kept."""
    config: RunnableConfig = {"configurable": {"thread_id": kept.id}}
    return into(kept_recording(store.files.run_record(kept.id)), config)


def _run_recorded(store: RunStore, kept: KeptRun, run: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    try:
        return run_to_end(run())
    finally:
        hand_over(store.files.run_record(kept.id))


def _record_end(store: RunStore, kept: KeptRun, state: str, summary: str, record: str | None = None) -> None:
    try:
        store.finish(kept.id, state, summary, record)
    except RunStoreError as error:  # the result is there all the same
        print(f"langgraph-parallel: {error}", file=sys.stderr)
    if state != "done":
        command = f"langgraph-parallel review --resume {kept.id}"
        print(f"the run is not complete; to run the rest: {command}", file=sys.stderr)
