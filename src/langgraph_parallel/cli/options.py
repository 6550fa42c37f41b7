"""Options that several commands share, and the values they take.

Only typer and the standard library are imported here and in `commands`, so that `--help` stays fast.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer


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


class Trace(StrEnum):
    """What a trace holds."""

    full = "full"
    branches = "branches"
    graph = "graph"


ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="PROVIDER:MODEL",
        help="Model to ask. Default: LANGGRAPH_PARALLEL_MODEL, else openai:gpt-5-mini if OPENAI_API_KEY or "
        "OPENAI_BASE_URL is set.",
    ),
]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Use no model, even if the environment names one.")
]
FormatOption = Annotated[Format, typer.Option("--format", help="Format of the result.")]
ListFormatOption = Annotated[ListFormat, typer.Option("--format", help="Output format.")]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output", metavar="FILE", help="Write the result to this file instead of standard output."
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
DeadlineOption = Annotated[
    float | None,
    typer.Option(
        "--deadline",
        min=0.001,
        metavar="SECONDS",
        help="Maximum time for the whole run. The result holds what has finished by then.",
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout", min=0.001, metavar="SECONDS", help="Maximum time for one request.  [default: 120]"
    ),
]
ConcurrencyOption = Annotated[
    int | None,
    typer.Option("--concurrency", min=1, metavar="N", help="Maximum requests in flight.  [default: 64]"),
]
BudgetCallsOption = Annotated[
    int | None, typer.Option("--budget-calls", min=0, metavar="N", help="Maximum requests to models.")
]
BudgetUsdOption = Annotated[
    float | None, typer.Option("--budget-usd", min=0, metavar="USD", help="Maximum cost in US dollars.")
]
TraceOption = Annotated[
    Trace | None,
    typer.Option(
        "--trace",
        help="What a trace in LangSmith holds: every branch and call, one run for each branch, or the graph "
        "and its own steps. Default: LANGGRAPH_PARALLEL_TRACE, else full.",
    ),
]
TraceContentsOption = Annotated[
    bool | None,
    typer.Option(
        "--trace-contents/--no-trace-contents",
        help="Whether prompts, documents and answers may be in traces. "
        "LANGGRAPH_PARALLEL_TRACE_CONTENTS=false keeps them out in any case.  [default: trace-contents]",
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", help="Print no progress and no run statistics on standard error.")
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
class RunOptions:
    """The options of every command that runs a graph of the catalogue."""

    model: ModelOption = None
    output: OutputOption = None
    deadline: DeadlineOption = None
    timeout: TimeoutOption = None
    concurrency: ConcurrencyOption = None
    budget_calls: BudgetCallsOption = None
    budget_usd: BudgetUsdOption = None
    trace: TraceOption = None
    trace_contents: TraceContentsOption = None
    quiet: QuietOption = False


@dataclass(frozen=True, kw_only=True)
class OfflineRunOptions(RunOptions):
    """The same for graphs that can work without a model."""

    offline: OfflineOption = False


def spell_out(command: Callable[..., int]) -> Callable[..., int]:
    """Replace a command's parameter that is a record of options by the options.

    typer reads the options of a command from its signature, so it has to list them all.
    """
    parameters: dict[str, inspect.Parameter] = {}
    records: dict[str, Any] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        if is_dataclass(parameter.annotation):
            records[name] = parameter.annotation
            hints = get_type_hints(parameter.annotation, include_extras=True)
            options = [
                (field.name, hints[field.name], field.default) for field in fields(parameter.annotation)
            ]
        else:
            options = [(name, parameter.annotation, parameter.default)]
        for option, annotation, default in options:
            parameters[option] = inspect.Parameter(
                option, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
            )

    @wraps(command)
    def run(**values: Any) -> int:
        made = {
            name: kind(**{field.name: values.pop(field.name) for field in fields(kind)})
            for name, kind in records.items()
        }
        return command(**values, **made)

    run.__signature__ = inspect.Signature([*parameters.values()])  # type: ignore[attr-defined]
    run.__annotations__ = {name: parameter.annotation for name, parameter in parameters.items()}
    return run


def split_names(text: str | None) -> list[str] | None:
    """Split `A, B` at commas; None stays None."""
    return None if text is None else [name.strip() for name in text.split(",")]
