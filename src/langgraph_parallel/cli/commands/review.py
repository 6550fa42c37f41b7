"""The command `review`."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from langgraph_parallel.cli.limit_options import LimitOptions
from langgraph_parallel.cli.options import (
    BaseUrlOption,
    CacheOptions,
    EstimateOption,
    ExcludeOption,
    FallbacksOption,
    ModelOption,
    OfflineOption,
    OutputOptions,
    TraceOptions,
)
from langgraph_parallel.cli.panels import LIMITS_PANEL, MODEL_PANEL, OUTPUT_PANEL
from langgraph_parallel.cli.spelled import spell_out, split_names


class ReviewFormat(StrEnum):
    """Format of the report."""

    text = "text"
    markdown = "markdown"
    json = "json"
    sarif = "sarif"


class Severity(StrEnum):
    """Severity of a finding."""

    high = "high"
    medium = "medium"
    low = "low"


PathsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH", help="Files and folders to review; - reads a unified diff from standard input."
    ),
]
DiffOption = Annotated[
    str | None, typer.Option("--diff", metavar="REV", help="Review only changes since this git revision.")
]
AspectsOption = Annotated[
    str | None,
    typer.Option(
        "--aspects",
        metavar="A,B",
        help="Aspects to review: security, correctness, performance, style, tests, documentation, or "
        "Markdown files of your own (path/to/aspect.md). Default: all six.",
    ),
]
VotersOption = Annotated[
    int,
    typer.Option(
        "--voters",
        "-n",
        min=1,
        max=100,
        metavar="N",
        help="Model voters per aspect.",
        rich_help_panel=MODEL_PANEL,
    ),
]
EnginesOption = Annotated[
    bool,
    typer.Option(
        "--engines/--no-engines",
        help="Let static engines vote beside the models.",
        rich_help_panel=MODEL_PANEL,
    ),
]
ReconcileOption = Annotated[
    bool,
    typer.Option(
        "--reconcile", help="Ask the model to merge findings that nearly match.", rich_help_panel=MODEL_PANEL
    ),
]
ReviewFormatOption = Annotated[
    ReviewFormat, typer.Option("--format", "-f", help="Format of the report.", rich_help_panel=OUTPUT_PANEL)
]
AlsoOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--also",
        metavar="FILE",
        help="Write the report of the same run to this file, too, in the format that its name says: .txt, "
        ".md, .json or .sarif; repeatable.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
FailOnOption = Annotated[
    Severity | None,
    typer.Option(
        "--fail-on",
        help="Exit with code 1 if a confirmed finding has at least this severity, or if code was read by no "
        "voter.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
MinSeverityOption = Annotated[
    Severity | None,
    typer.Option(
        "--min-severity", help="Report only findings of at least this severity.", rich_help_panel=OUTPUT_PANEL
    ),
]
SelectOption = Annotated[
    str | None,
    typer.Option(
        "--select",
        metavar="A,B",
        help="Report only these: aspects, rules, and prefixes of rules (security,F8,S602).",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
IgnoreOption = Annotated[
    str | None,
    typer.Option(
        "--ignore",
        metavar="A,B",
        help="Leave these out: aspects, rules, and prefixes of rules. The more specific one of --select and "
        "--ignore wins.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
AllOption = Annotated[
    bool,
    typer.Option(
        "--all",
        help="Show each finding, and all of it; else the report has at most 200 lines.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="GLOB",
        help="Below folders, read matching files instead of source code, in .gitignore syntax; repeatable.",
    ),
]
CompletionOption = Annotated[
    str | None,
    typer.Option(
        "--completion",
        metavar="POLICY",
        help="When enough votes have succeeded, such as 'min_success(0.8)'; exit with code 1 if it is not "
        "met. Default: wait for all, and report failures.",
        rich_help_panel=LIMITS_PANEL,
    ),
]
ResumeOption = Annotated[
    str | None,
    typer.Option(
        "--resume",
        metavar="RUN",
        help="Resume an earlier run: ask only for what is missing or failed. A new --model, --completion, "
        "limit or option of traces replaces the one of the run.",
    ),
]
KeepOption = Annotated[
    bool | None,
    typer.Option(
        "--keep/--no-keep",
        help="Keep the report on disk too, for 'runs show RUN', or nothing at all. Default: keep the run "
        "until it is done, for --resume.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]


@spell_out
def review(
    paths: PathsArgument = None,
    diff: DiffOption = None,
    aspects: AspectsOption = None,
    model: ModelOption = None,
    fallbacks: FallbacksOption = None,
    base_url: BaseUrlOption = None,
    voters: VotersOption = 3,
    offline: OfflineOption = False,
    engines: EnginesOption = True,
    reconcile: ReconcileOption = False,
    format: ReviewFormatOption = ReviewFormat.text,
    also: AlsoOption = None,
    fail_on: FailOnOption = None,
    min_severity: MinSeverityOption = None,
    select: SelectOption = None,
    ignore: IgnoreOption = None,
    all: AllOption = False,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    completion: CompletionOption = None,
    estimate: EstimateOption = False,
    resume: ResumeOption = None,
    keep: KeepOption = None,
    *,
    outputs: OutputOptions,
    limits: LimitOptions,
    traces: TraceOptions,
    caching: CacheOptions,
) -> int:
    """Review code: models and static engines vote on each aspect.

    Models vote if one is available (--model, LANGGRAPH_PARALLEL_MODEL, OPENAI_API_KEY or OPENAI_BASE_URL),
    with the static engines as one more voter. Without a model, the engines vote alone.

    The table [tool.langgraph-parallel] of the nearest pyproject.toml, upward from the paths, may set aspects,
    min-severity, select, ignore and fail-on; options win.
    """
    from langgraph_parallel.cli.checks import limit_fields
    from langgraph_parallel.cli.review import (
        configuration,
        destination,
        reporting,
        reviewing,
        settings,
        source,
    )

    code = source.Source(paths or [], diff, include or [], exclude or [])
    reported = reporting.Reporting(
        min_severity, split_names(select), split_names(ignore), fail_on, below=code.below
    )
    names = split_names(aspects)
    reported.check([Path(name).stem for name in names or []])
    if resume is None:
        project = configuration.read_configuration(code.folder)
        reported = reported.completed_by(project)
        names = names or project.names("aspects")
    options = settings.ReviewOptions(
        aspects=names,
        model=model,
        base_url=base_url,
        fallbacks=fallbacks or None,
        voters=voters,
        engines=engines,
        offline=offline,
        reconcile=reconcile,
        completion=completion,
        limits=limit_fields(**asdict(limits)),
        trace=traces.trace and traces.trace.value,
        trace_contents=traces.trace_contents,
    )
    report = destination.Destination(
        format, outputs.output, outputs.summary, reported, full=all, quiet=outputs.quiet, also=also or []
    )
    if resume is not None:
        return reviewing.resume(resume, options, code, report, estimate=estimate)
    if estimate:
        return reviewing.print_estimate(options, code, report)
    return reviewing.review(options, code, report, keep=keep)
