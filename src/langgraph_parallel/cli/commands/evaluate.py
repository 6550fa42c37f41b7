"""The command `evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from langgraph_parallel.cli.limit_options import LimitOptions
from langgraph_parallel.cli.options import ListFormat, ListFormatOption, OutputOption
from langgraph_parallel.cli.panels import OUTPUT_PANEL
from langgraph_parallel.cli.spelled import spell_out

ConfigArgument = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG", help="TOML file with the dataset, the scorer and a table for each variant."
    ),
]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="FILE",
        help="SQLite file of answers and judgements; the same command goes on with what is there.",
    ),
]
RedriveOption = Annotated[
    bool, typer.Option("--redrive", help="Ask again for answers and judgements of the store that failed.")
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="Ask at most so many items.")
]
PlotOption = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        help="Write scores over costs to this file, as SVG.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
QuietOption = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print no progress on standard error.", rich_help_panel=OUTPUT_PANEL),
]


@spell_out
def evaluate(
    config: ConfigArgument,
    store: StoreOption = None,
    redrive: RedriveOption = False,
    limit: LimitOption = None,
    plot: PlotOption = None,
    format: ListFormatOption = ListFormat.text,
    output: OutputOption = None,
    quiet: QuietOption = False,
    *,
    limits: LimitOptions,
) -> int:
    """Compare graphs on the same items, and say which to use.

    It asks until the best choice is known, or all items were asked. For example: langgraph-parallel evaluate
    evaluation.toml --store evaluation.sqlite --plot frontier.svg. Exits with code 1 if no item could be
    scored.
    """
    from langgraph_parallel.cli.evaluating import EvaluateCommand

    return EvaluateCommand(
        config=config,
        store=store,
        redrive=redrive,
        limit=limit,
        plot=plot,
        as_json=format is ListFormat.json,
        output=output,
        quiet=quiet,
        limits=limits,
    ).run()
