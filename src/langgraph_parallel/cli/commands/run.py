"""The command `run`."""

from pathlib import Path
from typing import Annotated

import typer

from langgraph_parallel.cli.options import (
    Format,
    FormatOption,
    OfflineRunOptions,
    Summary,
)
from langgraph_parallel.cli.set_option import SetOption
from langgraph_parallel.cli.spelled import spell_out

GraphArgument = Annotated[
    str,
    typer.Argument(
        metavar="GRAPH", help="Graph of the catalogue (see 'graphs'), or one of your own as module:graph."
    ),
]
InputArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Input: KEY=TEXT, KEY=@FILE (a folder or a table too, where texts are expected), KEY:=JSON, or "
        "the text alone if one key is required. A key may come again.",
    ),
]
InputOption = Annotated[
    Path | None,
    typer.Option(
        "--input", "-i", metavar="FILE", help="Read the input from a JSON file; - reads standard input."
    ),
]


@spell_out
def run(
    name: GraphArgument,
    given: InputArgument = None,
    input: InputOption = None,
    set: SetOption = None,
    format: FormatOption = Format.text,
    *,
    options: OfflineRunOptions,
) -> int:
    """Run any graph: of the catalogue, or of your own modules.

    For example: langgraph-parallel run debate "Is 2027 a prime number?" --set choices='["yes", "no"]'. Exits
    with code 1 if a vote is undecided.
    """
    from langgraph_parallel.catalogue.graphs import build, check_model
    from langgraph_parallel.cli.catalogue.inputs import InputForm, read_input
    from langgraph_parallel.cli.catalogue.outputs import output_json, output_markdown
    from langgraph_parallel.cli.checks import exclude_each_other
    from langgraph_parallel.cli.exit_codes import FOUND, OK
    from langgraph_parallel.cli.graph_command import GraphCommand, exit_code
    from langgraph_parallel.cli.writing import render_markdown, write_text

    command = GraphCommand(options)
    context = {**command.check(), "model": options.model, "cache": False if options.cache is False else None}
    if input is not None and given:
        raise exclude_each_other("--input", "KEY=VALUE")
    graph = build(name, set or [], offline=options.offline)
    check_model(name, options.model)
    form = InputForm(graph)
    inputs = form.parse(given or []) if input is None else form.check(read_input(input))
    if options.estimate:
        return command.estimate(graph, inputs, format, context)
    state = command.run(graph, inputs, context)
    output = {key: state[key] for key in form.outputs if key in state}
    report = state["run_report"]
    shown = report if options.summary is Summary.report else None
    if format is Format.json:
        text = output_json(output, shown)
    else:
        text = output_markdown(output, shown)
        text = text if format is Format.markdown else render_markdown(text, options.output)
    write_text(text, options.output)
    if (code := exit_code(report)) != OK:
        return code
    verdict = output.get("verdict")
    return OK if verdict is None or verdict.decided else FOUND
