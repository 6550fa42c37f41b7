"""The report for a terminal."""

from collections.abc import Iterable
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from langgraph_parallel.records import Finding, Review, RunReport
from langgraph_parallel.report.console import WIDTH, open_console, printed, put, title
from langgraph_parallel.report.review.wording import (
    aspect_line,
    coverage_lines,
    headline,
    judged_by,
    remarks,
    said_by,
)
from langgraph_parallel.report.run import put_run
from langgraph_parallel.report.wording import visible

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
    console = open_console(width, color)
    put(console, headline(review), style="bold")
    put(console, judged_by(review))
    if review.interrupted:
        put(
            console,
            "The run was stopped before all voters had answered. This is what is there.",
            style="bold",
        )
    if review.notice:
        put(console, review.notice, style="dim")
    _findings(console, review.confirmed)
    if review.unconfirmed:
        title(console, "Unconfirmed: too few voters agree, or something is in doubt")
        _findings(console, review.unconfirmed)
    title(console, "Coverage")
    for line in coverage_lines(review.coverage):
        put(console, line)
    for outcome in review.aspects:
        put(console, aspect_line(outcome), indent=2)
    if run is not None:
        title(console, "Run")
        put_run(console, run)
    return printed(console)


def _findings(console: Console, findings: Iterable[Finding]) -> None:
    for path, held in groupby(findings, key=lambda finding: finding.path):
        title(console, path)
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
    put(console, finding.message, indent=4)
    if finding.quote:
        put(console, f"│ {visible(finding.quote)}", indent=4, style="green")
    for word, text in (("why", finding.explanation), ("fix", finding.suggestion)):
        if text:
            put(console, f"{word}: {text}", indent=4)
    for remark in remarks(finding):
        put(console, f"({remark})", indent=4, style="dim")
