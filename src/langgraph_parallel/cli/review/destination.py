"""Where the report of a review goes, and the exit code that it stands for."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

from langgraph_parallel.cli.commands.review import ReviewFormat, Summary
from langgraph_parallel.cli.exit_codes import FOUND, INTERRUPTED, OK
from langgraph_parallel.cli.input.repository import root_of
from langgraph_parallel.cli.review.reporting import Reporting
from langgraph_parallel.cli.writing import (
    check_output,
    color_for,
    report_failed_run,
    report_no_result,
    width_for,
    write_text,
)
from langgraph_parallel.records import SEVERITIES, Review, RunReport, Severity
from langgraph_parallel.report.review.json import json_report
from langgraph_parallel.report.review.markdown import markdown_report
from langgraph_parallel.report.review.sarif import paths_in, sarif_report
from langgraph_parallel.report.review.text import text_report
from langgraph_parallel.report.run import run_summary
from langgraph_parallel.report.wording import count

Renderer = Callable[[Review, RunReport | None], str]


@dataclass(frozen=True)
class Destination:
    """The options that say how a review is reported."""

    format: ReviewFormat
    output: Path | None
    summary: Summary
    reporting: Reporting = field(default_factory=Reporting)
    full: bool = False

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
        shown = self.reporting.filters.apply(review)
        text = self._renderer(folder)(shown, run if self.summary is Summary.report else None)
        write_text(text, self.output)
        if run.status == "failed" and not review.interrupted:
            return report_failed_run(run)
        if self.summary is Summary.stderr:
            sys.stderr.write("\n" + run_summary(run, width=width_for(self.output)))
        return self._exit_code(review, shown)

    def _renderer(self, folder: Path) -> Renderer:
        width, color = width_for(self.output), color_for(self.output)
        text = partial(text_report, width=width, color=color)
        below = self.reporting.below
        renderers: dict[ReviewFormat, Renderer] = {
            ReviewFormat.text: partial(text, full=self.full, below=below),
            ReviewFormat.markdown: partial(markdown_report, full=self.full, below=below),
            ReviewFormat.json: json_report,
            ReviewFormat.sarif: lambda review, run: sarif_report(
                review, run, root=root_of(paths_in(review), folder), folder=folder
            ),
        }
        return renderers[self.format]

    def _exit_code(self, review: Review, shown: Review) -> int:
        fail_on = self.reporting.fail_on
        if review.interrupted:
            return INTERRUPTED
        if fail_on is None:
            return OK
        if review.unjudged:
            print("langgraph-parallel: nothing was judged, so --fail-on fails", file=sys.stderr)
            return FOUND
        severities = SEVERITIES[: SEVERITIES.index(cast("Severity", fail_on)) + 1]
        gated = self.reporting.gate_filters.apply(review)
        failing = [finding for finding in gated.confirmed if finding.gate_severity in severities]
        if hidden := len(failing) - sum(finding.gate_severity in severities for finding in shown.confirmed):
            findings = count(hidden, "finding")
            print(f"langgraph-parallel: {findings} below --min-severity also fail --fail-on", file=sys.stderr)
        if graded := sum(finding.severity not in severities for finding in failing):
            why = f"{count(graded, 'finding')} fail --fail-on by the severity that the engine itself gives"
            print(f"langgraph-parallel: {why}", file=sys.stderr)
        return FOUND if failing else OK
