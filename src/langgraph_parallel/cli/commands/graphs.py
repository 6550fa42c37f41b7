"""The command `graphs`."""

from typing import Annotated

import typer

from langgraph_parallel.cli.options import Format, FormatOption

GraphArgument = Annotated[
    str | None, typer.Argument(metavar="GRAPH", help="Graph to describe; all are listed without one.")
]


def graphs(name: GraphArgument = None, format: FormatOption = Format.text) -> int:
    """List the graphs of the catalogue, or what one takes and gives."""
    import json

    from langgraph_parallel.cli.catalogue import described
    from langgraph_parallel.cli.exit_codes import OK
    from langgraph_parallel.cli.writing import render_markdown, write_text

    found = described.list_graphs() if name is None else described.describe(name)
    if format is Format.json:
        write_text(json.dumps(found, indent=2) + "\n")
        return OK
    if isinstance(found, list):
        markdown = described.listing_markdown(found)
    else:
        markdown = described.description_markdown(found)
    write_text(markdown if format is Format.markdown else render_markdown(markdown, None))
    return OK
