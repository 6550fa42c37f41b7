"""The commands, their options and their exit codes."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from langgraph_parallel import __version__
from langgraph_parallel.cli.changes import diff_since, select, untracked
from langgraph_parallel.cli.files import collect, exists
from langgraph_parallel.cli.writing import check_output
from langgraph_parallel.errors import CompletionError, UsageError
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


class Listing(StrEnum):
    """What a list of runs is written as."""

    text = "text"
    json = "json"


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
        0; 1 if `--fail-on` found something, or a completion policy was not met; 2 for bad usage, with one
        line that says what; 130 if it was stopped.
    """
    _add_commands()
    command = typer.main.get_command(app)
    try:
        code = command.main(args=arguments, prog_name="langgraph-parallel", standalone_mode=False)
    except (UsageError, _BadCommandLine) as error:
        message = error.format_message() if isinstance(error, _BadCommandLine) else str(error)
        print(f"langgraph-parallel: error: {' '.join(message.split())}", file=sys.stderr)
        return USAGE
    except CompletionError as error:
        print(f"langgraph-parallel: {error}", file=sys.stderr)
        return FOUND
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return code if isinstance(code, int) else OK


@cache
def _add_commands() -> None:
    """Those that have a module of their own, behind those of this one."""
    from langgraph_parallel.cli.asking import COMMANDS

    for command in COMMANDS:
        app.command()(command)


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
        float | None,
        typer.Option(min=0.001, metavar="SECONDS", help="Longest wait for an answer, in each attempt."),
    ] = None,
    deadline: Annotated[
        float | None,
        typer.Option(min=0.001, metavar="SECONDS", help="Longest time for the review; what is there counts."),
    ] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Requests in flight at a time.")] = None,
    rpm: Annotated[float | None, typer.Option(min=0.001, help="Requests a minute.")] = None,
    tpm: Annotated[float | None, typer.Option(min=1, help="Tokens a minute.")] = None,
    hedge: Annotated[
        str | None, typer.Option(metavar="off|p95|SECONDS", help="Ask stragglers a second time.")
    ] = None,
    budget_calls: Annotated[int | None, typer.Option(min=0, help="Requests to models at most.")] = None,
    budget_tokens: Annotated[int | None, typer.Option(min=0, help="Tokens at most.")] = None,
    budget_usd: Annotated[float | None, typer.Option(min=0, help="US dollars at most.")] = None,
    grace: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="For what runs when the review is stopped."),
    ] = None,
    completion: Annotated[
        str | None,
        typer.Option(metavar="POLICY", help="When votes are enough, such as 'min_success(0.8)'."),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=200, help="Code in one prompt, in estimated tokens.")
    ] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say what it would take at most, and stop.")
    ] = False,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with an earlier run: what is missing or failed.")
    ] = None,
    keep: Annotated[
        bool, typer.Option(help="Keep the run on disk until it is done, so that it can be resumed.")
    ] = True,
) -> int:
    """Review code: one vote for each aspect, all at the same time, one report.

    With a model (--model, LANGGRAPH_PARALLEL_MODEL or OPENAI_API_KEY) models vote, and static engines
    beside them; without one the engines vote alone.
    """
    from langgraph_parallel.cli.reviewing import Settings, estimated, resumed, reviewed

    check_output(output)
    bounds = {
        "call_timeout": timeout,
        "deadline": deadline,
        "concurrency": concurrency,
        "requests_per_minute": rpm,
        "tokens_per_minute": tpm,
        "hedge": hedge,
        "budget_calls": budget_calls,
        "budget_tokens": budget_tokens,
        "budget_usd": budget_usd,
        "grace": grace,
        "section_tokens": max_tokens,
    }
    settings = Settings(
        aspects=None if aspects is None else [name.strip() for name in aspects.split(",")],
        model=model,
        voters=voters,
        engines=engines,
        offline=offline,
        reconcile=reconcile,
        completion=completion,
        limits={name: value for name, value in bounds.items() if value is not None},
    )
    if resume is not None:
        if paths or diff:
            raise UsageError("--resume goes on with the input of that run; give no paths and no --diff")
        result, run_report = resumed(resume, settings)
    else:
        settings.graph()  # no model and no engine, or no key: said before anything is read
        given = _given(paths or [], diff, include or [], exclude or [])
        if estimate:
            typer.echo(estimated(settings, given), nl=False)
            return OK
        result, run_report = reviewed(settings, given, " ".join(map(shlex.quote, paths or [])), keep=keep)
    _write(result, run_report, format, output, summary)
    if result.interrupted:
        return INTERRUPTED
    if fail_on and result.unjudged:
        print("langgraph-parallel: nothing was judged, so nothing passes --fail-on", file=sys.stderr)
        return FOUND
    return FOUND if fail_on and _is_found(result, fail_on) else OK


