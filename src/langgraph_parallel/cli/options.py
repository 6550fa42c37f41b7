"""Options that several commands share, and the values they take.

Only typer and the standard library are imported here and in `commands`, so that `--help` stays fast.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """Format of a result."""

    text = "text"
    markdown = "markdown"
    json = "json"


class TableFormat(StrEnum):
    """Format of a result that has a table."""

    text = "text"
    markdown = "markdown"
    json = "json"
    csv = "csv"


class ListFormat(StrEnum):
    """Format of a list."""

    text = "text"
    json = "json"


ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="PROVIDER:MODEL",
        help="Model to ask. Default: LANGGRAPH_PARALLEL_MODEL, else openai:gpt-5-mini if OPENAI_API_KEY or "
        "OPENAI_BASE_URL is set.",
    ),
]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Use no model, even if the environment names one.")
]
FormatOption = Annotated[Format, typer.Option("--format", help="Format of the result.")]
ListFormatOption = Annotated[ListFormat, typer.Option("--format", help="Output format.")]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output", metavar="FILE", help="Write the result to this file instead of standard output."
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="GLOB",
        help="Skip matching files and folders, in .gitignore syntax; repeatable.",
    ),
]
DeadlineOption = Annotated[
    float | None,
    typer.Option(
        "--deadline",
        min=0.001,
        metavar="SECONDS",
        help="Maximum time for the whole run. The result holds what has finished by then.",
    ),
]
BudgetCallsOption = Annotated[
    int | None, typer.Option("--budget-calls", min=0, metavar="N", help="Maximum requests to models.")
]
BudgetUsdOption = Annotated[
    float | None, typer.Option("--budget-usd", min=0, metavar="USD", help="Maximum cost in US dollars.")
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", help="Print no progress and no run statistics on standard error.")
]
RuleOption = Annotated[
    str,
    typer.Option("--rule", metavar="RULE", help="Rule that decides the vote, such as 'threshold(0.7)'."),
]


def split_names(text: str | None) -> list[str] | None:
    """Split `A, B` at commas; None stays None."""
    return None if text is None else [name.strip() for name in text.split(",")]
