"""A review as SARIF 2.1.0 (OASIS, 2020), which code hosts and editors show next to the code."""

import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from langgraph_parallel.records import Finding, Review, RunReport, Skipped
from langgraph_parallel.report.review.wording import aspect_line, reported_by

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"high": "error", "medium": "warning", "low": "note"}
"""SARIF levels by severity."""


def sarif_report(review: Review, run: RunReport | None = None) -> str:
    """Render a review as a SARIF log.

    Unconfirmed findings are notes. The properties of a result hold support, sources and confirmation. Aspects
    and files that were not judged are tool notifications.

    Args:
        review: the review.
        run: measurements to include; None for a log that depends on the review alone.
    """
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
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": not review.interrupted,
                        "toolExecutionNotifications": _notifications(review),
                    }
                ],
                "results": [_result(finding, rule_indices) for finding in review.findings],
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


def _result(finding: Finding, rule_indices: dict[str, int]) -> dict[str, Any]:
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
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": _uri(finding.path)}, "region": region}}
        ],
        "partialFingerprints": {"finding/v1": finding.id},
        "properties": {
            "aspects": finding.aspects,
            "severity": finding.severity,
            "confirmed": finding.confirmed,
            "support": str(finding.support),
            "saidBy": reported_by(finding),
        },
    }


def _notifications(review: Review) -> list[dict[str, Any]]:
    incomplete = [aspect_line(outcome) for outcome in review.aspects if outcome.status != "judged"]
    coverage = review.coverage
    return [
        *({"level": "warning", "message": {"text": text}} for text in incomplete),
        *_unread_files("not reviewed", coverage.not_reviewed, "warning"),
        *_unread_files("could not be read", coverage.unread, "warning"),
        *_unread_files("skipped", coverage.skipped, "note"),
    ]


def _unread_files(problem: str, items: Iterable[Skipped], level: str) -> Iterable[dict[str, Any]]:
    for item in items:
        by = f" by {item.by}" if item.by else ""
        yield {
            "level": level,
            "message": {"text": f"{problem}{by}: {item.reason}"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(item.path)}}}],
        }


def _uri(path: str) -> str:
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(path.replace("\\", "/"))