@app.command()
def runs(
    forget: Annotated[
        str | None, typer.Option(metavar="RUN|all", help="Delete a run and what is kept of it, or all.")
    ] = None,
    format: Annotated[Listing, typer.Option(help="What the list is written as.")] = Listing.text,
) -> int:
    """List the reviews of this user, the latest first; what is not done can be resumed."""
    from langgraph_parallel.cli.listing import as_json, as_text
    from langgraph_parallel.cli.run_store import RunStore

    store = RunStore()
    if forget is not None:
        number = store.forget(None if forget == "all" else store.identify(forget))
        typer.echo(f"forgot {number} {'run' if number == 1 else 'runs'}")
        return OK
    typer.echo((as_json if format is Listing.json else as_text)(store.all()), nl=False)
    return OK


@app.command()
def replay(
    votes: Annotated[Path, typer.Argument(metavar="VOTES.jsonl", help="Recorded ballots, plain or .gz.")],
    rule: Annotated[str, typer.Option(metavar="RULE", help="What decides, such as 'threshold(0.7)'.")] = (
        "majority"
    ),
    stop: Annotated[
        list[str] | None,
        typer.Option(metavar="STOP", help="A stop to try, such as 'confident(0.95)'; may come again."),
    ] = None,
    voters: Annotated[
        int | None, typer.Option(min=1, help="So many of each vote's ballots, drawn anew for each order.")
    ] = None,
    wave: Annotated[str, typer.Option(metavar="lossless|all|N", help="How many are asked together.")] = (
        "lossless"
    ),
    orders: Annotated[
        int, typer.Option(min=0, help="Random orders in which voters are asked; 0: as recorded.")
    ] = 10,
    seed: Annotated[int, typer.Option(help="Of the orders.")] = 0,
    normalise: Annotated[
        list[str] | None, typer.Option(metavar="HOW", help="text, number, option or boxed; may come again.")
    ] = None,
    abstain: Annotated[
        list[str] | None, typer.Option(metavar="ANSWER", help="An answer that is none; may come again.")
    ] = None,
    format: Annotated[Listing, typer.Option(help="What the table is written as.")] = Listing.text,
) -> int:
    """Say what each stop would have saved on recorded ballots, and how often it would have answered the same.

    A line of the file is a vote, as JSON: "ballots" (the output of a vote), "votes" (choices by voter) or
    "samples" (a list of answers); and "gold", the true answer, where it is known.
    """
    from langgraph_parallel.cli.replaying import Replaying, as_json, as_text, read_votes

    replaying = Replaying.of(
        rule, stop, wave, voters=voters, orders=orders, seed=seed, normalise=normalise, abstain=abstain or ()
    )
    trials = replaying.trials(read_votes(votes))
    typer.echo(as_json(trials) if format is Listing.json else as_text(trials, orders), nl=False)
    return OK


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


def _write(result: Review, run: RunReport, format: Format, output: Path | None, summary: Summary) -> None:
    from langgraph_parallel.report.console import WIDTH
    from langgraph_parallel.report.run import run_summary

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
    from langgraph_parallel.report.review.json import json_report
    from langgraph_parallel.report.review.markdown import markdown_report
    from langgraph_parallel.report.review.sarif import sarif_report
    from langgraph_parallel.report.review.text import text_report

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
