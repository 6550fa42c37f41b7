"""Options of the command `map`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from langgraph_parallel.cli.panels import LIMITS_PANEL, OUTPUT_PANEL


class Redrive(StrEnum):
    """Which rows run again."""

    failed = "failed"


class Progress(StrEnum):
    """How progress is shown."""

    bar = "bar"
    json = "json"
    none = "none"


GraphArgument = Annotated[
    str,
    typer.Argument(
        metavar="GRAPH",
        help="Graph of the catalogue (see 'graphs'), or a graph or function of your own as module:name.",
    ),
]
InputArgument = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help="Items: JSON lines, CSV, Parquet, a folder of documents, the URL of a database (with --query), "
        "or - for standard input. Text may be compressed with gzip.",
    ),
]
SinkOption = Annotated[
    str,
    typer.Option(
        "--sink",
        metavar="OUT",
        help="Where the rows go: NAME.sqlite, NAME.jsonl, NAME.parquet or a folder NAME/ for Parquet, "
        "postgresql://USER@HOST/DB?table=NAME, or - for JSON lines on standard output. The same command goes "
        "on with what is not there yet.",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="COLUMN",
        help="Column that identifies the items. Default: their numbers, the paths of documents, or the "
        "primary key of a table.",
    ),
]
QueryOption = Annotated[
    str | None,
    typer.Option("--query", metavar="SQL", help="SELECT whose rows are the items, or the name of a table."),
]
InputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="KEY=COLUMN",
        help="Read a key of the graph's input from a column; KEY='text with {COLUMN}' fills in columns, "
        "KEY:=JSON is the same for all items. Default: columns with the names of the keys, or the one column "
        "of texts. Repeatable.",
    ),
]
OutputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="COLUMN=PATH",
        help="Write a value of the graph's output to a column, such as label=verdict.choice; NAME alone is "
        "NAME=NAME. Default: what matters most of it. Repeatable.",
    ),
]
RecordsOption = Annotated[
    Path | None,
    typer.Option(
        "--record",
        metavar="FOLDER",
        help="Write the record of each run into this folder, for 'runs show FILE'; only for graphs of this "
        "package.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="ENGINE",
        help="Where the items run: N or processes:N for processes of this machine, dask, dask:N, or the "
        "address of a Dask scheduler. Default: this process.",
    ),
]
ChunkOption = Annotated[
    int | None,
    typer.Option(
        "--chunk", min=1, metavar="N", help="Items that a worker gets at once. Default: by what they take."
    ),
]
RedriveOption = Annotated[
    Redrive | None,
    typer.Option("--redrive", help="Run only the items again whose row failed."),
]
MixedOption = Annotated[
    bool,
    typer.Option(
        "--mixed",
        help="Go on with a sink whose rows were made with another graph, prompt, model or setting.",
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="Take only the first items."),
]
StopAfterErrorsOption = Annotated[
    int | None,
    typer.Option(
        "--stop-after-errors",
        min=1,
        metavar="N",
        help="Begin no more items once so many have failed.",
        rich_help_panel=LIMITS_PANEL,
    ),
]
CompletionOption = Annotated[
    str | None,
    typer.Option(
        "--completion",
        metavar="POLICY",
        help="How many items must succeed, such as 'tolerated_failures(0.01)'; exit with code 1 if it is not "
        "met, and end early once it cannot be.",
        rich_help_panel=LIMITS_PANEL,
    ),
]
EstimateOption = Annotated[
    bool,
    typer.Option(
        "--estimate",
        help="Run a random sample, whose rows are kept; print what all would cost and take, and end.",
    ),
]
SampleOption = Annotated[
    int | None,
    typer.Option("--sample", min=2, metavar="N", help="Items of the sample of --estimate. Default: 50."),
]
ProgressOption = Annotated[
    Progress,
    typer.Option(
        "--progress",
        help="Progress on standard error: a bar (lines if it is no terminal), or a JSON object a line, the "
        "summary last; -q leaves these.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print no progress and no summary on standard error; warnings and errors stay.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
