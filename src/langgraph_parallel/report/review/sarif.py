"""A review as SARIF 2.1.0 (OASIS, 2020), which code hosts and editors show next to the code."""

import json
import os
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from langgraph_parallel.records import Finding, Review, RunReport, Skipped
from langgraph_parallel.records.review import DIFF
from langgraph_parallel.report.review.wording import aspect_line, reported_by

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"high": "error", "medium": "warning", "low": "note"}
"""SARIF levels by severity."""


_NO_VOTER = "read by no voter"
_ROOT = "%SRCROOT%"
"""The name that code hosts know for the root of a repository."""


class _Places:
    """Turns paths of a review into places of a SARIF log."""

    def __init__(self, root: Path | None, folder: Path | None) -> None:
        self._root = None if root is None else root.absolute()
        self._folder = self._root if folder is None else folder.absolute()

    def of(self, path: str) -> dict[str, Any]:
        """Return the place of a file: below the root if it lies there, else by its whole path."""
        if self._root is None or self._folder is None:
            pure = PurePath(path.replace("\\", "/"))
            return {"uri": pure.as_uri()} if pure.is_absolute() else _below_root(pure)
        whole = Path(os.path.normpath(self._folder / path))
        for one in (whole, *([] if "\0" in path else [whole.resolve()])):  # links may lead to the root
            if one.is_relative_to(self._root):
                return _below_root(one.relative_to(self._root))
        return {"uri": whole.as_uri()}

    @property
    def bases(self) -> dict[str, Any]:
        """Where the root is; empty if it is not known."""
        if self._root is None:
            return {}
        return {"originalUriBaseIds": {_ROOT: {"uri": self._root.as_uri().rstrip("/") + "/"}}}


def _below_root(path: PurePath) -> dict[str, Any]:
    return {"uri": quote(path.as_posix()), "uriBaseId": _ROOT}


def paths_in(review: Review) -> list[str]:
    """Return all paths that a report names."""
    coverage = review.coverage
    unread = (*coverage.not_reviewed, *coverage.unread, *coverage.skipped)
    named = [*(finding.path for finding in review.findings), *coverage.files, *(item.path for item in unread)]
    return [path for path in dict.fromkeys(named) if path != DIFF]


def sarif_report(
    review: Review, run: RunReport | None = None, *, root: Path | None = None, folder: Path | None = None
) -> str:
    """Render a review as a SARIF log.

    Unconfirmed findings are notes. The properties of a result hold support, sources and confirmation. Aspects
    and files that were not judged are tool notifications.

    Args:
        review: the review.
        run: measurements to include; None for a log that depends on the review alone.
        root: of the repository, which paths become relative to (`%SRCROOT%`); None if they are already.
        folder: that relative paths of the review start from; by default `root`.
    """
    places = _Places(root, folder)
    first_findings = {_rule_id(finding): finding for finding in reversed(review.findings)}
    rules = sorted(first_findings)
    rule_indices = {rule: index for index, rule in enumerate(rules)}
    document = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "langgraph-parallel",
                        "semanticVersion": version("langgraph-parallel"),
                        "rules": [_describe_rule(rule, first_findings[rule]) for rule in rules],
                    }
                },
                **places.bases,
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": not review.interrupted,
                        "toolExecutionNotifications": _notifications(review, places),
                    }
                ],
                "results": [_result(finding, rule_indices, places) for finding in review.findings],
                "properties": {
                    "judgedBy": review.judged_by,
                    **({"run": run.model_dump(mode="json", exclude={"calls"})} if run else {}),
                },
            }
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _describe_rule(rule: str, finding: Finding) -> dict[str, Any]:
    """Return a SARIF rule; for a finding without a rule code, the aspect serves as the rule."""
    if finding.rule is None:
        return {"id": rule, "shortDescription": {"text": f"Found under the aspect {finding.aspect}"}}
    return {
        "id": rule,
        "shortDescription": {"text": finding.message},
        "help": {"text": finding.suggestion or finding.message},
    }


def _rule_id(finding: Finding) -> str:
    return finding.rule or f"review/{finding.aspect}"


def _result(finding: Finding, rule_indices: dict[str, int], places: _Places) -> dict[str, Any]:
    rule = _rule_id(finding)
    parts = filter(None, (finding.message, finding.explanation, finding.suggestion))
    text = " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts)
    region: dict[str, Any] = {"startLine": finding.lines.first, "endLine": finding.lines.last}
    if finding.quote:
        region["snippet"] = {"text": finding.quote}
    return {
        "ruleId": rule,
        "ruleIndex": rule_indices[rule],
        "level": _LEVELS[finding.severity] if finding.confirmed else "note",
        "rank": round(100 * finding.support.share, 1),
        "message": {"text": text},
        "locations": [{"physicalLocation": {"artifactLocation": places.of(finding.path), "region": region}}],
        "partialFingerprints": {"finding/v1": finding.id},
        "properties": {
            "aspects": finding.aspects,
            "severity": finding.severity,
            "confirmed": finding.confirmed,
            "support": str(finding.support),
            "saidBy": reported_by(finding),
        },
    }


def _notifications(review: Review, places: _Places) -> list[dict[str, Any]]:
    incomplete = [aspect_line(outcome) for outcome in review.aspects if outcome.status != "judged"]
    coverage = review.coverage
    return [
        *({"level": "warning", "message": {"text": text}} for text in incomplete),
        *_unread_files("not reviewed", coverage.not_reviewed, "warning", places),
        *_unread_files("could not be read", coverage.unread, "warning", places),
        *_unread_files("skipped", coverage.skipped, "note", places),
    ]


def _unread_files(
    problem: str, items: Iterable[Skipped], level: str, places: _Places
) -> Iterable[dict[str, Any]]:
    for item in items:
        said = f"{problem} by {item.by}" if item.by else problem
        where = f"{item.path}:{item.lines}: " if item.lines else ""
        place = {"locations": [{"physicalLocation": {"artifactLocation": places.of(item.path)}}]}
        yield {
            "level": "error" if item.uncovered else level,
            "message": {"text": f"{where}{_NO_VOTER if item.uncovered else said}: {item.reason}"},
            **(place if item.path != DIFF else {}),
        }
