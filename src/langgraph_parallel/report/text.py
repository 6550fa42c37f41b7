"""The report for a terminal."""

from collections.abc import Iterable
from io import StringIO
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from langgraph_parallel.records import Finding, Review, RunReport
from langgraph_parallel.report.words import (
    aspect_line,
    coverage_lines,
    headline,
    judged_by,
    remarks,
    run_lines,
    said_by,
    visible,
)

WIDTH = 100
_STYLES = {"high": "bold red", "medium": "bold yellow", "low": "bold cyan"}


def text_report(
    review: Review, run: RunReport | None = None, *, width: int = WIDTH, color: bool = False
) -> str:
    """Render a review for a terminal.

    Args:
        review: what to render.
        run: the run's numbers; without them the same review gives the same text.
        width: columns.
        color: whether to use colours.
    """
    console = _console(width, color)
    _put(console, headline(review), style="bold")
    _put(console, judged_by(review))
    if review.interrupted:
        _put(
            console,
            "The run was stopped before all voters had answered. This is what is there.",
            style="bold",
        )
    if review.notice:
        _put(console, review.notice, style="dim")
    _findings(console, review.confirmed)
    if review.unconfirmed:
        _title(console, "Unconfirmed: too few voters agree, or something is in doubt")
        _findings(console, review.unconfirmed)
    _title(console, "Coverage")
    for line in coverage_lines(review.coverage):
        _put(console, line)
    for outcome in review.aspects:
        _put(console, aspect_line(outcome), indent=2)
    if run is not None:
        _title(console, "Run")
        _run(console, run)
    return _printed(console)


def run_summary(run: RunReport, *, width: int = WIDTH, color: bool = False) -> str:
    """Render the run's numbers alone."""
    console = _console(width, color)
    _run(console, run)
    return _printed(console)


def _findings(console: Console, findings: Iterable[Finding]) -> None:
    for path, held in groupby(findings, key=lambda finding: finding.path):
        _title(console, path)
        for finding in held:
            _finding(console, finding)


def _finding(console: Console, finding: Finding) -> None:
    head = Text.assemble(
        (f"{finding.severity:<6}", _STYLES[finding.severity]),
        (f"  {visible(finding.aspect)}, line {finding.lines}, ", ""),
        (f"{finding.support}", "bold"),
        (f" said by {visible(said_by(finding))}", "dim"),
    )
    console.print(Padding(head, (1, 0, 0, 2)))
    _put(console, finding.message, indent=4)
    if finding.quote:
        _put(console, f"│ {visible(finding.quote)}", indent=4, style="green")
    for word, text in (("why", finding.explanation), ("fix", finding.suggestion)):
        if text:
            _put(console, f"{word}: {text}", indent=4)
    for remark in remarks(finding):
        _put(console, f"({remark})", indent=4, style="dim")


def _run(console: Console, run: RunReport) -> None:
    for line in run_lines(run):
        _put(console, line)


def _title(console: Console, text: str) -> None:
    console.print()
    _put(console, text, style="bold underline")


def _put(console: Console, text: str, *, indent: int = 0, style: str = "") -> None:
    """Print text as it is: nothing in it is markup, and nothing drives the terminal."""
    console.print(Padding(Text(visible(text), style=style), (0, 0, 0, indent)))


def _console(width: int, color: bool) -> Console:
    return Console(
        file=StringIO(),
        width=max(40, width),
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )


def _printed(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())
