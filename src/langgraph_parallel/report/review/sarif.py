"""The report as SARIF 2.1.0, which code hosts and editors show beside the code (OASIS, 2020)."""

import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from langgraph_parallel.records import Finding, Review, RunReport, Skipped
from langgraph_parallel.report.review.wording import aspect_line, said_by

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"high": "error", "medium": "warning", "low": "note"}


def sarif_report(review: Review, run: RunReport | None = None) -> str:
    """Render a review as SARIF.

    Unconfirmed findings are there as notes; support, provenance and whether a finding is confirmed are
    in its properties. Aspects and files that were not judged are notifications of the invocation.
    """
    first = {_rule(finding): finding for finding in reversed(review.findings)}
    rules = sorted(first)
    places = {rule: index for index, rule in enumerate(rules)}
    document = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "langgraph-parallel",
                        "semanticVersion": version("langgraph-parallel"),
                        "rules": [_described(rule, first[rule]) for rule in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": not review.interrupted,
                        "toolExecutionNotifications": _notifications(review),
                    }
                ],
                "results": [_result(finding, places) for finding in review.findings],
                "properties": {
                    "judgedBy": review.judged_by,
                    **({"run": run.model_dump(mode="json", exclude={"calls"})} if run else {}),
                },
            }
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _described(rule: str, finding: Finding) -> dict[str, Any]:
    """A rule; one that is an aspect stands for whatever a model found under it."""
    if finding.rule is None:
        return {"id": rule, "shortDescription": {"text": f"Found under the aspect {finding.aspect}"}}
    return {
        "id": rule,
        "shortDescription": {"text": finding.message},
        "help": {"text": finding.suggestion or finding.message},
    }


def _rule(finding: Finding) -> str:
    return finding.rule or f"review/{finding.aspect}"


def _result(finding: Finding, places: dict[str, int]) -> dict[str, Any]:
    rule = _rule(finding)
    said = filter(None, (finding.message, finding.explanation, finding.suggestion))
    text = " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in said)
    region: dict[str, Any] = {"startLine": finding.lines.first, "endLine": finding.lines.last}
    if finding.quote:
        region["snippet"] = {"text": finding.quote}
    return {
        "ruleId": rule,
        "ruleIndex": places[rule],
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
            "saidBy": said_by(finding),
        },
    }


def _notifications(review: Review) -> list[dict[str, Any]]:
    missing = [aspect_line(outcome) for outcome in review.aspects if outcome.status != "judged"]
    coverage = review.coverage
    return [
        *({"level": "warning", "message": {"text": text}} for text in missing),
        *_not_read("not reviewed", coverage.not_reviewed, "warning"),
        *_not_read("could not be read", coverage.unread, "warning"),
        *_not_read("skipped", coverage.skipped, "note"),
    ]


def _not_read(what: str, items: Iterable[Skipped], level: str) -> Iterable[dict[str, Any]]:
    for item in items:
        by = f" by {item.by}" if item.by else ""
        yield {
            "level": level,
            "message": {"text": f"{what}{by}: {item.reason}"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(item.path)}}}],
        }


def _uri(path: str) -> str:
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(path.replace("\\", "/"))
