"""What `runs show` prints and writes."""

from collections.abc import Callable, Mapping
from pathlib import Path

from langgraph_parallel.cli.run_store import RunStore
from langgraph_parallel.cli.writing import check_apart, check_output, color_for, width_for, write_text
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.run_record import RunRecord
from langgraph_parallel.reducers.recorded import read_record

_VIEWS: Mapping[str, Callable[[RunRecord], str]] = {
    "--html": RunRecord.to_html,
    "--perfetto": RunRecord.to_perfetto,
    "--csv": RunRecord.to_csv,
    "--mermaid": RunRecord.to_mermaid,
    "--record": RunRecord.to_json,
}
"""What each option writes."""


def check_action(action: str | None, run: str | None, views: Mapping[str, Path]) -> str:
    """Check that a run is named where one is needed, and that files can be written.

    Args:
        action: `show`, `forget`, or None to list runs.
        run: as given.
        views: files by option.

    Returns:
        The run; empty to list runs.

    Raises:
        UsageError: the words do not go together, or a file cannot be written.
    """
    if action is not None and not run:
        raise UsageError(f"runs {action} needs a run; `langgraph-parallel runs` lists them")
    if action != "show" and views:
        raise UsageError(f"{next(iter(views))} needs a run: `langgraph-parallel runs show RUN`")
    for option, file in views.items():
        check_output(file, option)
    return run or ""


def write_views(store: RunStore, run: str, views: Mapping[str, Path]) -> None:
    """Write views of a run.

    Args:
        store: of the runs.
        run: id of one of them or its beginning, or the file of a record.
        views: files by option.

    Raises:
        UsageError: there is no such run, it has no record, or a file cannot be written.
    """
    source = _find(store, run)
    check_apart({"the record that is shown": source, **views})
    record = read_record(source)
    for option, file in views.items():
        write_text(_VIEWS[option](record), file)


def show_run(store: RunStore, run: str, *, as_json: bool) -> str:
    """Return the report of a review that is kept, else five lines on what a run did.

    Args:
        store: of the runs.
        run: id of one of them or its beginning, or the file of a record.
        as_json: return the report or the record as JSON.

    Raises:
        UsageError: there is no such run, or nothing is kept of it.
    """
    if not Path(run).is_file() and store.files.record(id := store.identify(run)).is_file():
        return store.record(id) if as_json else _report_text(store.record(id))
    record = read_record(_find(store, run))
    return f"{record.to_json() if as_json else record}\n"


def _find(store: RunStore, run: str) -> Path:
    """Return the file of a record."""
    file = Path(run)
    return file if file.is_file() else store.recording(store.identify(run))


def _report_text(report: str) -> str:
    from langgraph_parallel.report.review.json import ReviewDocument
    from langgraph_parallel.report.review.text import text_report
    from langgraph_parallel.report.run import run_summary

    document = ReviewDocument.model_validate_json(report)
    summary = "" if document.run is None else "\n" + run_summary(document.run, width=width_for(None))
    return text_report(document, width=width_for(None), color=color_for(None)) + summary
