"""The option `--watch`."""

from typing import Annotated

import typer

from langgraph_parallel.cli.panels import OUTPUT_PANEL

WatchOption = Annotated[
    bool,
    typer.Option(
        "--watch",
        help="Show in the terminal what each branch does or waits for, how votes stand and what the run has "
        "cost so far, while it goes on.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
