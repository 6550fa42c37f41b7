"""The command line: `langgraph-parallel review PATH...`."""

import sys

_EXTRA = {"aiosqlite", "langgraph.checkpoint.sqlite", "pathspec", "platformdirs", "rich", "typer"}


def main() -> None:
    """Run the command line; exit with its code."""
    try:
        from langgraph_parallel.cli.app import run
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        needs = "pip install 'langgraph-parallel[cli,offline]'"
        print(f"langgraph-parallel: error: the command line needs more: {needs}", file=sys.stderr)
        sys.exit(2)
    sys.exit(run())
