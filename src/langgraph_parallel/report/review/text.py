"""A review as text for a terminal. Needs rich, from the extra `cli`."""

from collections.abc import Iterable
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from langgraph_parallel.records import Finding, Review, RunReport
from langgraph_parallel.report.console import WIDTH, get_output, open_console, print_heading, print_text
from langgraph_parallel.report.review.wording import (
    INTERRUPTED,
    INTERRUPTED_NOTE,
    UNCONFIRMED,
    aspect_line,
    coverage_lines,
    headline,
    judged_by,
    remarks,
    reported_by,
)
from langgraph_parallel.report.run import print_run
from langgraph_parallel.report.wording import visible

_STYLES = {"high": "bold red", "medium": "bold yellow", "low": "bold cyan"}


def text_report(
    review: Review, run: RunReport | None = None, *, width: int = WIDTH, color: bool = False
) -> str:
    """Render a review for a terminal.

    Args:
        review: the review.
        run: measurements to append; None for a text that depends on the review alone.
        width: columns.
        color: whether to use colours.
    """
    console = open_console(width, color)
    print_text(console, headline(review), style="bold")
    print_text(console, judged_by(review))
    if review.interrupted:
        print_text(console, f"{INTERRUPTED} {INTERRUPTED_NOTE}", style="bold")
    if review.notice:
        print_text(console, review.notice, style="dim")
    _print_findings(console, review.confirmed)
    if review.unconfirmed:
        print_heading(console, f"Unconfirmed: {UNCONFIRMED}")
        _print_findings(console, review.unconfirmed)
    print_heading(console, "Coverage")
    for line in coverage_lines(review.coverage):
        print_text(console, line)
    for outcome in review.aspects:
        print_text(console, aspect_line(outcome), indent=2)
    if run is not None:
        print_heading(console, "Run")
        print_run(console, run)
    return get_output(console)


def _print_findings(console: Console, findings: Iterable[Finding]) -> None:
    for path, in_file in groupby(findings, key=lambda finding: finding.path):
        print_heading(console, path)
        for finding in in_file:
            _print_finding(console, finding)


def _print_finding(console: Console, finding: Finding) -> None:
    head = Text.assemble(
        (f"{finding.severity:<6}", _STYLES[finding.severity]),
        (f"  {visible(finding.aspect)}, line {finding.lines}, ", ""),
        (f"{finding.support}", "bold"),
        (f" reported by {visible(reported_by(finding))}", "dim"),
    )
    console.print(Padding(head, (1, 0, 0, 2)))
    print_text(console, finding.message, indent=4)
    if finding.quote:
        print_text(console, f"│ {finding.quote}", indent=4, style="green")
    for label, text in (("why", finding.explanation), ("fix", finding.suggestion)):
        if text:
            print_text(console, f"{label}: {text}", indent=4)
    for remark in remarks(finding):
        print_text(console, f"({remark})", indent=4, style="dim")
