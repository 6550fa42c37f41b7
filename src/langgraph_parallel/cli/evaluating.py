"""What the command `evaluate` does: checks, the run, and the end of it."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from langgraph_parallel.cli.checks import check_tracing, limit_fields, make_limits
from langgraph_parallel.cli.exit_codes import FOUND, INTERRUPTED, OK
from langgraph_parallel.cli.limit_options import LimitOptions
from langgraph_parallel.cli.signals import STOPPED, run_to_end, stoppable
from langgraph_parallel.cli.writing import check_output, write_text
from langgraph_parallel.counted import count
from langgraph_parallel.errors import UsageError
from langgraph_parallel.evaluation.api import aevaluate
from langgraph_parallel.evaluation.config import read_config
from langgraph_parallel.evaluation.plot import frontier_svg
from langgraph_parallel.evaluation.result import Evaluation
from langgraph_parallel.evaluation.wording import verdict
from langgraph_parallel.report.wording import visible
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.settings import as_settings

_MOST = 3
"""Comparisons that progress shows."""


@dataclass(frozen=True, kw_only=True)
class EvaluateCommand:
    """The options of `evaluate`, as given on the command line; those that are given win over the file."""

    config: Path
    store: Path | None
    redrive: bool
    limit: int | None
    plot: Path | None
    as_json: bool
    output: Path | None
    quiet: bool
    limits: LimitOptions

    def run(self) -> int:
        """Run the evaluation, with progress on standard error.

        Returns:
            The exit code.

        Raises:
            UsageError: an option, or something in the file, is not valid.
        """
        check_output(self.output)
        check_output(self.plot, "--plot")
        check_tracing()
        options = self._options()
        variants, dataset, scorer = (options.pop(name) for name in ("variants", "dataset", "scorer"))
        if not self.quiet:
            options["watch"] = _show
        found = run_to_end(self._stoppable(variants, dataset, scorer, options))
        text = found.model_dump_json(indent=2) if self.as_json else str(found)
        write_text(f"{text}\n", self.output)
        if self.plot is not None:
            write_text(frontier_svg(found), self.plot)
        if found.reason.startswith(STOPPED):
            return INTERRUPTED
        return FOUND if found.recommendation is None else OK

    async def _stoppable(self, *given: Any) -> Evaluation:
        variants, dataset, scorer, options = given
        return await stoppable(aevaluate(variants, dataset, scorer, **options))

    def _options(self) -> dict[str, Any]:
        options = read_config(self.config)
        fields = limit_fields(**asdict(self.limits))
        make_limits(fields)  # so that errors name options
        try:
            options["limits"] = as_settings({**options.get("limits", {}), **fields}, Limits, "limits")
        except UsageError as error:
            raise UsageError(f"{self.config}: {error}") from None
        given: Mapping[str, Any] = {"store": self.store, "limit": self.limit, "redrive": self.redrive or None}
        return options | {name: value for name, value in given.items() if value is not None}


def _show(evaluation: Evaluation) -> None:
    """Print a line on what is in question."""
    dropped = {one.name for one in evaluation.variants if one.dropped}
    said = [
        verdict(one, evaluation.margin)
        for one in evaluation.comparisons
        if one.items and dropped.isdisjoint((one.variant, one.against))
    ]
    if len(said) > _MOST and evaluation.recommendation is not None:
        said = [f"best so far {evaluation.recommendation.variant}", f"{len(said)} comparisons are not over"]
    line = f"{evaluation.items:,} of {count(evaluation.of, 'item')}: {'; '.join(said) or 'nothing compared'}"
    print(visible(line), file=sys.stderr, flush=True)
