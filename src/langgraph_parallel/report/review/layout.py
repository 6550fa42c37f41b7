"""The order of a review's report, which all formats for people share, and its length.

First the counts, then the gravest findings, the files by their gravest finding, and the rest by rule; then
what is unconfirmed, and the coverage. By default a report has at most `MOST_LINES` lines, whatever was
reviewed; what is folded or left out for that is counted, and the report says how to see it.
"""

from langgraph_parallel.records import Review, RunReport
from langgraph_parallel.report.review.findings import FindingsPart
from langgraph_parallel.report.review.fold import Fold, by_file
from langgraph_parallel.report.review.wording import (
    INTERRUPTED,
    INTERRUPTED_NOTE,
    UNCONFIRMED,
    aspect_line,
    coverage_lines,
    headline,
    judged_by,
    left_out_lines,
)
from langgraph_parallel.report.review.writer import Lines, Writer, clip
from langgraph_parallel.report.run import run_lines

MOST_LINES = 200
"""Lines of a report by default."""
_MOST_HEAD = 24
_MOST_COVERAGE = 50
_MOST_RUN = 20
"""Lines of the parts; the findings have the others."""


def compose(
    review: Review,
    run: RunReport | None,
    writer: Writer,
    *,
    full: bool,
    below: str = "",
    most: int = MOST_LINES,
) -> Lines:
    """Compose a report.

    Args:
        review: the review.
        run: measurements to append; None for none.
        writer: of the format.
        full: whether to show each finding, and all of it, at any length.
        below: folder that the paths are relative to; empty if they are not.
        most: lines of the report, unless `full`.
    """
    head, coverage = _head(review, writer, below), _coverage(review, writer, full=full)
    tail = _run(run, writer)
    if full:
        return [*head, *_every_finding(review, writer), *coverage, *tail]
    head, coverage, tail = clip(head, _MOST_HEAD), clip(coverage, _MOST_COVERAGE), clip(tail, _MOST_RUN)
    findings = FindingsPart(review, writer, most - len(head) - len(coverage) - len(tail)).write()
    return [*head, *findings, *coverage, *tail]


def _head(review: Review, writer: Writer, below: str) -> Lines:
    where = f" Paths are relative to {below}." if below else ""
    lines = writer.paragraph(headline(review), "bold") + writer.paragraph(judged_by(review) + where)
    if review.interrupted:
        lines += writer.paragraph(f"{INTERRUPTED} {INTERRUPTED_NOTE}", "bold")
    for text in left_out_lines(review):
        lines += writer.paragraph(text)
    return lines + (writer.paragraph(review.notice, "dim") if review.notice else [])


def _coverage(review: Review, writer: Writer, *, full: bool = False) -> Lines:
    lines = writer.title("Coverage")
    for text in coverage_lines(review.coverage, full=full):
        lines += writer.paragraph(text)
    for outcome in review.aspects:
        lines += writer.item(aspect_line(outcome))
    return lines


def _run(run: RunReport | None, writer: Writer) -> Lines:
    if run is None:
        return []
    return [*writer.title("Run"), *(line for text in run_lines(run) for line in writer.item(text))]


def _every_finding(review: Review, writer: Writer) -> Lines:
    lines: Lines = []
    for findings in (review.confirmed, review.unconfirmed):
        if findings and not findings[0].confirmed:
            lines += [*writer.title("Unconfirmed"), *writer.paragraph(UNCONFIRMED)]
        for path, in_file in by_file(Fold((finding,)) for finding in findings).items():
            lines += writer.file(path)
            for fold in in_file:
                lines += writer.finding(fold, explain=True, full=True)
    return lines
