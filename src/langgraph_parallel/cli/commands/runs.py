"""The command `runs`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from langgraph_parallel.cli.options import ListFormat, ListFormatOption
from langgraph_parallel.cli.panels import OUTPUT_PANEL


class Action(StrEnum):
    """What is done with a run."""

    show = "show"
    forget = "forget"


ActionArgument = Annotated[
    Action | None,
    typer.Argument(
        metavar="show|forget",
        help="'show' prints the report of a run, else what it did, or writes views of it; 'forget' deletes "
        "it and all that is kept of it. Without it, runs are listed.",
    ),
]
RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="Id of the run, or its beginning. For 'show' also the file of a record; for 'forget' also "
        "'all', the runs of this user in all folders.",
    ),
]
HtmlOption = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Write a page for a browser: branches over time, votes, failures, cost.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
PerfettoOption = Annotated[
    Path | None,
    typer.Option(
        "--perfetto", metavar="FILE", help="Write a trace for ui.perfetto.dev.", rich_help_panel=OUTPUT_PANEL
    ),
]
CsvOption = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FILE", help="Write the calls as a table.", rich_help_panel=OUTPUT_PANEL),
]
MermaidOption = Annotated[
    Path | None,
    typer.Option(
        "--mermaid", metavar="FILE", help="Write a flowchart of what ran.", rich_help_panel=OUTPUT_PANEL
    ),
]
RecordOption = Annotated[
    Path | None,
    typer.Option(
        "--record", metavar="FILE", help="Write the record itself, as JSON.", rich_help_panel=OUTPUT_PANEL
    ),
]


def runs(
    action: ActionArgument = None,
    run: RunArgument = None,
    html: HtmlOption = None,
    perfetto: PerfettoOption = None,
    csv: CsvOption = None,
    mermaid: MermaidOption = None,
    record: RecordOption = None,
    format: ListFormatOption = ListFormat.text,
) -> int:
    """List your reviews, latest first; show what one did; delete runs.

    For example: langgraph-parallel runs show 20260101 --html run.html. To resume a run that is not done:
    langgraph-parallel review --resume RUN.
    """
    from langgraph_parallel.cli.exit_codes import OK
    from langgraph_parallel.cli.listing import runs_json, runs_text
    from langgraph_parallel.cli.run_store import RunStore
    from langgraph_parallel.cli.showing import check_action, show_run, write_views
    from langgraph_parallel.cli.writing import write_text
    from langgraph_parallel.report.wording import count

    views = {"--html": html, "--perfetto": perfetto, "--csv": csv, "--mermaid": mermaid, "--record": record}
    wanted = {option: file for option, file in views.items() if file is not None}
    name = check_action(action, run, wanted)
    store = RunStore()
    if action is Action.forget:
        number = store.forget(None if name == "all" else store.identify(name))
        write_text(f"forgot {count(number, 'run')}\n")
    elif wanted:
        write_views(store, name, wanted)
    elif action is Action.show:
        write_text(show_run(store, name, as_json=format is ListFormat.json))
    else:
        write_text((runs_json if format is ListFormat.json else runs_text)(store.all()))
    return OK
