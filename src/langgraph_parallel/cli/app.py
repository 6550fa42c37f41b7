"""The commands, their options and their exit codes."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from langgraph_parallel import __version__
from langgraph_parallel.cli.changes import diff_since, select, untracked
from langgraph_parallel.cli.files import collect, exists
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.review import ReviewSettings
from langgraph_parallel.records import SEVERITIES, Review, RunReport

_BadCommandLine: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""What typer raises for a command line that it cannot read; it gives no public name to the class."""
OK, FOUND, USAGE, INTERRUPTED = 0, 1, 2, 130


class Format(StrEnum):
    """What the report is written as."""

    text = "text"
    markdown = "markdown"
    json = "json"
    sarif = "sarif"


class Severity(StrEnum):
    """How grave a finding is."""

    high = "high"
    medium = "medium"
    low = "low"


class Summary(StrEnum):
    """Where the run's numbers go."""

    stderr = "stderr"
    report = "report"
    none = "none"


app = typer.Typer(
    name="langgraph-parallel",
    help="Parallelization patterns for LLM agents, from a shell.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def run(arguments: list[str] | None = None) -> int:
    """Run a command line.

    Returns:
        0; 1 if `--fail-on` found something; 2 for bad usage, with one line that says what; 130 if it was
        stopped.
    """
    command = typer.main.get_command(app)
    try:
        code = command.main(args=arguments, prog_name="langgraph-parallel", standalone_mode=False)
    except (UsageError, _BadCommandLine) as error:
        message = error.format_message() if isinstance(error, _BadCommandLine) else str(error)
        print(f"langgraph-parallel: error: {' '.join(message.split())}", file=sys.stderr)
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return code if isinstance(code, int) else OK


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Parallelization patterns for LLM agents, from a shell."""


@app.command()
def review(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Files and folders; - reads a unified diff.")
    ] = None,
    diff: Annotated[
        str | None, typer.Option(metavar="REV", help="Review only what has changed since a git revision.")
    ] = None,
    aspects: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Aspects by name, or Markdown files of your own (path/to/aspect.md)."
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="PROVIDER:MODEL", help="The model that votes.")] = None,
    voters: Annotated[int, typer.Option(min=1, max=100, help="Model voters for each aspect.")] = 3,
    offline: Annotated[
        bool, typer.Option("--offline", help="Use no model, whatever the environment names.")
    ] = False,
    engines: Annotated[bool, typer.Option(help="Let static engines vote beside models.")] = True,
    reconcile: Annotated[bool, typer.Option("--reconcile", help="Have the model unite near misses.")] = False,
    format: Annotated[Format, typer.Option(help="What the report is written as.")] = Format.text,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report to a file.")] = None,
    summary: Annotated[
        Summary,
        typer.Option(help="Where the run's numbers go; in the report they make it differ from run to run."),
    ] = Summary.stderr,
    fail_on: Annotated[
        Severity | None,
        typer.Option(
            help="Exit with 1 if a confirmed finding is at least as grave, or if nothing was judged."
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Read these files below folders instead of source code."),
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Leave these files out.")] = None,
    timeout: Annotated[
        float,
        typer.Option(min=0.001, metavar="SECONDS", help="Longest wait for an answer, in each of 4 attempts."),
    ] = 120,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests in flight at a time.")] = 64,
    max_tokens: Annotated[int, typer.Option(min=200, help="Code in one prompt, in estimated tokens.")] = 6000,
) -> int:
    """Review code: one vote for each aspect, all at the same time, one report.

    With a model (--model, LANGGRAPH_PARALLEL_MODEL or OPENAI_API_KEY) models vote, and static engines
    beside them; without one the engines vote alone.
    """
    from langgraph_parallel.graphs.review import review_graph
    from langgraph_parallel.nodes.aspects import aspects_of
    from langgraph_parallel.runtime.context import ReviewContext
    from langgraph_parallel.runtime.limits import Limits

    _check_output(output)
    settings = ReviewSettings(
        aspects=aspects_of(None if aspects is None else [name.strip() for name in aspects.split(",")]),
        model=model,
        voters=voters,
        engines=engines,
        offline=offline,
        reconcile=reconcile,
    )
    limits = Limits(call_timeout=timeout, concurrency=concurrency, section_tokens=max_tokens)
    settings.readers(ReviewContext())  # no model and no engine, or no key: said before anything is read
    given = _given(paths or [], diff, include or [], exclude or [])
    result, run_report = _watched(review_graph(settings, limits, name="review"), given, settings)
    _write(result, run_report, format, output, summary)
    if result.interrupted:
        return INTERRUPTED
    if fail_on and result.unjudged:
        print("langgraph-parallel: nothing was judged, so nothing passes --fail-on", file=sys.stderr)
        return FOUND
    return FOUND if fail_on and _is_found(result, fail_on) else OK


def _given(paths: list[str], revision: str | None, include: list[str], exclude: list[str]) -> dict[str, Any]:
    """The graph's input, from paths, a revision, or standard input."""
    if "-" in paths:
        if len(paths) > 1 or revision is not None:
            raise UsageError(
                "- reads a diff from standard input; give no other path, and no --diff, beside it"
            )
        diff, files = select(sys.stdin.read(), include=include, exclude=exclude)
        return {"files": files, "diff": diff}
    if revision is not None:
        for path in paths:
            if not exists(Path(path)):
                raise UsageError(f"no such path: {path}")
        diff, files = select(diff_since(revision, paths), include=include, exclude=exclude)
        return {"files": files, "diff": diff, "skipped": untracked(paths)}
    if not paths:
        raise UsageError("give files or folders to review, - for a diff on standard input, or --diff REV")
    held = collect(paths, include=include, exclude=exclude)
    return {"files": held.texts, "skipped": held.skipped}


def _watched(graph: Any, given: dict[str, Any], settings: ReviewSettings) -> tuple[Review, RunReport]:
    from langgraph_parallel.cli.progress import ShownProgress
    from langgraph_parallel.cli.running import run_review

    with ShownProgress() as progress:
        return asyncio.run(run_review(graph, given, settings, progress))


def _check_output(output: Path | None) -> None:
    """Find out before any call whether the report can be written."""
    if output is None:
        return
    if output.is_dir():
        raise UsageError(f"--output {output} is a folder; name a file")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"--output {output}: there is no folder {output.parent}")
    if not os.access(output if output.exists() else output.absolute().parent, os.W_OK):
        raise UsageError(f"--output {output} cannot be written")


def _write(result: Review, run: RunReport, format: Format, output: Path | None, summary: Summary) -> None:
    from langgraph_parallel.report.text import WIDTH, run_summary

    color = output is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size((WIDTH, 24)).columns if output is None and sys.stdout.isatty() else WIDTH
    text = _render(format, width, color)(result, run if summary is Summary.report else None)
    if output is None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        output.write_text(text, encoding="utf-8")
    if summary is Summary.stderr:
        sys.stderr.write("\n" + run_summary(run, width=width))


def _render(format: Format, width: int, color: bool) -> Callable[[Review, RunReport | None], str]:
    from langgraph_parallel.report import json_report, markdown_report, sarif_report
    from langgraph_parallel.report.text import text_report

    renderers: dict[Format, Callable[[Review, RunReport | None], str]] = {
        Format.text: lambda review, run: text_report(review, run, width=width, color=color),
        Format.markdown: markdown_report,
        Format.json: json_report,
        Format.sarif: sarif_report,
    }
    return renderers[format]


def _is_found(result: Review, least: Severity) -> bool:
    grave = SEVERITIES[: list(Severity).index(least) + 1]
    return any(finding.severity in grave for finding in result.confirmed)
