"""The command line: `langgraph-parallel COMMAND ...`."""

import sys

_EXTRA = {
    "aiosqlite",
    "langgraph.checkpoint.sqlite",
    "packaging",
    "pathspec",
    "platformdirs",
    "rich",
    "typer",
}
"""Modules that the extra `cli` installs."""


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from langgraph_parallel.cli.app import run
        from langgraph_parallel.cli.streams import guard_streams

        guard_streams()
        code = run()
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        install = "pip install 'langgraph-parallel[cli,offline]'"
        print(f"langgraph-parallel: error: {error.name} is not installed; run {install}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:  # while modules are imported
        code = 130
    sys.exit(code)
