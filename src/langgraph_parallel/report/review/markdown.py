"""The report as Markdown, for a pull request or a file."""

import re
from collections.abc import Iterable
from itertools import groupby

from langgraph_parallel.records import Finding, Review, RunReport
from langgraph_parallel.report.review.wording import (
    aspect_line,
    coverage_lines,
    headline,
    judged_by,
    remarks,
    said_by,
)
from langgraph_parallel.report.run import run_lines
from langgraph_parallel.report.wording import longest_run, visible

_SPECIAL = re.compile(r"([\\`*\[\]|~$]|(?<!\w)_|_(?!\w))")
_STARTS_A_BLOCK = re.compile(r"^(\s*)(#|[-+=]|\d+(?=[.)]))")


def markdown_report(review: Review, run: RunReport | None = None) -> str:
    """Render a review as Markdown; what comes from outside is escaped, so that it stays text.

    Args:
        review: what to render.
        run: the run's numbers; without them the same review gives the same text.
    """
    blocks = ["# Code review", f"**{headline(review)}** {_text(judged_by(review))}"]
    if review.interrupted:
        blocks.append("**The run was stopped before all voters had answered.** This is what is there.")
    if review.notice:
        blocks.append(f"> {_text(review.notice)}")
    blocks += _by_file(review.confirmed)
    if review.unconfirmed:
        blocks += ["## Unconfirmed", "Too few voters agree on these, or something about them is in doubt."]
        blocks += _by_file(review.unconfirmed)
    blocks += ["## Coverage", *map(_text, coverage_lines(review.coverage))]
    blocks.append("\n".join(f"- {_text(aspect_line(outcome))}" for outcome in review.aspects))
    if run is not None:
        blocks += ["## Run", "\n".join(f"- {_text(line)}" for line in run_lines(run))]
    return "\n\n".join(blocks) + "\n"


def _by_file(findings: Iterable[Finding]) -> Iterable[str]:
    for path, held in groupby(findings, key=lambda finding: finding.path):
        yield f"### {_code(path)}"
        yield from map(_finding, held)


def _finding(finding: Finding) -> str:
    lines = [
        f"**{finding.severity} · {_text(finding.aspect)} · line {finding.lines} · {finding.support}** "
        f"{_text(finding.message)}"
    ]
    if finding.quote:
        fence = "`" * max(3, longest_run(finding.quote, "`") + 1)
        lines.append(f"{fence}\n{visible(finding.quote)}\n{fence}")
    if finding.explanation:
        lines.append(_text(finding.explanation))
    if finding.suggestion:
        lines.append(f"*Suggestion:* {_text(finding.suggestion)}")
    said = _text(f"Said by {said_by(finding)}.")
    lines.append("\n".join([said, *(f"- {_text(remark)}" for remark in remarks(finding))]))
    return "\n\n".join(lines)


def _text(text: str) -> str:
    """Escape everything that Markdown or HTML would read as more than text, mentions included."""
    plain = (
        visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    )
    plain = re.sub(
        r"(https?|ftp)://|www\.", lambda match: match[0].replace(":", "&#58;").replace("w.", "w&#46;"), plain
    )
    return _STARTS_A_BLOCK.sub(r"\1&#8203;\2", _SPECIAL.sub(r"\\\1", plain))


def _code(text: str) -> str:
    ticks = "`" * (longest_run(text, "`") + 1)
    pad = " " if "`" in text else ""
    return f"{ticks}{pad}{visible(text)}{pad}{ticks}"
