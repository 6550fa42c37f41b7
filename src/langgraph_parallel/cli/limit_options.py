"""Options that limit calls and runs."""

from dataclasses import dataclass
from typing import Annotated

import typer

from langgraph_parallel.cli.panels import LIMITS_PANEL

DeadlineOption = Annotated[
    float | None,
    typer.Option(
        "--deadline",
        min=0.001,
        metavar="SECONDS",
        help="Maximum time for the whole run. The result holds what has finished by then.",
        rich_help_panel=LIMITS_PANEL,
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        min=0.001,
        metavar="SECONDS",
        help="Maximum time for one request.  [default: 120]",
        rich_help_panel=LIMITS_PANEL,
    ),
]
ConcurrencyOption = Annotated[
    int | None,
    typer.Option(
        "--concurrency",
        "-j",
        min=1,
        metavar="N",
        help="Maximum requests in flight.  [default: 64]",
        rich_help_panel=LIMITS_PANEL,
    ),
]
BudgetCallsOption = Annotated[
    int | None,
    typer.Option(
        "--budget-calls", min=0, metavar="N", help="Maximum requests to models.", rich_help_panel=LIMITS_PANEL
    ),
]
BudgetUsdOption = Annotated[
    float | None,
    typer.Option(
        "--budget-usd",
        min=0,
        metavar="USD",
        help="Maximum cost in US dollars.",
        rich_help_panel=LIMITS_PANEL,
    ),
]
BatchOption = Annotated[
    bool,
    typer.Option(
        "--batch",
        help="Send the calls through the endpoint's Batch API, at half the price: answers may take a day. "
        "The same command, started again, collects what an earlier one has left.",
        rich_help_panel=LIMITS_PANEL,
    ),
]
RpmOption = Annotated[
    float | None,
    typer.Option(
        "--rpm", min=0.001, metavar="N", help="Maximum requests per minute.", rich_help_panel=LIMITS_PANEL
    ),
]
TpmOption = Annotated[
    float | None,
    typer.Option(
        "--tpm", min=1, metavar="N", help="Maximum tokens per minute.", rich_help_panel=LIMITS_PANEL
    ),
]
HedgeOption = Annotated[
    str | None,
    typer.Option(
        "--hedge",
        metavar="off|p95|SECONDS",
        help="Send a second request for a slow one: after this time, or after the 95th percentile of "
        "response times.  [default: off]",
        rich_help_panel=LIMITS_PANEL,
    ),
]
SamplesOption = Annotated[
    str | None,
    typer.Option(
        "--samples",
        metavar="auto|on|off",
        help="Ask voters that are alike in one request, whose prompt is billed once; auto: where it has at "
        "least 1,024 tokens.  [default: auto]",
        rich_help_panel=LIMITS_PANEL,
    ),
]
BudgetTokensOption = Annotated[
    int | None,
    typer.Option(
        "--budget-tokens",
        min=0,
        metavar="N",
        help="Maximum tokens, in and out.",
        rich_help_panel=LIMITS_PANEL,
    ),
]
GraceOption = Annotated[
    float | None,
    typer.Option(
        "--grace",
        min=0,
        metavar="SECONDS",
        help="Time that running votes get to finish after the first Ctrl-C.  [default: 10]",
        rich_help_panel=LIMITS_PANEL,
    ),
]
MaxTokensOption = Annotated[
    int | None,
    typer.Option(
        "--max-tokens",
        min=200,
        metavar="N",
        help="Maximum text per prompt, in estimated tokens.  [default: 6000]",
        rich_help_panel=LIMITS_PANEL,
    ),
]


@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """The limits that options set; None sets nothing."""

    timeout: TimeoutOption = None
    deadline: DeadlineOption = None
    concurrency: ConcurrencyOption = None
    rpm: RpmOption = None
    tpm: TpmOption = None
    hedge: HedgeOption = None
    samples: SamplesOption = None
    budget_calls: BudgetCallsOption = None
    budget_tokens: BudgetTokensOption = None
    budget_usd: BudgetUsdOption = None
    batch: BatchOption = False
    grace: GraceOption = None
    max_tokens: MaxTokensOption = None
