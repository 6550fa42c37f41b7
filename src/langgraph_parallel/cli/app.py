"""The typer app: its commands, and how errors become exit codes."""

import os
import sys
from functools import cache
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from langgraph_parallel.cli.commands import COMMANDS
from langgraph_parallel.cli.exit_codes import FOUND, INTERRUPTED, OK, USAGE
from langgraph_parallel.cli.help import HELP_OPTIONS, HelpfulCommand, HelpfulGroup
from langgraph_parallel.cli.streams import silence_output, write_out
from langgraph_parallel.errors import CompletionError, EngineLost, UsageError

app = typer.Typer(
    name="langgraph-parallel",
    cls=HelpfulGroup,
    epilog="'langgraph-parallel COMMAND --help' lists the options of a command.",
    invoke_without_command=True,
    add_help_option=False,  # typer's own option imports pydantic when it is absent; see `main`
    rich_markup_mode=None,  # with markup, help texts import rich
    pretty_exceptions_enable=False,
)
for _command in COMMANDS:
    app.command(cls=HelpfulCommand, context_settings=HELP_OPTIONS)(_command)


def run(arguments: list[str] | None = None) -> int:
    """Run a command line.

    Args:
        arguments: by default those of the process.

    Returns:
        The exit code: 0; 1 if a gate failed (`--fail-on`), a vote is undecided, a completion policy was not
        met, all workers were lost, or there is no result; 2 for bad usage or if no model answered, after one
        paragraph on standard error; 130 if interrupted.
    """
    try:
        code = _root().main(args=arguments, prog_name="langgraph-parallel", standalone_mode=False)
    except (UsageError, typer.TyperException) as error:
        message = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        print(f"langgraph-parallel: error: {' '.join(message.split())}", file=sys.stderr)
        return USAGE
    except OSError as error:
        silence_output()
        place = "" if error.filename is None else f" {os.fsdecode(error.filename)}"
        reason = error.strerror or "the system gives no reason"
        print(f"langgraph-parallel: error: cannot read or write{place}: {reason}", file=sys.stderr)
        return USAGE
    except (CompletionError, EngineLost) as error:
        print(f"langgraph-parallel: {error}", file=sys.stderr)
        return FOUND
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return code if isinstance(code, int) else OK


@cache
def _root() -> typer.core.TyperGroup:
    """Return the command above all others; their options are read from the signatures of functions."""
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    return command


def _print_version(is_requested: bool) -> None:
    if is_requested:
        write_out(installed_version("langgraph-parallel") + "\n")
        raise typer.Exit


def _print_help(context: typer.Context, is_requested: bool) -> None:
    if is_requested:
        write_out(context.get_help() + "\n")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
    help: Annotated[
        bool,
        typer.Option("--help", "-h", callback=_print_help, is_eager=True, help="Show this message and exit."),
    ] = False,
) -> None:
    """Run LLM agents in parallel: code review, voting, briefings, moderation and research."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(USAGE)
