"""The option that sets arguments of a graph's factory."""

from typing import Annotated

import typer

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Argument of the graph's factory, as JSON or text; the text of a worker is its prompt. "
        "Repeatable.",
    ),
]
