"""A console that prints into a text, for reports that a terminal shows."""

from io import StringIO

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from langgraph_parallel.report.wording import visible

WIDTH = 100


def title(console: Console, text: str) -> None:
    """Print a heading, with an empty line before it."""
    console.print()
    put(console, text, style="bold underline")


def put(console: Console, text: str, *, indent: int = 0, style: str = "") -> None:
    """Print text as it is: nothing in it is markup, and nothing drives the terminal."""
    console.print(Padding(Text(visible(text), style=style), (0, 0, 0, indent)))


def open_console(width: int, color: bool) -> Console:
    """Open a console that prints into memory."""
    return Console(
        file=StringIO(),
        width=max(40, width),
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )


def printed(console: Console) -> str:
    """Return what was printed, without trailing spaces."""
    assert isinstance(console.file, StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())
