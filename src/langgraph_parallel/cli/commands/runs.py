"""The command `runs`."""

from typing import Annotated

import typer

from langgraph_parallel.cli.options import ListFormat, ListFormatOption

ForgetOption = Annotated[
    str | None,
    typer.Option(
        "--forget",
        metavar="RUN|all",
        help="Delete a run and all data kept of it, or all runs of this user in all folders, and stop.",
    ),
]
ShowOption = Annotated[
    str | None,
    typer.Option("--show", metavar="RUN", help="Print the report of a run of 'review --keep', and stop."),
]


def runs(
    forget: ForgetOption = None, show: ShowOption = None, format: ListFormatOption = ListFormat.text
) -> int:
    """List your reviews, latest first; show a report; delete runs.

    'langgraph-parallel review --resume RUN' resumes a run that is not done.
    """
    from langgraph_parallel.cli.checks import exclude_each_other
    from langgraph_parallel.cli.exit_codes import OK
    from langgraph_parallel.cli.listing import runs_json, runs_text
    from langgraph_parallel.cli.run_store import RunStore
    from langgraph_parallel.cli.writing import write_text
    from langgraph_parallel.report.wording import count

    if forget is not None and show is not None:
        raise exclude_each_other("--forget", "--show")
    store = RunStore()
    if show is not None:
        record = store.record(store.identify(show))
        write_text(record if format is ListFormat.json else _report_text(record))
        return OK
    if forget is not None:
        number = store.forget(None if forget == "all" else store.identify(forget))
        write_text(f"forgot {count(number, 'run')}\n")
        return OK
    write_text((runs_json if format is ListFormat.json else runs_text)(store.all()))
    return OK


def _report_text(record: str) -> str:
    from langgraph_parallel.cli.writing import color_for, width_for
    from langgraph_parallel.report.review.json import ReviewDocument
    from langgraph_parallel.report.review.text import text_report
    from langgraph_parallel.report.run import run_summary

    document = ReviewDocument.model_validate_json(record)
    summary = "" if document.run is None else "\n" + run_summary(document.run, width=width_for(None))
    return text_report(document, width=width_for(None), color=color_for(None)) + summary
