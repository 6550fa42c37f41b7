"""Options that several commands share, and the values they take.

Only typer and the standard library are imported here and in `commands`, so that `--help` stays fast.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from langgraph_parallel.cli.endpoint import check_url
from langgraph_parallel.cli.limit_options import (
    BatchOption,
    BudgetCallsOption,
    BudgetUsdOption,
    ConcurrencyOption,
    DeadlineOption,
    SamplesOption,
    TimeoutOption,
)
from langgraph_parallel.cli.panels import MODEL_PANEL, OUTPUT_PANEL, TRACE_PANEL
from langgraph_parallel.cli.record_options import HtmlOption, RecordContentsOption, RecordOption
from langgraph_parallel.cli.watching.option import WatchOption


class Format(StrEnum):
    """Format of a result."""

    text = "text"
    markdown = "markdown"
    json = "json"


class TableFormat(StrEnum):
    """Format of a result that has a table."""

    text = "text"
    markdown = "markdown"
    json = "json"
    csv = "csv"


class ListFormat(StrEnum):
    """Format of a list."""

    text = "text"
    json = "json"


class Summary(StrEnum):
    """Where the run statistics go."""

    stderr = "stderr"
    report = "report"
    none = "none"


class Trace(StrEnum):
    """What a trace holds."""

    full = "full"
    branches = "branches"
    graph = "graph"


_MODEL_DEFAULT = (
    "LANGGRAPH_PARALLEL_MODEL, else openai:gpt-5-mini if OPENAI_API_KEY or OPENAI_BASE_URL is set."
)
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="PROVIDER:MODEL",
        help=f"Model to ask. Default: {_MODEL_DEFAULT}",
        rich_help_panel=MODEL_PANEL,
    ),
]
ModelsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="PROVIDER:MODEL",
        help=f"Model to ask; repeat it for a panel of several. Default: {_MODEL_DEFAULT}",
        rich_help_panel=MODEL_PANEL,
    ),
]
FallbacksOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fallback",
        metavar="PROVIDER:MODEL",
        help="Model to ask where the one before does not answer; repeatable. Default: "
        "LANGGRAPH_PARALLEL_FALLBACKS.",
        rich_help_panel=MODEL_PANEL,
    ),
]
BaseUrlOption = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        callback=check_url,
        help="Endpoint of an OpenAI-compatible server. Default: OPENAI_BASE_URL.",
        rich_help_panel=MODEL_PANEL,
    ),
]
OfflineOption = Annotated[
    bool,
    typer.Option(
        "--offline",
        help="Use no model, even if the environment names one.",
        rich_help_panel=MODEL_PANEL,
    ),
]
FormatOption = Annotated[
    Format, typer.Option("--format", "-f", help="Format of the result.", rich_help_panel=OUTPUT_PANEL)
]
ListFormatOption = Annotated[
    ListFormat, typer.Option("--format", "-f", help="Output format.", rich_help_panel=OUTPUT_PANEL)
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write the result to this file instead of standard output.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
SummaryOption = Annotated[
    Summary,
    typer.Option(
        "--summary",
        help="Where to write the run statistics: standard error, the result, or nowhere. In the result, they "
        "make it differ from run to run.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print no progress and no run statistics on standard error; warnings and errors stay.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="GLOB",
        help="Skip matching files and folders, in .gitignore syntax; repeatable.",
    ),
]
TraceOption = Annotated[
    Trace | None,
    typer.Option(
        "--trace",
        help="What a trace in LangSmith holds: every branch and call, one run for each branch, or the graph "
        "and its own steps. Default: LANGGRAPH_PARALLEL_TRACE, else full.",
        rich_help_panel=TRACE_PANEL,
    ),
]
TraceContentsOption = Annotated[
    bool | None,
    typer.Option(
        "--trace-contents/--no-trace-contents",
        help="Whether prompts, documents and answers may be in traces. "
        "LANGGRAPH_PARALLEL_TRACE_CONTENTS=false keeps them out in any case.  [default: trace-contents]",
        rich_help_panel=TRACE_PANEL,
    ),
]
CacheOption = Annotated[
    bool | None,
    typer.Option(
        "--cache/--no-cache",
        help="Keep the answers of models on disk, and ask nothing again that was answered before: the second "
        "run of the same work is free, and equal. Default: LANGGRAPH_PARALLEL_CACHE, else no-cache.",
        rich_help_panel=MODEL_PANEL,
        show_default=False,
    ),
]
CacheFileOption = Annotated[
    Path | None,
    typer.Option(
        "--cache-file",
        metavar="FILE",
        help="Keep the answers in this file, which only you can read. Default: one in your folder of caches.",
        rich_help_panel=MODEL_PANEL,
    ),
]
EstimateOption = Annotated[
    bool,
    typer.Option(
        "--estimate",
        help="Ask nothing; print the expected cost, and upper bounds of calls, tokens and cost.",
    ),
]
RuleOption = Annotated[
    str,
    typer.Option("--rule", metavar="RULE", help="Rule that decides the vote, such as 'threshold(0.7)'."),
]


@dataclass(frozen=True, kw_only=True)
class TraceOptions:
    """The options that say what a trace holds."""

    trace: TraceOption = None
    trace_contents: TraceContentsOption = None


@dataclass(frozen=True, kw_only=True)
class CacheOptions:
    """The options that say whether answers are kept; `spell_out` puts them into effect."""

    cache: CacheOption = None
    cache_file: CacheFileOption = None


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """The options that say where a result, the statistics and the record of its run go."""

    output: OutputOption = None
    summary: SummaryOption = Summary.stderr
    quiet: QuietOption = False
    watch: WatchOption = False
    record: RecordOption = None
    html: HtmlOption = None
    record_contents: RecordContentsOption = False


@dataclass(frozen=True, kw_only=True)
class CallOptions(OutputOptions, TraceOptions, CacheOptions):
    """The options of every command that runs a graph, but for the model."""

    fallbacks: FallbacksOption = None
    base_url: BaseUrlOption = None
    deadline: DeadlineOption = None
    timeout: TimeoutOption = None
    concurrency: ConcurrencyOption = None
    samples: SamplesOption = None
    budget_calls: BudgetCallsOption = None
    budget_usd: BudgetUsdOption = None
    batch: BatchOption = False
    estimate: EstimateOption = False

    @property
    def named_models(self) -> Sequence[str]:
        """The models that the command line names; empty for the one of the environment."""
        return ()

    @property
    def is_offline(self) -> bool:
        """Whether no model may be asked."""
        return False


@dataclass(frozen=True, kw_only=True)
class RunOptions(CallOptions):
    """The options of a command whose graph asks one model."""

    model: ModelOption = None

    @property
    def named_models(self) -> Sequence[str]:
        """The model, if one is named."""
        return () if self.model is None else (self.model,)


@dataclass(frozen=True, kw_only=True)
class PanelOptions(CallOptions):
    """The same for several models."""

    models: ModelsOption = None

    @property
    def named_models(self) -> Sequence[str]:
        """The models, in their order."""
        return self.models or ()


@dataclass(frozen=True, kw_only=True)
class OfflineRunOptions(RunOptions):
    """The same for graphs that can work without a model."""

    offline: OfflineOption = False

    @property
    def is_offline(self) -> bool:
        """Whether no model may be asked."""
        return self.offline
