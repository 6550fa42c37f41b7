"""How `--help` shows commands and options: by subject, and with nothing cut off."""

from typing import Any

from typer.core import TyperCommand, TyperGroup

from langgraph_parallel.cli.panels import PANELS

HELP_OPTIONS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
"""Settings of every command."""

_GENERAL = "Options"


class HelpfulCommand(TyperCommand):
    """A command whose options stand under the subject that they name as `rich_help_panel`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line."""
        arguments = [one for one in self.get_params(ctx) if one.param_type_name == "argument"]
        return [f"[{_GENERAL.upper()}]", *map(_usage, arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, and the options of each subject."""
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in ("Arguments", _GENERAL, *PANELS)}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if parameter.param_type_name == "argument" and record is not None:
                # The name alone; the record also has a Python type, such as `list[str]`.
                sections["Arguments"].append((_name(parameter), record[1].replace("[required]", "").rstrip()))
            elif record is not None:
                sections[getattr(parameter, "rich_help_panel", None) or _GENERAL].append(record)
        for title, rows in sections.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


class HelpfulGroup(TyperGroup):
    """The commands, each with its whole first sentence, wrapped where the terminal is narrow."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options of all commands."""
        options = super().get_params(ctx)
        for flag in options:
            if flag.default is None:  # typer's options of completion; to convert None, it imports pydantic
                flag.default = False
        return options

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one entry for each command."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, (command.help or "").partition("\n\n")[0]) for name, command in commands if command]
        with formatter.section("Commands"):
            formatter.write_dl([(name, " ".join(text.split())) for name, text in rows])


def _name(argument: Any) -> str:
    return argument.metavar or str(argument.name).upper()


def _usage(argument: Any) -> str:
    """Return how an argument is written: `FILE`, `FILE...`, or `[FILE]...` if it may be left out."""
    word = _name(argument) if argument.required else f"[{_name(argument)}]"
    return word if argument.nargs == 1 else f"{word}..."
