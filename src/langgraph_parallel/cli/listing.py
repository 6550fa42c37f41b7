"""The list of runs, for people and for programs."""

import dataclasses
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from langgraph_parallel.report.wording import visible

if TYPE_CHECKING:
    from langgraph_parallel.cli.run_store import KeptRun


def as_text(runs: "Sequence[KeptRun]") -> str:
    """One line for each run, and what was found in it."""
    if not runs:
        return "no runs are kept\n"
    lines = [
        f"{run.id}  {time.strftime('%Y-%m-%d %H:%M', time.localtime(run.started))}  {run.state:<8}"
        f"{run.command}  ({run.folder}){f': {run.summary}' if run.summary else ''}"
        for run in runs
    ]
    hint = "\nto go on with one that is not done: langgraph-parallel review --resume RUN\n"
    return "\n".join(map(visible, lines)) + (hint if any(run.resumable for run in runs) else "\n")


def as_json(runs: "Sequence[KeptRun]") -> str:
    """A list of objects."""
    return json.dumps([dataclasses.asdict(run) for run in runs], indent=2) + "\n"
