"""Where the report of a review goes, and the exit code that it stands for."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from langgraph_parallel.cli.commands.review import ReviewFormat, Severity, Summary
from langgraph_parallel.cli.exit_codes import FOUND, INTERRUPTED, OK
from langgraph_parallel.cli.input.repository import root_of
from langgraph_parallel.cli.writing import (
    check_output,
    color_for,
    report_failed_run,
    report_no_result,
    width_for,
    write_text,
)
from langgraph_parallel.records import SEVERITIES, Review, RunReport
from langgraph_parallel.report.review.json import json_report
from langgraph_parallel.report.review.markdown import markdown_report
from langgraph_parallel.report.review.sarif import paths_in, sarif_report
from langgraph_parallel.report.review.text import text_report
from langgraph_parallel.report.run import run_summary

Renderer = Callable[[Review, RunReport | None], str]


@dataclass(frozen=True)
class Destination:
    """The options that say how a review is reported."""

    format: ReviewFormat
    output: Path | None
    summary: Summary
    fail_on: Severity | None

    def check(self) -> None:
        """Check before any call that the report can be written.

        Raises:
            UsageError: it cannot.
        """
        check_output(self.output)

    def write(self, review: Review | None, run: RunReport, folder: Path) -> int:
        """Write the report and the run statistics; without a review, why there is none.

        Args:
            review: the review.
            run: its statistics.
            folder: that relative paths of the review start from.

        Returns:
            The exit code.
        """
        if review is None:
            return report_no_result("review", run)
        text = self._renderer(folder)(review, run if self.summary is Summary.report else None)
        write_text(text, self.output)
        if run.status == "failed" and not review.interrupted:
            return report_failed_run(run)
        if self.summary is Summary.stderr:
            sys.stderr.write("\n" + run_summary(run, width=width_for(self.output)))
        return self._exit_code(review)

    def _renderer(self, folder: Path) -> Renderer:
        width, color = width_for(self.output), color_for(self.output)
        renderers: dict[ReviewFormat, Renderer] = {
            ReviewFormat.text: lambda review, run: text_report(review, run, width=width, color=color),
            ReviewFormat.markdown: markdown_report,
            ReviewFormat.json: json_report,
            ReviewFormat.sarif: lambda review, run: sarif_report(
                review, run, root=root_of(paths_in(review), folder), folder=folder
            ),
        }
        return renderers[self.format]

    def _exit_code(self, review: Review) -> int:
        if review.interrupted:
            return INTERRUPTED
        if self.fail_on is None:
            return OK
        if review.unjudged:
            print("langgraph-parallel: nothing was judged, so --fail-on fails", file=sys.stderr)
            return FOUND
        failing = SEVERITIES[: SEVERITIES.index(self.fail_on.value) + 1]
        return FOUND if any(finding.severity in failing for finding in review.confirmed) else OK
