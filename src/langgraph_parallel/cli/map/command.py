"""What the command `map` does: checks, the run, and the end of it."""

import json
import re
import shlex
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from langgraph_parallel.catalogue.spelling import COMMAND
from langgraph_parallel.cli.checks import (
    check_model_options,
    check_tracing,
    exclude_each_other,
    limit_fields,
    make_limits,
)
from langgraph_parallel.cli.exit_codes import FOUND, INTERRUPTED, OK
from langgraph_parallel.cli.limit_options import LimitOptions
from langgraph_parallel.cli.map.mappings import parse_inputs, parse_outputs
from langgraph_parallel.cli.map.progress import MapProgress, ProgressKind
from langgraph_parallel.cli.signals import STOPPED, run_to_end, stoppable
from langgraph_parallel.cli.writing import write_text
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.collecting import collect_seldom
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.redact import redact
from langgraph_parallel.scale.command import Command
from langgraph_parallel.scale.map_text import estimate_lines, map_lines
from langgraph_parallel.scale.progress import estimate_record, summary_record
from langgraph_parallel.scale.sources.choose import as_source

T = TypeVar("T")

_PASSWORD = re.compile(r"(?<=://)([^:@\s]*):\S*@")
"""In an address, up to its last `@`: a password may hold any character."""
_TOKEN = re.compile(r"(?<=https://)[^:/@\s]+@|(?<=http://)[^:/@\s]+@")
_WITH_VALUE = ("--redrive", "--limit", "--sample")
_ONCE = (*_WITH_VALUE, "--mixed", "--estimate")
"""Options of one command, which the command to go on with does not need."""

_NOTHING_AGAIN = "Nothing to run again: no row has failed."


@dataclass(frozen=True, kw_only=True)
class MapCommand:
    """The options of `map`, as given on the command line."""

    graph: str
    items: str
    key: str | None
    query: str | None
    sink: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    settings: Sequence[str]
    model: str | None
    fallbacks: Sequence[str]
    base_url: str | None
    offline: bool
    cache: bool | None
    records: Path | None
    limits: LimitOptions
    engine: str | None
    chunk: int | None
    redrive: bool
    mixed: bool
    limit: int | None
    stop_after_errors: int | None
    completion: str | None
    progress: ProgressKind
    quiet: bool

    def run(self, sample: int | None = None) -> int:
        """Run the items, with progress and a summary on standard error.

        Args:
            sample: refused, as it is for an estimate; taken for one, it would run all items.

        Returns:
            The exit code.
        """
        if sample is not None:
            raise UsageError("--sample is for --estimate; use --limit to run the first items alone")
        collect_seldom()
        with MapProgress(self.progress) as watch:
            report = run_to_end(self._stoppable(self._command(watch).run))
        ran = report.ok or report.failed or report.kept_failed or report.reason
        is_idle = self.redrive and not ran
        if self.progress == "json":
            self._print([json.dumps(summary_record(report))])
        elif not self.quiet:
            self._print([_NOTHING_AGAIN] if is_idle else map_lines(report, self._to_go_on()))
        if is_idle:
            return OK
        if report.reason.startswith(STOPPED):
            return INTERRUPTED
        return OK if report.met and report.status != "failed" else FOUND

    def estimate(self, sample: int | None) -> int:
        """Run a sample, and write what all items would cost and take.

        Args:
            sample: number of items that are run; None for as many as an estimate takes by itself.

        Returns:
            The exit code.
        """
        from langgraph_parallel.scale.estimate import SAMPLE, estimated

        if self.redrive or self.limit is not None:
            raise exclude_each_other("--estimate", "--redrive" if self.redrive else "--limit")
        with MapProgress(self.progress) as watch:
            command = self._command(watch)
            found = run_to_end(self._stoppable(lambda: estimated(command, sample or SAMPLE)))
        lines = estimate_lines(found, self._to_go_on())
        if self.progress == "json":
            lines = [json.dumps(estimate_record(found))]
        write_text("".join(f"{line}\n" for line in lines))
        return OK

    async def _stoppable(self, start: Callable[[], Awaitable[T]]) -> T:
        return await stoppable(start(), silent=self.progress == "json")

    def _command(self, watch: MapProgress) -> Command:
        """Check the options, and load the program.

        Raises:
            UsageError: an option is not valid, or two contradict each other.
        """
        limits = self._limits()
        return Command.of(
            self.graph,
            as_source(self.items, self.key, self.query, COMMAND),
            sink=self.sink,
            engine=int(self.engine) if self.engine and self.engine.isdecimal() else self.engine,
            limits=limits,
            completion=self.completion,
            chunk=self.chunk,
            inputs=parse_inputs(self.inputs),
            outputs=parse_outputs(self.outputs),
            settings=self.settings,
            model=self.model,
            fallbacks=self.fallbacks or None,
            cache=False if self.cache is False else None,
            record=self.records,
            offline=self.offline,
            redrive=self.redrive,
            mixed=self.mixed,
            limit=self.limit,
            stop_after_errors=self.stop_after_errors,
            watch=watch,
            spelling=COMMAND,
        )

    def _limits(self) -> Limits:
        limits = make_limits(limit_fields(**asdict(self.limits)))
        check_model_options(
            () if self.model is None else (self.model,),
            offline=self.offline,
            base_url=self.base_url,
            limits=limits,
            fallbacks=self.fallbacks,
        )
        check_tracing()
        return limits

    def _to_go_on(self) -> str:
        """Return the command to go on with; none with rows on standard output, which are not kept."""
        return "" if self.sink == "-" else shown_command(sys.argv[1:])

    def _print(self, lines: Sequence[str]) -> None:
        print("\n".join(lines), file=sys.stderr, flush=True)


def shown_command(arguments: Sequence[str]) -> str:
    """Return the command to go on with as it is typed, with what is secret in it as `***`.

    Args:
        arguments: of this command.
    """
    kept: list[str] = []
    skips = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if skips or name in _ONCE:
            skips = not skips and not equals and name in _WITH_VALUE
            continue
        kept.append(_hidden(argument))
    return shlex.join(["langgraph-parallel", *kept])


def _hidden(argument: str) -> str:
    """Return an argument without passwords, tokens and keys."""
    if "://" not in argument:
        return redact(argument)
    address, mark, query = _TOKEN.sub("***@", _PASSWORD.sub(r"\1:***@", argument)).partition("?")
    return f"{address}{mark}{redact(query)}"
