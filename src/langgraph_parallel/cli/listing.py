"""Lists of runs and trials, as text and as JSON."""

import dataclasses
import json
import time
from collections.abc import Sequence

from langgraph_parallel.cli.run_store import KeptRun
from langgraph_parallel.records import Trial
from langgraph_parallel.report.wording import count, visible


def runs_text(runs: Sequence[KeptRun]) -> str:
    """Render one line per run, with the summary of its result."""
    if not runs:
        return "no runs are kept\n"
    lines = [
        f"{run.id}  {time.strftime('%Y-%m-%d %H:%M', time.localtime(run.started))}  {run.state:<8}"
        f"{run.command}  ({run.folder}){f': {run.summary}' if run.summary else ''}"
        for run in runs
    ]
    hint = "\nto resume a run that is not done: langgraph-parallel review --resume RUN\n"
    return "\n".join(map(visible, lines)) + (hint if any(run.resumable for run in runs) else "\n")


def runs_json(runs: Sequence[KeptRun]) -> str:
    """Render a list of objects, one per run."""
    return json.dumps([dataclasses.asdict(run) for run in runs], indent=2) + "\n"


def trials_text(trials: Sequence[Trial], orders: int = 0) -> str:
    """Render a table of stops: share of right and of unchanged answers, calls, and rounds.

    Args:
        trials: sums over all votes and orders; at least one.
        orders: random orders per vote; 0 for the recorded order.
    """
    first = trials[0]
    votes = count(first.votes // max(1, orders), "vote")
    size = f"{first.voters / first.votes:.1f}".removesuffix(".0")
    voters = "1 voter" if size == "1" else f"{size} voters"
    replayed = f", each in {count(orders, 'random order')}" if orders else ""
    head = f"{votes} of {voters}{replayed}; calls and rounds are means"
    return "\n".join([head, "", *align(_trial_rows(trials))]) + "\n"


def trials_json(trials: Sequence[Trial]) -> str:
    """Render a list of objects, one per stop, with sums over all votes and orders."""
    return json.dumps([trial.model_dump(mode="json") for trial in trials], indent=2) + "\n"


def _trial_rows(trials: Sequence[Trial]) -> list[list[str]]:
    is_truth_known = all(trial.right is not None for trial in trials)
    header = ["stop", *(["right"] if is_truth_known else []), "same", "calls", "saved", "rounds"]
    return [header, *(_trial_row(trial, is_truth_known=is_truth_known) for trial in trials)]


def _trial_row(trial: Trial, *, is_truth_known: bool) -> list[str]:
    right = [f"{(trial.right or 0) / trial.votes:.2%}"] if is_truth_known else []
    same, calls = f"{trial.same / trial.votes:.2%}", f"{trial.calls / trial.votes:.2f}"
    return [trial.stop, *right, same, calls, f"{trial.saved:.1%}", f"{trial.rounds / trial.votes:.2f}"]


def align(rows: Sequence[Sequence[str]], texts: int = 1) -> list[str]:
    """Align columns, with control characters made visible.

    Args:
        rows: of equal length; at least one.
        texts: columns that are aligned left; those after them are aligned right.
    """
    rows = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [*map(str.ljust, row[:texts], widths[:texts]), *map(str.rjust, row[texts:], widths[texts:])]
        ).rstrip()
        for row in rows
    ]
