"""Where a result goes: to a file, or to standard output, rendered for whoever reads it there."""

import os
import shutil
import sys
from pathlib import Path

from langgraph_parallel.errors import UsageError
from langgraph_parallel.report.wording import visible

WIDTH = 100


def check_output(output: Path | None) -> None:
    """Find out before any call whether the result can be written.

    Raises:
        UsageError: it cannot.
    """
    if output is None:
        return
    if output.is_dir():
        raise UsageError(f"--output {output} is a folder; name a file")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"--output {output}: there is no folder {output.parent}")
    if not os.access(output if output.exists() else output.absolute().parent, os.W_OK):
        raise UsageError(f"--output {output} cannot be written")


def write_text(text: str, output: Path | None, *, rendered: bool = False) -> None:
    """Write a text; rendered, Markdown becomes what a terminal shows, and control characters are seen."""
    safe = "\n".join(visible(line) for line in text.split("\n")) if rendered else text
    made = _rendered(safe, terminal=output is None and sys.stdout.isatty()) if rendered else safe
    if output is not None:
        output.write_text(made, encoding="utf-8")
        return
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    sys.stdout.write(made)
    sys.stdout.flush()


def _rendered(markdown: str, *, terminal: bool) -> str:
    from rich.console import Console
    from rich.markdown import Markdown

    width = min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH) if terminal else WIDTH
    console = Console(
        width=width,
        force_terminal=terminal and "NO_COLOR" not in os.environ,
        color_system="standard" if terminal and "NO_COLOR" not in os.environ else None,
        highlight=False,
        emoji=False,
    )
    with console.capture() as captured:
        console.print(Markdown(markdown, hyperlinks=False))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"
