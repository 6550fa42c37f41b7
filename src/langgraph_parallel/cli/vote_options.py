"""Options of the commands that read recorded votes."""

from pathlib import Path
from typing import Annotated

import typer

VotesArgument = Annotated[
    Path,
    typer.Argument(metavar="VOTES.jsonl", help="Recorded ballots, one vote per line; .gz is decompressed."),
]
NormaliseOption = Annotated[
    list[str] | None,
    typer.Option(
        "--normalise",
        metavar="text|number|option|boxed",
        help="How to normalise answers before they are compared; repeatable, applied in order.",
    ),
]
AbstainOption = Annotated[
    list[str] | None,
    typer.Option("--abstain", metavar="ANSWER", help="Treat this answer as an abstention; repeatable."),
]
