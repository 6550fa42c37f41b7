"""The command `moderate`."""

from enum import StrEnum
from typing import Annotated

import typer

from langgraph_parallel.cli.options import (
    Format,
    FormatOption,
    OfflineRunOptions,
)
from langgraph_parallel.cli.spelled import spell_out, split_names


class Gate(StrEnum):
    """The mildest status that fails."""

    flagged = "flagged"
    needs_review = "needs_review"


FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="Text to check; - reads standard input.")]
ChecksOption = Annotated[
    str | None,
    typer.Option(
        "--checks",
        metavar="A,B",
        help="Checks to run: hate, spam, personal_data, copyright. Default: all four.",
    ),
]
RegionOption = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="XX",
        help="Country, such as US, whose telephone numbers are also found without a + or a word such as tel.",
    ),
]
FailOnOption = Annotated[
    Gate | None,
    typer.Option(
        "--fail-on",
        help="Exit with code 1 if the text is flagged; with needs_review, also if it needs review, or "
        "a part of it cannot be read.",
    ),
]


@spell_out
def moderate(
    path: FileArgument,
    checks: ChecksOption = None,
    region: RegionOption = None,
    fail_on: FailOnOption = None,
    format: FormatOption = Format.text,
    *,
    options: OfflineRunOptions,
) -> int:
    """Check a text for hate, spam, personal data and copyright.

    All checks run in parallel. Without a model, only patterns of personal data and spam are looked for, and
    the text is never called clean.
    """
    from langgraph_parallel.catalogue.spelling import naming
    from langgraph_parallel.cli.checks import check_names
    from langgraph_parallel.cli.exit_codes import FOUND, OK
    from langgraph_parallel.cli.graph_command import GraphCommand
    from langgraph_parallel.graphs.moderation import create_moderation
    from langgraph_parallel.offline.personal_data import check_region
    from langgraph_parallel.prompts import list_prompts
    from langgraph_parallel.reading.documents import read_text

    command = GraphCommand(options)
    shared = command.check()
    chosen = split_names(checks)
    if chosen is not None:
        check_names(chosen, "--checks", known=list_prompts("moderation/checks"))
    if region is not None:
        with naming("--region"):
            check_region(region)
    graph = create_moderation(
        model=options.model, offline=options.offline, checks=chosen, region=region, **shared
    )
    text, remarks = read_text(path, use="moderate")
    command.report_reading(remarks)
    if options.estimate:
        return command.estimate(graph, {"text": text}, format)
    result = command.run(graph, {"text": text})
    code = command.write(result, "moderation", format)
    needs_review = result["status"] == "needs_review" or any(remark.is_unread for remark in remarks)
    is_failure = result["status"] == "flagged" or (needs_review and fail_on is Gate.needs_review)
    return FOUND if code == OK and fail_on is not None and is_failure else code
