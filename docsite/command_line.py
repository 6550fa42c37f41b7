"""Reference page of the command line."""

from collections.abc import Iterator
from typing import Any

import typer

from docsite.markup import bullets, page
from langgraph_parallel.cli.app import app
from langgraph_parallel.cli.panels import PANELS


def pages() -> Iterator[tuple[str, str]]:
    """Yield the page, by its path in the documentation."""
    group: Any = typer.main.get_command(app)
    blocks = [
        "Exit codes: 0 for success; 1 if a gate (`--fail-on`) fails, a vote is undecided, a completion "
        "policy is not met, or there is no result; 2 for bad usage, or if no model answered; 130 if "
        "interrupted.",
    ]
    for name, command in group.commands.items():
        context = typer.Context(command, info_name=f"langgraph-parallel {name}")
        blocks += _command(name, command, context)
    yield "reference/command-line.md", page("Command line", blocks)


def _command(name: str, command: Any, context: Any) -> Iterator[str]:
    yield f"## `{name}`"
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```"
    yield "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    sections: dict[str, list[str]] = {title: [] for title in ("Arguments", "Options", *PANELS)}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or parameter.name == "help":
            continue
        if parameter.param_type_name == "argument":
            written, kind = parameter.metavar or str(parameter.name).upper(), "Arguments"
        else:
            written, kind = record[0], parameter.rich_help_panel or "Options"
        text = " ".join(record[1].replace("[required]", "").split())
        sections[kind].append(f"`{' '.join(written.split())}`: {text}")
    for title, items in sections.items():
        if items:
            yield f"**{title}**"
            yield bullets(items)
