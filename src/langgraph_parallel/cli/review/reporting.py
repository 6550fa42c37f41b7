"""What of a review is reported, and what fails: options, completed by the settings of the project."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from langgraph_parallel.cli.checks import check_names
from langgraph_parallel.cli.review.configuration import Configuration
from langgraph_parallel.cli.review.selectors import check_selectors
from langgraph_parallel.records import Severity
from langgraph_parallel.report.review.filters import Filters


@dataclass(frozen=True)
class Reporting:
    """What of a review is reported. It is stored with the run, so that a resumed one reports the same.

    Attributes:
        min_severity: least severity of a finding; None if not given.
        select: aspects and rules; None if not given.
        ignore: aspects and rules; None if not given.
        fail_on: severity from which on the command fails; None if not given.
        below: folder that paths are shown relative to; empty to show them as they are.
        origin: the file that a value comes from, by name; without the values of the command line.
    """

    min_severity: str | None = None
    select: Sequence[str] | None = None
    ignore: Sequence[str] | None = None
    fail_on: str | None = None
    below: str = ""
    origin: Mapping[str, str] = field(default_factory=dict)

    def check(self, aspects: Sequence[str] = ()) -> None:
        """Check the names of aspects and rules.

        Args:
            aspects: names of the caller's own aspects.

        Raises:
            UsageError: one is empty, repeated, or neither an aspect nor a rule.
        """
        for option in ("select", "ignore"):
            names = getattr(self, option)
            if names is not None and option not in self.origin:
                check_names(names, f"--{option}")
                check_selectors(names, f"--{option}", aspects)

    def completed_by(self, configuration: Configuration) -> "Reporting":
        """Return these options, with those that are not given as the project sets them."""
        set_there: dict[str, Any] = {
            "min_severity": configuration.severity("min-severity"),
            "fail_on": configuration.severity("fail-on"),
            "select": configuration.names("select"),
            "ignore": configuration.names("ignore"),
        }
        taken = {name: value for name, value in set_there.items() if value and getattr(self, name) is None}
        origin = {name.replace("_", "-"): str(configuration.file) for name in taken}
        return dataclasses.replace(self, **taken, origin=origin)

    def completed_by_run(self, stored: Mapping[str, Any]) -> "Reporting":
        """Return these options, with those that are not given as an earlier run had them."""
        earlier = Reporting(**stored)
        names = ("min_severity", "select", "ignore", "fail_on")
        taken = {name: getattr(earlier, name) for name in names if getattr(self, name) is None}
        origin = {key: file for key, file in earlier.origin.items() if key.replace("-", "_") in taken}
        return dataclasses.replace(self, **taken, below=earlier.below, origin=origin)

    @property
    def filters(self) -> Filters:
        """The filters of the report."""
        return dataclasses.replace(self.gate_filters, min_severity=cast("Severity | None", self.min_severity))

    @property
    def gate_filters(self) -> Filters:
        """The filters of `--fail-on`: what is only not shown fails all the same."""
        return Filters(select=self.select or (), ignore=self.ignore or (), origin=self.origin)
