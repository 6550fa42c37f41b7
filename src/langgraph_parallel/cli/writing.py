"""Output: to a file, or to standard output as a terminal shows it."""

import errno
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langgraph_parallel.cli.exit_codes import FOUND, USAGE
from langgraph_parallel.cli.streams import reason, write_file, write_out
from langgraph_parallel.control import estimate
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import RunReport
from langgraph_parallel.report.estimate import estimate_lines
from langgraph_parallel.report.run import cause_lines
from langgraph_parallel.report.wording import visible

_GAP = "\u200b"
"""A space of no width, by which Markdown keeps words apart that hosts would act on."""
WIDTH = 100
"""Columns of text that does not go to a terminal."""


def check_output(output: Path | None, option: str = "--output") -> None:
    """Check before any call that the result can be written.

    Args:
        output: file; None for standard output.
        option: that names the file.

    Raises:
        UsageError: it cannot.
    """
    if output is None:
        return
    if output.is_dir():
        raise UsageError(f"{option} {output} is a folder; name a file")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"{option} {output}: there is no folder {output.parent}; create it first")
    try:
        if output.is_file():
            output.open("ab").close()
        elif output.exists():  # a device or a pipe, which opening may change
            if not os.access(output, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        else:
            try_folder(output.absolute().parent)
    except OSError as error:
        raise UsageError(
            f"{option} {output} cannot be written: {reason(error)}; choose another file"
        ) from None


def try_folder(folder: Path) -> None:
    """Try whether a file can be made in a folder: its rights do not tell, as in /proc, or for root.

    Raises:
        OSError: it cannot.
    """
    from tempfile import TemporaryFile

    TemporaryFile(dir=folder).close()


def check_apart(files: Mapping[str, Path | None]) -> None:
    """Check that no file would be written over another one of a command.

    Args:
        files: by what names them; None for none. What is no file, such as /dev/stdout, may come twice.

    Raises:
        UsageError: two are the same.
    """
    seen: dict[Path, str] = {}
    for name, file in files.items():
        if file is None or (file.exists() and not file.is_file()):
            continue
        place = file.expanduser().resolve()
        if place in seen:
            raise UsageError(f"{seen[place]} and {name} are the same file, {file}; name another one")
        seen[place] = name


def write_text(text: str, output: Path | None = None) -> None:
    """Write text to a file, or to standard output.

    Raises:
        UsageError: it cannot be written.
    """
    if output is None:
        write_out(text)
    else:
        write_file(text, output)


def write_estimate(
    graph: Any,
    inputs: Mapping[str, Any],
    context: Mapping[str, Any] | None = None,
    *,
    as_json: bool = False,
    output: Path | None = None,
) -> None:
    """Write what a run is expected to take, and would take at most, without any call.

    Raises:
        UsageError: the input or the context is not valid, or the estimate cannot be written.
    """
    bounds = estimate(graph, inputs, context=context)
    if as_json:
        fields = {**bounds.model_dump(mode="json"), "best_lever": bounds.best_lever}
        write_text(json.dumps(fields, indent=2) + "\n", output)
    else:
        # A note may name a variable or a model that somebody else has named.
        write_text("".join(f"{visible(line)}\n" for line in estimate_lines(bounds)), output)


def report_no_result(name: str, run: RunReport) -> int:
    """Print to standard error why a run has no result.

    Returns:
        The exit code.
    """
    causes = "; ".join(cause_lines(run))
    print(visible(f"langgraph-parallel: there is no {name}: {causes}"), file=sys.stderr)
    return USAGE if run.status == "failed" else FOUND


def report_failed_run(run: RunReport) -> int:
    """Print to standard error why a run has failed, although it has a result.

    Returns:
        The exit code.
    """
    causes = "; ".join(cause_lines(run))
    print(visible(f"langgraph-parallel: no model answered: {causes}"), file=sys.stderr)
    return USAGE


def render_markdown(markdown: str, output: Path | None) -> str:
    """Render Markdown as plain text, in colour for a terminal, with control characters made visible."""
    from io import StringIO

    from rich.console import Console
    from rich.markdown import Markdown

    safe = "\n".join(visible(line) for line in markdown.split("\n"))
    color = color_for(output)
    console = Console(
        file=StringIO(),  # it would also write to standard output, if only nothing, which may fail
        width=min(width_for(output), WIDTH),
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        emoji=False,
    )
    with console.capture() as captured:
        console.print(Markdown(safe, hyperlinks=False))
    # A text that is read here needs nothing that keeps code hosts from making links of it. What others have
    # written has no such spaces: `visible` shows theirs.
    plain = captured.get().replace(_GAP, "")
    return "\n".join(line.rstrip() for line in plain.splitlines()) + "\n"


def width_for(output: Path | None) -> int:
    """Return the columns of the terminal if the result goes to one, else `WIDTH`."""
    return shutil.get_terminal_size((WIDTH, 24)).columns if _is_terminal(output) else WIDTH


def color_for(output: Path | None) -> bool:
    """Return whether the result may have colours: it goes to a terminal, and NO_COLOR is not set."""
    return _is_terminal(output) and "NO_COLOR" not in os.environ


def shows_signs() -> bool:
    """Return whether standard output is a terminal that shows characters beyond ASCII."""
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower()
    return _is_terminal(None) and encoding.replace("-", "").startswith("utf")


def _is_terminal(output: Path | None) -> bool:
    return output is None and sys.stdout is not None and sys.stdout.isatty()
