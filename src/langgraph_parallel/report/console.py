"""Terminal output rendered into a string. Needs rich, from the extra `cli`."""

from io import StringIO

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from langgraph_parallel.report.wording import visible

WIDTH = 100
"""Default width, in columns."""


def open_console(width: int, color: bool) -> Console:
    """Open a console that writes into memory.

    Args:
        width: columns; at least 40 are used.
        color: whether to write colour codes.
    """
    return Console(
        file=StringIO(),
        width=max(40, width),
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )


def print_heading(console: Console, text: str) -> None:
    """Print an empty line and a heading."""
    console.print()
    print_text(console, text, style="bold underline")


def print_text(console: Console, text: str, *, indent: int = 0, style: str = "") -> None:
    """Print text literally: rich markup in it is not interpreted, and control characters are made visible.

    Args:
        console: where to print.
        text: one paragraph.
        indent: columns to the left.
        style: a rich style.
    """
    console.print(Padding(Text(visible(text), style=style), (0, 0, 0, indent)))


def get_output(console: Console) -> str:
    """Return what was printed so far, without trailing spaces."""
    assert isinstance(console.file, StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())
