"""The command `mcp`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from langgraph_parallel.cli.limit_options import LimitOptions
from langgraph_parallel.cli.options import (
    BaseUrlOption,
    CacheOptions,
    FallbacksOption,
    ModelsOption,
    OfflineOption,
    TraceOptions,
)
from langgraph_parallel.cli.spelled import spell_out

RootOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--root",
        metavar="DIR",
        help="Folder whose files the tools may read; repeatable. Default: the folders that the client works "
        "in, if it says so, else the current folder.",
    ),
]


@spell_out
def mcp(
    root: RootOption = None,
    models: ModelsOption = None,
    fallbacks: FallbacksOption = None,
    base_url: BaseUrlOption = None,
    offline: OfflineOption = False,
    *,
    limits: LimitOptions,
    traces: TraceOptions,
    caching: CacheOptions,
) -> int:
    """Serve tools for editors and agents over MCP.

    The tools are review, brief, moderate, vote, feedback and research. The client starts the server, speaks
    the Model Context Protocol on standard input and output, and ends it by closing them. Budgets and
    deadlines hold for each call of a tool. Needs the extra mcp.
    """
    from langgraph_parallel.cli.serving import serve_tools

    return serve_tools(
        root or [],
        models or [],
        base_url=base_url,
        fallbacks=fallbacks or [],
        offline=offline,
        limits=asdict(limits),
        trace=traces.trace and traces.trace.value,
        trace_contents=traces.trace_contents,
    )
