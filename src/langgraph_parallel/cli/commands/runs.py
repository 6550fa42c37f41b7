"""The command `runs`."""

from typing import Annotated

import typer

from langgraph_parallel.cli.options import ListFormat, ListFormatOption

ForgetOption = Annotated[
    str | None,
    typer.Option(
        "--forget",
        metavar="RUN|all",
        help="Delete a run and all data kept of it, or all runs of this user in all folders, and stop.",
    ),
]


def runs(forget: ForgetOption = None, format: ListFormatOption = ListFormat.text) -> int:
    """List your reviews, latest first, or delete them.

    'langgraph-parallel review --resume RUN' resumes a run that is not done.
    """
    from langgraph_parallel.cli.exit_codes import OK
    from langgraph_parallel.cli.listing import runs_json, runs_text
    from langgraph_parallel.cli.run_store import RunStore
    from langgraph_parallel.cli.writing import write_text
    from langgraph_parallel.report.wording import count

    store = RunStore()
    if forget is not None:
        number = store.forget(None if forget == "all" else store.identify(forget))
        write_text(f"forgot {count(number, 'run')}\n")
        return OK
    write_text((runs_json if format is ListFormat.json else runs_text)(store.all()))
    return OK
