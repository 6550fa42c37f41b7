"""A review as Markdown, for a pull request or a file."""

import re

from langgraph_parallel.records import Review, RunReport
from langgraph_parallel.report.markdown import code_block, code_span, escape_text
from langgraph_parallel.report.review.fold import Fold
from langgraph_parallel.report.review.layout import MOST_LINES, compose
from langgraph_parallel.report.review.relative import relative_to
from langgraph_parallel.report.review.wording import remarks, reported_by

_BLANK_LINES = re.compile(r"\n{3,}")
_ITEM = 300
"""Characters of an item of a list."""
_QUOTE = 200
"""Characters of a quote."""


def markdown_report(
    review: Review,
    run: RunReport | None = None,
    *,
    full: bool = False,
    below: str = "",
    most: int = MOST_LINES,
) -> str:
    """Render a review as Markdown, in at most 200 lines unless `full`; content from outside is escaped.

    Args:
        review: the review.
        run: measurements to append; None for a text that depends on the review alone.
        full: whether to show each finding, and all of it; else repeats are folded, and what is less grave is
            counted by rule.
        below: folder that paths are shown relative to; empty to show them as they are.
        most: lines of the report, unless `full`.
    """
    title = ["# Code review", ""]
    room = most - len(title)
    lines = compose(relative_to(review, below), run, MarkdownWriter(), full=full, below=below, most=room)
    blocks = "\n".join([*title, *lines])
    return _BLANK_LINES.sub("\n\n", blocks).rstrip("\n") + "\n"


class MarkdownWriter:
    """Renders the parts of a report as Markdown."""

    def title(self, text: str) -> list[str]:
        """Render a heading of the second level."""
        return ["", f"## {escape_text(text)}", ""]

    def file(self, path: str) -> list[str]:
        """Render a heading of the third level."""
        return ["", f"### {code_span(path)}", ""]

    def paragraph(self, text: str, style: str = "") -> list[str]:
        """Render a paragraph; a dim one is a block quote."""
        escaped = escape_text(text)
        marked = {"bold": f"**{escaped}**", "dim": f"> {escaped}"}.get(style, escaped)
        return [marked, ""]

    def note(self, text: str) -> list[str]:
        """Render a block quote."""
        return ["", f"> {escape_text(text)}", ""]

    def item(self, text: str, severity: str = "") -> list[str]:
        """Render an item of a bullet list, cut if it has a severity."""
        short = f"{text[:_ITEM]}…" if severity and len(text) > _ITEM else text
        return [f"- **{severity}** {escape_text(short)}" if severity else f"- {escape_text(short)}"]

    def finding(self, fold: Fold, *, explain: bool, full: bool) -> list[str]:
        """Render a finding: severity, aspect, support; text, quote, why, the fix, the sources."""
        head = fold.head
        what = f"**{head.severity} · {escape_text(head.aspect)} · {fold.lines} · {head.support}**"
        lines = [f"{what} {escape_text(head.message)}", ""]
        if head.quote:
            quote = head.quote if full or len(head.quote) <= _QUOTE else f"{head.quote[:_QUOTE]}…"
            lines += [*code_block(quote).split("\n"), ""]
        if head.explanation and explain:
            lines.append(escape_text(head.explanation))
        if head.suggestion and explain:
            lines.append(f"*Suggestion:* {escape_text(head.suggestion)}")
        lines.append(escape_text(f"Reported by {reported_by(head)}."))
        return [*lines, *(f"- {escape_text(remark)}" for remark in remarks(head)), ""]
