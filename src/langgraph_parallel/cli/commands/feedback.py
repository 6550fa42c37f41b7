"""The command `feedback`."""

from typing import Annotated, Any

import typer

from langgraph_parallel.cli.options import (
    OfflineRunOptions,
    Summary,
    TableFormat,
)
from langgraph_parallel.cli.panels import OUTPUT_PANEL
from langgraph_parallel.cli.spelled import spell_out, split_names

TableArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="CSV file or spreadsheet with a column of texts, or text with one per line; - reads standard "
        "input.",
    ),
]
ColumnOption = Annotated[
    str | None,
    typer.Option(
        "--column",
        metavar="NAME",
        help="Column of the texts. Default: one called text, feedback, comment, message, review, body or the "
        "like, or the only one that can hold texts.",
    ),
]
SheetOption = Annotated[
    str | None,
    typer.Option(
        "--sheet", metavar="NAME", help="Sheet of a spreadsheet. Default: the first with a column of texts."
    ),
]
DimensionsOption = Annotated[
    str | None,
    typer.Option(
        "--dimensions",
        metavar="A,B",
        help="What to analyse: sentiment, topics, urgency, entities. Default: all four.",
    ),
]
TableFormatOption = Annotated[
    TableFormat,
    typer.Option(
        "--format",
        "-f",
        help="Format of the result; csv has one row per text.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]


@spell_out
def feedback(
    path: TableArgument,
    column: ColumnOption = None,
    sheet: SheetOption = None,
    dimensions: DimensionsOption = None,
    format: TableFormatOption = TableFormat.text,
    *,
    options: OfflineRunOptions,
) -> int:
    """Analyse feedback: sentiment, topics, urgency and entities.

    Without a model, a lexicon, patterns and term counts do the work.
    """
    from langgraph_parallel.cli.checks import check_names, exclude_each_other
    from langgraph_parallel.cli.exit_codes import OK
    from langgraph_parallel.cli.graph_command import GraphCommand
    from langgraph_parallel.cli.options import Format
    from langgraph_parallel.cli.writing import report_failed_run, write_text
    from langgraph_parallel.graphs.feedback import create_feedback
    from langgraph_parallel.nodes.catalogue.feedback import DIMENSIONS
    from langgraph_parallel.reading.tables import read_table

    if format is TableFormat.csv and options.summary is Summary.report:
        raise exclude_each_other("--format csv", "--summary report")
    if format is TableFormat.csv and options.estimate:
        raise exclude_each_other("--format csv", "--estimate")
    command = GraphCommand(options)
    shared = command.check()
    names = split_names(dimensions)
    if names is not None:
        check_names(names, "--dimensions", known=DIMENSIONS)
    arguments: Any = {} if names is None else {"dimensions": names}
    graph = create_feedback(model=options.model, offline=options.offline, **shared, **arguments)
    table = read_table(path, column, sheet)
    command.report_reading(table.remarks)
    if options.estimate:
        return command.estimate(graph, {"texts": table.texts}, Format(format.value))
    result = command.run(graph, {"texts": table.texts})
    if format is TableFormat.csv and result["csv"] is not None:
        write_text(result["csv"], options.output)
        return report_failed_run(result["run_report"]) if result["run_report"].status == "failed" else OK
    return command.write(result, "feedback", Format(format.value))
