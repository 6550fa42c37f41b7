"""The measurements of a run, as text."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from langgraph_parallel.records import RunReport
from langgraph_parallel.records.call import Savings
from langgraph_parallel.report.markdown import bullets, escape_text, join_blocks
from langgraph_parallel.report.wording import count
from langgraph_parallel.runtime.dollars import Divided, divide

if TYPE_CHECKING:
    from rich.console import Console

NAMED = 3
"""Failed branches that are named for one cause."""
_CLASS = re.compile(r"(^|: )(?:[A-Z][a-z0-9]*){2,}: (?=\S+ )")
"""The class of an error before a sentence; before one word, such as a missing key, it is all that helps."""

CAUSES = {
    "caching": "the provider's cache",
    "samples": "samples of one request",
    "batch": "batches",
    "answers": "the cache of answers",
    "stopping": "stopping early",
}
"""What has saved something, by the part of `Savings`."""


def result_status(output: Mapping[str, Any]) -> Literal["ok", "partial", "failed"]:
    """Return how a run ended for whoever reads its answer: without any result it has failed.

    In the run report a limit of the caller's is no failure, even if it has left nothing; a model or a person
    who reads an answer would take it for one.

    Args:
        output: of a graph.
    """
    report, verdict = output["run_report"], output.get("verdict")
    ended = bool(report.branches) and not report.branches.get("ok")
    decided = verdict is not None and verdict.status == "decided"  # by a person, or a fallback
    return "failed" if ended and not decided else report.status


def run_lines(report: RunReport) -> list[str]:
    """Return times, branches, calls, tokens and failures as lines of text."""
    lines = [_time_line(report), _work_line(report)]
    if report.usage.input_tokens or report.usage.output_tokens:
        lines.append(_token_line(report))
    if saved := _saving_line(report):
        lines.append(saved)
    if report.kept:
        lines.append(f"{count(report.kept, 'answer')} came from the cache of answers, at no cost.")
    if report.unseen:
        where = f"{count(report.unseen, 'branch')} ran code of yours in which no model call was seen"
        lines.append(f"{where}; calls past LangChain's chat models are not counted, and under no limit.")
    lines += [f"Note: {remark}." for remark in report.remarks]
    lines += [f"Failed: {line}" for line in cause_lines(report)]
    return lines


def cause_lines(report: RunReport) -> list[str]:
    """Return one line for each distinct cause of failures: how often, what, and where."""
    return [_cause_line(cause, names) for cause, names in causes_of(report).items()]


def causes_of(report: RunReport) -> dict[str, list[str]]:
    """Return the names of the branches that failed, by cause.

    A branch that failed only because all below it did is not named: the causes below it are.
    """
    names_by_cause: dict[str, list[str]] = {}
    for name, cause in report.failures.items():
        if not (cause.startswith("none of ") and any(n.endswith(f" in {name}") for n in report.failures)):
            names_by_cause.setdefault(_CLASS.sub(r"\1", cause), []).append(name)
    return names_by_cause


def _cause_line(cause: str, names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{names[0]}: {cause}"
    return f"{len(names)} x {cause}: {', '.join(names[:NAMED])}{more_names(names)}"


def more_names(names: Sequence[str]) -> str:
    """Return how many branches a line on a cause does not name; empty if it names all."""
    return f", and {len(names) - NAMED:,} more" if len(names) > NAMED else ""


def run_markdown(report: RunReport) -> str:
    """Return the measurements as a section in Markdown."""
    return join_blocks(["## Run", bullets(map(escape_text, run_lines(report)))])


def print_run(console: "Console", report: RunReport) -> None:
    """Print the measurements, one line each."""
    from langgraph_parallel.report.console import print_text

    for line in run_lines(report):
        print_text(console, line)


def run_summary(run: RunReport, *, width: int = 100, color: bool = False) -> str:
    """Render the measurements for a terminal. Needs rich, from the extra `cli`.

    Args:
        run: the run report.
        width: columns.
        color: whether to use colours.
    """
    from langgraph_parallel.report.console import get_output, open_console

    console = open_console(width, color)
    print_run(console, run)
    return get_output(console)


def _time_line(report: RunReport) -> str:
    times = f"{report.wall_seconds:.1f} s; sequentially {report.sequential_seconds:.1f} s"
    return f"{times}: {report.speedup:.1f} times as fast." if report.speedup >= 1 else f"{times}."


def _token_line(report: RunReport) -> str:
    usage = report.usage
    cached = f" ({report.cached_share:.0%} from the provider's cache)" if usage.cache_read_tokens else ""
    return f"{count(usage.input_tokens, 'token')} in{cached}, {usage.output_tokens:,} out."


def _saving_line(report: RunReport) -> str:
    """Return what the run has cost instead of what it would have, and why; empty if nothing was saved."""
    if report.usd is None:
        return ""
    amounts = divide(report.usd, saved_by_cause(report.savings))
    causes = cause_words(amounts)
    return f"{amounts.paid} instead of {amounts.alone} alone: {causes}." if causes else ""


def saved_by_cause(savings: Savings) -> dict[str, float]:
    """Return what was saved in US dollars, by the words for what has saved it."""
    return {cause: getattr(savings, name) for name, cause in CAUSES.items()}


def cause_words(amounts: Divided) -> str:
    """Return what has made a run cheaper and dearer; empty for nothing."""
    less = ", ".join(f"{cause} {usd}" for cause, usd in amounts.less.items())
    more = ", ".join(f"{cause} {usd}" for cause, usd in amounts.more.items())
    return ", ".join([f"saved by {less}"] * bool(less) + [f"more for {more}"] * bool(more))


def _work_line(report: RunReport) -> str:
    statuses = ", ".join(f"{number} {status.replace('_', ' ')}" for status, number in report.branches.items())
    branches = count(sum(report.branches.values()), "branch") + (f" ({statuses})" if statuses else "")
    kinds = [call.kind for call in report.calls if not call.kept]
    calls = " and ".join(
        count(kinds.count(kind), noun)
        for kind, noun in (("model", "model call"), ("engine", "engine run"))
        if kind in kinds
    )
    none = "no model call" if report.kept else "no calls seen"
    return (
        f"{branches}; {calls or none}; {count(report.retries, 'retry')}; "
        f"{report.throttled_share:.0%} of calls throttled."
    )
