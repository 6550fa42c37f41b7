"""Where the report of a review goes, and the exit code that it stands for."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

from langgraph_parallel.cli.commands.review import ReviewFormat
from langgraph_parallel.cli.exit_codes import FOUND, INTERRUPTED, OK
from langgraph_parallel.cli.input.remarks import print_run_remarks
from langgraph_parallel.cli.input.repository import root_of
from langgraph_parallel.cli.options import Summary
from langgraph_parallel.cli.review.gate import judge_gate
from langgraph_parallel.cli.review.reporting import Reporting
from langgraph_parallel.cli.writing import (
    check_output,
    color_for,
    report_failed_run,
    report_no_result,
    width_for,
    write_text,
)
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Review, RunReport, Severity
from langgraph_parallel.report.review.json import json_report
from langgraph_parallel.report.review.markdown import markdown_report
from langgraph_parallel.report.review.sarif import paths_in, sarif_report
from langgraph_parallel.report.review.text import text_report
from langgraph_parallel.report.run import run_summary

_FORMATS = {
    ".txt": ReviewFormat.text,
    ".md": ReviewFormat.markdown,
    ".json": ReviewFormat.json,
    ".sarif": ReviewFormat.sarif,
}
"""Formats by the end of a file's name."""
Renderer = Callable[[Review, RunReport | None], str]


@dataclass(frozen=True)
class Destination:
    """The options that say how a review is reported.

    Attributes:
        format: of the report in `output`.
        output: file; None for standard output.
        also: further files, each in the format that its name says.
    """

    format: ReviewFormat
    output: Path | None
    summary: Summary
    reporting: Reporting = field(default_factory=Reporting)
    full: bool = False
    also: Sequence[Path] = ()
    quiet: bool = False

    def check(self) -> None:
        """Check before any call that the report can be written.

        Raises:
            UsageError: it cannot, or the name of a file says no format.
        """
        check_output(self.output)
        for file in self.also:
            if file.suffix not in _FORMATS:
                raise UsageError(f"--also {file}: expected a name that ends with {', '.join(_FORMATS)}")
            check_output(file, "--also")
        places = [os.path.realpath(file) for file in (self.output, *self.also) if file is not None]
        for number, place in enumerate(places):
            if place in places[:number]:
                raise UsageError(f"--also {place} is named before; each report needs a file of its own")

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
        also = [(file, _FORMATS[file.suffix]) for file in self.also]
        for file, form in [(self.output, self.format), *also]:
            render = self._renderer(form, file, folder)
            write_text(render(shown, run if self.summary is Summary.report else None), file)
        if run.status == "failed" and not review.interrupted:
            return report_failed_run(run)
        if self.summary is Summary.stderr and not self.quiet:
            sys.stderr.write("\n" + run_summary(run, width=width_for(self.output)))
        if self.quiet:
            print_run_remarks(run)
        return self._exit_code(review, shown)

    def _renderer(self, form: ReviewFormat, output: Path | None, folder: Path) -> Renderer:
        width, color = width_for(output), color_for(output)
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
        return renderers[form]

    def _exit_code(self, review: Review, shown: Review) -> int:
        fail_on = self.reporting.fail_on
        if review.interrupted:
            return INTERRUPTED
        if fail_on is None:
            return OK
        gated = self.reporting.gate_filters.apply(review)
        gate = judge_gate(review, gated, shown, cast("Severity", fail_on))
        for note in gate.notes:
            print(f"langgraph-parallel: {note}", file=sys.stderr)
        return FOUND if gate.fails else OK
