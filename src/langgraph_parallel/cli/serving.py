"""The MCP server of the command line: its options, and what it may read."""

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langgraph_parallel.cli.checks import check_model_options, check_tracing, limit_fields, make_limits
from langgraph_parallel.cli.exit_codes import OK
from langgraph_parallel.cli.input.rooted import RootedReader
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.models import require_model
from langgraph_parallel.runtime.trace_options import check_level


def serve_tools(
    roots: Sequence[Path],
    models: Sequence[str],
    *,
    base_url: str | None,
    offline: bool,
    limits: Mapping[str, Any],
    trace: str | None,
    trace_contents: bool | None,
    fallbacks: Sequence[str] = (),
) -> int:
    """Serve until the client leaves, or a signal stops the server.

    Args:
        roots: folders that may be read; empty for those of the client.
        models: that options name.
        base_url: endpoint of models of openai.
        offline: whether no model is asked.
        fallbacks: models to ask where one does not answer.
        limits: that options set; None for those that they do not.
        trace: what a trace holds.
        trace_contents: whether traces may hold contents.

    Returns:
        The exit code.

    Raises:
        UsageError: an option is not valid, or the extra is not installed.
    """
    checked = make_limits(limit_fields(**limits))
    check_model_options(models, offline=offline, base_url=base_url, limits=checked, fallbacks=fallbacks)
    for model in [*models, *fallbacks]:
        require_model(model)
    level = check_level(trace)
    check_tracing(level)
    folders = [_folder(root) for root in roots]

    try:
        from langgraph_parallel.mcp.patterns import Settings
        from langgraph_parallel.mcp.server import ToolServer
        from langgraph_parallel.mcp.stdio import serve
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        install = "pip install 'langgraph-parallel[mcp]'"
        raise UsageError(f"the server needs the SDK of MCP, version 2.3 or later: {install}") from None

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    settings = Settings(
        models,
        offline,
        {
            "limits": checked,
            "fallbacks": fallbacks or None,
            "trace": level,
            "trace_contents": trace_contents,
        },
    )
    asyncio.run(serve(ToolServer(settings, RootedReader, folders)))
    # Python looks for cycles among all that was imported before it ends, which takes a second or more, and
    # clients kill a server that is still there two seconds after they have closed its input.
    gc.freeze()
    return OK


def _folder(root: Path) -> Path:
    if not root.is_dir():
        raise UsageError(f"--root {root} is not a folder; name one whose files the tools may read")
    return Path(os.path.realpath(root))
