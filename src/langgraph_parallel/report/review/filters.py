"""Filters of a review: which findings a report has, by severity, rule and aspect.

A filter leaves findings out of every format, and the review says how many (`Review.left_out`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import SEVERITIES, Finding, LeftOut, Review, Severity
from langgraph_parallel.reducers.findings.aliases import canonical_rule, has_prefix

_CODE = re.compile(r"[A-Za-z]+\d+")
_LETTERS = re.compile(r"[A-Z]+")


@dataclass(frozen=True)
class Filters:
    """What a report has. The name of an aspect is less specific than a rule, a short prefix than a long one.

    Attributes:
        min_severity: the least severity; None for any.
        select: aspects, rules (`S602`, also by an engine's own code: `B602`) and prefixes of rules (`S6`);
            empty for all.
        ignore: aspects, rules and prefixes to leave out, unless `select` has a more specific one.
        origin: where a filter was set, by its name, for the report: `{"ignore": "pyproject.toml"}`.
    """

    min_severity: Severity | None = None
    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    origin: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.min_severity is not None and self.min_severity not in SEVERITIES:
            raise UsageError(
                f"min_severity is {self.min_severity!r}; expected {', '.join(SEVERITIES)}, or None"
            )
        for name in ("select", "ignore"):
            value = getattr(self, name)
            if isinstance(value, str) or not all(isinstance(item, str) and item.strip() for item in value):
                raise UsageError(
                    f"{name} is {value!r}; expected a list of aspects and rules: ['security', 'S6']"
                )

    def apply(self, review: Review) -> Review:
        """Return a review without what the filters leave out, which it counts."""
        if self.min_severity is None and not self.select and not self.ignore:
            return review
        kept: list[Finding] = []
        left: dict[str, list[Finding]] = {}
        for finding in review.findings:
            reason = self._reason(finding)
            left.setdefault(reason, []).append(finding) if reason else kept.append(finding)
        counts = [
            LeftOut(by=by, findings=len(found), confirmed=sum(finding.confirmed for finding in found))
            for by, found in sorted(left.items())
        ]
        return review.model_copy(update={"findings": kept, "left_out": [*review.left_out, *counts]})

    def _reason(self, finding: Finding) -> str:
        """Return the filter that leaves a finding out; empty if none does."""
        selected = _specificity(finding, self.select) if self.select else 0
        if selected is None:
            return self._name("select", ", ".join(self.select))
        ignored = _specificity(finding, self.ignore, whole=True)
        if ignored is not None and ignored >= selected:
            return self._name("ignore", ", ".join(self.ignore))
        least = self.min_severity
        if least is not None and SEVERITIES.index(finding.severity) > SEVERITIES.index(least):
            return self._name("min-severity", least)
        return ""

    def _name(self, filter: str, value: str) -> str:
        where = self.origin.get(filter)
        return f"{filter} = {value}" + (f" in {where}" if where else "")


def _specificity(finding: Finding, selectors: Iterable[str], *, whole: bool = False) -> int | None:
    """Return how specific the best selector of a finding is; None if none fits.

    Args:
        finding: the finding.
        selectors: aspects, rules and prefixes.
        whole: whether all aspects of the finding must be named; else one suffices.
    """
    selectors = list(selectors)
    fits = [prefix_length(selector, finding.rule) for selector in selectors] if finding.rule else []
    named = [aspect in selectors for aspect in finding.aspects]
    if all(named) if whole else any(named):
        fits.append(1)
    return max((fit for fit in fits if fit), default=None)


def prefix_length(selector: str, rule: str) -> int:
    """Return 1 more than the length of a selector that fits a rule; 0 if it does not.

    >>> prefix_length("S6", "S602"), prefix_length("b602", "S602"), prefix_length("F", "FURB110")
    (3, 5, 0)
    """
    prefix = selector.upper() if rule[:1].isupper() else selector
    if _CODE.fullmatch(prefix) and canonical_rule(prefix) == rule:
        return len(rule) + 1
    return len(prefix) + 1 if has_prefix(rule, prefix) else 0
