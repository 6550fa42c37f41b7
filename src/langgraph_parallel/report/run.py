"""The numbers of a run, as text."""

from typing import TYPE_CHECKING

from langgraph_parallel.records import RunReport
from langgraph_parallel.report.wording import count

if TYPE_CHECKING:
    from rich.console import Console


def run_lines(report: RunReport) -> list[str]:
    """The numbers of the run."""
    total = sum(report.branches.values())
    states = ", ".join(f"{number} {status.replace('_', ' ')}" for status, number in report.branches.items())
    engines = sum(call.kind == "engine" for call in report.calls)
    models = sum(call.kind == "model" for call in report.calls)
    calls = " and ".join(
        count(number, noun) for number, noun in ((models, "model call"), (engines, "engine run")) if number
    )
    lines = [
        f"{report.wall_seconds:.1f} s; one after another {report.sequential_seconds:.1f} s"
        f"{f': {report.speedup:.1f} times as fast' if report.speedup >= 1 else ''}.",
        f"{count(total, 'branch')}{f' ({states})' if states else ''}; {calls or 'no calls'}"
        f"; {count(report.retries, 'retry')}; {report.throttled_share:.0%} of calls throttled.",
    ]
    if report.usage.input_tokens or report.usage.output_tokens:
        lines.append(f"{report.usage.input_tokens:,} tokens in, {report.usage.output_tokens:,} out.")
    lines += [f"Failed: {name}: {cause}" for name, cause in report.failures.items()]
    return lines


def put_run(console: "Console", run: RunReport) -> None:
    """Print the numbers, one line each."""
    from langgraph_parallel.report.console import put

    for line in run_lines(run):
        put(console, line)


def run_summary(run: RunReport, *, width: int = 100, color: bool = False) -> str:
    """Render the run's numbers alone. Needs rich, from the extra `cli`."""
    from langgraph_parallel.report.console import open_console, printed

    console = open_console(width, color)
    put_run(console, run)
    return printed(console)
