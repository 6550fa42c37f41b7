"""The command `batches`."""

from typing import Annotated

import typer

from langgraph_parallel.cli.endpoint import check_url
from langgraph_parallel.cli.options import ListFormat, ListFormatOption

CancelOption = Annotated[
    str | None,
    typer.Option(
        "--cancel",
        metavar="BATCH|all",
        help="Cancel a batch at its endpoint, or all that are open there, and stop. What it has answered by "
        "then is kept for the next run that asks.",
    ),
]
EndpointOption = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        callback=check_url,
        help="Endpoint of an OpenAI-compatible server. Default: OPENAI_BASE_URL.",
    ),
]


def batches(
    cancel: CancelOption = None, base_url: EndpointOption = None, format: ListFormatOption = ListFormat.text
) -> int:
    """List the batches of runs with --batch; cancel them.

    A run that was stopped leaves its batch at the endpoint. The same command, started again, or 'review
    --resume', collects the answers; a run that has ended takes its batches out of the list.
    """
    from langgraph_parallel.cli.batch_list import batches_json, batches_text, cancel_batches
    from langgraph_parallel.cli.endpoint import ask_at
    from langgraph_parallel.cli.exit_codes import OK
    from langgraph_parallel.cli.writing import write_text
    from langgraph_parallel.runtime.batch.ledger import list_batches

    if cancel is not None:
        with ask_at(base_url):
            write_text(cancel_batches(cancel))
        return OK
    write_text((batches_json if format is ListFormat.json else batches_text)(list_batches()))
    return OK
