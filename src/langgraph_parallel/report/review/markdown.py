"""A review as Markdown, for a pull request or a file."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from langgraph_parallel.records import Finding, Review, RunReport
from langgraph_parallel.report.markdown import bullets, code_block, code_span, escape_text, join_blocks
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
from langgraph_parallel.report.run import run_lines


def markdown_report(review: Review, run: RunReport | None = None) -> str:
    """Render a review as Markdown; content from outside is escaped.

    Args:
        review: the review.
        run: measurements to append; None for a text that depends on the review alone.
    """
    return join_blocks(_blocks(review, run))


def _blocks(review: Review, run: RunReport | None) -> Iterator[str]:
    yield "# Code review"
    yield f"**{headline(review)}** {escape_text(judged_by(review))}"
    if review.interrupted:
        yield f"**{INTERRUPTED}** {INTERRUPTED_NOTE}"
    if review.notice:
        yield f"> {escape_text(review.notice)}"
    yield from _finding_blocks(review.confirmed)
    if review.unconfirmed:
        yield "## Unconfirmed"
        yield f"Unconfirmed findings: {UNCONFIRMED}."
        yield from _finding_blocks(review.unconfirmed)
    yield "## Coverage"
    yield from map(escape_text, coverage_lines(review.coverage))
    yield bullets(escape_text(aspect_line(outcome)) for outcome in review.aspects)
    if run is not None:
        yield "## Run"
        yield bullets(map(escape_text, run_lines(run)))


def _finding_blocks(findings: Iterable[Finding]) -> Iterator[str]:
    for path, in_file in groupby(findings, key=lambda finding: finding.path):
        yield f"### {code_span(path)}"
        for finding in in_file:
            yield from _blocks_of_finding(finding)


def _blocks_of_finding(finding: Finding) -> Iterator[str]:
    yield (
        f"**{finding.severity} · {escape_text(finding.aspect)} · line {finding.lines} · {finding.support}** "
        f"{escape_text(finding.message)}"
    )
    if finding.quote:
        yield code_block(finding.quote)
    if finding.explanation:
        yield escape_text(finding.explanation)
    if finding.suggestion:
        yield f"*Suggestion:* {escape_text(finding.suggestion)}"
    sources = escape_text(f"Reported by {reported_by(finding)}.")
    yield "\n".join([sources, *(f"- {escape_text(remark)}" for remark in remarks(finding))])
