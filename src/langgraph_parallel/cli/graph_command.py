"""What commands that run one graph of the catalogue share."""

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from langgraph_parallel.cli.batch_waits import BatchWaits
from langgraph_parallel.cli.checks import check_model_options, check_tracing, limit_fields, make_limits
from langgraph_parallel.cli.exit_codes import INTERRUPTED, OK
from langgraph_parallel.cli.input.remarks import print_remarks, print_run_remarks, print_skipped
from langgraph_parallel.cli.options import CallOptions, Format, Summary
from langgraph_parallel.cli.signals import run_to_end, stoppable, was_stopped
from langgraph_parallel.cli.watching.display import is_watched
from langgraph_parallel.cli.writing import (
    check_output,
    render_markdown,
    report_failed_run,
    report_no_result,
    write_estimate,
    write_text,
)
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.reading.notes import Remark
from langgraph_parallel.records import RunReport, Skipped
from langgraph_parallel.report.run import run_markdown, run_summary
from langgraph_parallel.report.wording import visible
from langgraph_parallel.runtime.collecting import collect_seldom
from langgraph_parallel.runtime.trace_options import check_level


class GraphCommand:
    """A command that runs one graph of the catalogue.

    Args:
        options: as given on the command line.
    """

    def __init__(self, options: CallOptions) -> None:
        self._options = options

    def check(self, *, max_tokens: int | None = None) -> GraphOptions:
        """Check the options before any work, and return those of the graph that they set.

        Args:
            max_tokens: maximum text per prompt, in estimated tokens; None for the default.

        Raises:
            UsageError: an option or a variable of the environment is not valid, or two options contradict
                each other.
        """
        options = self._options
        check_output(options.output)
        fields = limit_fields(
            deadline=options.deadline,
            timeout=options.timeout,
            concurrency=options.concurrency,
            samples=options.samples,
            budget_calls=options.budget_calls,
            budget_usd=options.budget_usd,
            batch=options.batch,
            max_tokens=max_tokens,
        )
        limits = make_limits(fields)
        check_model_options(
            options.named_models,
            offline=options.is_offline,
            base_url=options.base_url,
            limits=limits,
            fallbacks=options.fallbacks or (),
        )
        level = check_level(options.trace and options.trace.value)
        check_tracing(level)
        return {
            "limits": limits,
            "fallbacks": options.fallbacks or None,
            "trace": level,
            "trace_contents": options.trace_contents,
        }

    def report_reading(
        self, remarks: Sequence[Remark], skipped: Sequence[Skipped] = (), unread: Collection[str] = ()
    ) -> None:
        """Print to standard error what was guessed, and what was not read.

        Args:
            remarks: on texts that were read; printed even with `--quiet`, as the result does not show them.
            skipped: files that were left out; `--quiet` hides those that were left out on purpose.
            unread: paths of the files in `skipped` that were to be read.
        """
        print_skipped([file for file in skipped if file.path in unread or not self._options.quiet])
        print_remarks(remarks)

    def estimate(
        self,
        graph: Any,
        inputs: Mapping[str, Any],
        format: Format,
        context: Mapping[str, Any] | None = None,
    ) -> int:
        """Write what a run is expected to take, and would take at most, instead of running the graph.

        Args:
            graph: of the catalogue.
            inputs: its input.
            format: of the estimate; Markdown is text.
            context: its runtime context, for what it was not built with.

        Returns:
            The exit code.

        Raises:
            UsageError: the input or the context is not valid.
        """
        write_estimate(graph, inputs, context, as_json=format is Format.json, output=self._options.output)
        return OK

    def run(
        self, graph: Any, inputs: Mapping[str, Any], context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Run a graph with progress and statistics on standard error; a signal stops it gracefully.

        Args:
            graph: of the catalogue.
            inputs: its input.
            context: its runtime context, for what it was not built with.

        Raises:
            KeyboardInterrupt: a second signal cancelled the run.
        """
        collect_seldom()  # a review makes more in cycles, and keeps Python's

        batches, prints_progress = BatchWaits(), not (self._options.quiet or is_watched())

        async def follow() -> dict[str, Any]:
            output: dict[str, Any] = {}
            async for mode, data in graph.astream(inputs, context=context, stream_mode=["custom", "values"]):
                if mode == "values":
                    output = data
                elif prints_progress and data.get("event") == "ended":
                    _print_progress(data)
                elif prints_progress:
                    batches.on_event(data)
            return output

        async def run() -> dict[str, Any]:
            return await stoppable(follow())

        output = run_to_end(run())
        shows_summary = self._options.summary is Summary.stderr and not self._options.quiet
        if shows_summary and output["run_report"].status != "failed":
            sys.stderr.write("\n" + run_summary(output["run_report"]))
        if self._options.quiet:
            print_run_remarks(output["run_report"])
        return output

    def write(self, output: Mapping[str, Any], key: str, format: Format) -> int:
        """Write the result of a run, or why there is none.

        Args:
            output: of the graph.
            key: of the result in it; its text is under `markdown`.
            format: of the result.

        Returns:
            The exit code.
        """
        result, run = output.get(key), output["run_report"]
        if result is None:
            code = report_no_result(key, run)
            return INTERRUPTED if was_stopped(run) else code
        shown = run if self._options.summary is Summary.report else None
        if format is Format.json:
            text = _as_json(result, shown)
        else:
            markdown = output["markdown"] + ("" if shown is None else "\n" + run_markdown(shown))
            text = markdown if format is Format.markdown else render_markdown(markdown, self._options.output)
        write_text(text, self._options.output)
        return exit_code(run)


def exit_code(run: RunReport) -> int:
    """Return the exit code of a run with a result; print why if it has failed."""
    code = report_failed_run(run) if run.status == "failed" else OK
    return INTERRUPTED if was_stopped(run) else code


def _as_json(result: BaseModel, run: RunReport | None) -> str:
    """Render a result as JSON, with the statistics of the run under `run` if they are wanted."""
    if run is None:
        return result.model_dump_json(indent=2) + "\n"
    document = {**result.model_dump(mode="json"), "run": run.model_dump(mode="json")}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _print_progress(ended: Mapping[str, Any]) -> None:
    status = ended["status"]
    problem = "" if status == "ok" else f": {status.replace('_', ' ')}"  # the causes follow, each once
    line = f"{ended['name']}{problem}, {ended['ended'] - ended['started']:.1f} s"
    print(visible(line), file=sys.stderr, flush=True)
