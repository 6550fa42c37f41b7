"""The options for the record of a run and the views of it."""

from pathlib import Path
from typing import Annotated

import typer

from langgraph_parallel.cli.panels import OUTPUT_PANEL

RecordOption = Annotated[
    str | None,  # a path would lose the / at the end of a folder
    typer.Option(
        "--record",
        metavar="FILE",
        help="Write the record of the run to this file, as JSON: what its branches did, waited for, called, "
        "voted and cost. For FOLDER/, each run gets a file of its own.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
HtmlOption = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Write a page on the run to this file, for a browser: branches over time, votes, failures, "
        "cost.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
RecordContentsOption = Annotated[
    bool,
    typer.Option(
        "--record-contents",
        help="Keep answers, values and messages of errors in the record and its page too; prompts never are.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
