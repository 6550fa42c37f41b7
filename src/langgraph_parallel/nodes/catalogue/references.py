"""References of a research report: numbered findings, and the numbers by which a text cites them."""

import re
from collections.abc import Sequence
from typing import Any

from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.records import Reference

_CITATION = re.compile(r"\[\s*(\d{1,6}(?:\s*[,;\u2013-]\s*\d{1,6})*)\s*\]")
"""`[3]`, `[1, 4]`, `[2-5]`."""
_MAX_RANGE = 50
"""Maximum distance of the ends of a cited range."""

Finding = dict[str, str]
"""`claim`, `source` and `quote`; without a model also `shown`."""


def group_findings(gathered: Gathered) -> dict[str, list[Finding]]:
    """Return the findings by topic; topics with the same title are one."""
    by_topic: dict[str, list[Finding]] = {}
    for section, value in gathered.results:
        by_topic.setdefault(section.title, []).extend(_read_findings(value))
    return by_topic


def collect_references(gathered: Gathered) -> list[Reference]:
    """Return all findings, each once, numbered from 1 in the order of the topics."""
    findings = {
        (finding["claim"], finding["source"], finding["quote"], finding.get("shown", "")): None
        for _, value in gathered.results
        for finding in _read_findings(value)
    }
    return [
        Reference(number=number, claim=claim, source=source, quote=quote, shown=shown)
        for number, (claim, source, quote, shown) in enumerate(findings, 1)
    ]


def list_references(references: Sequence[Reference]) -> str:
    """Render references for a prompt, each after its number."""
    lines = [
        f"[{reference.number}] {reference.claim} ({reference.source}: \u201c{reference.quote}\u201d)"
        for reference in references
    ]
    return "\n".join(lines) or "Nothing."


def clean_citations(text: str, count: int) -> str:
    """Return a text with brackets around each cited number, and without numbers outside of 1 to `count`."""

    def rewrite(match: re.Match[str]) -> str:
        return "".join(f"[{number}]" for number in _read_numbers(match[1]) if 1 <= number <= count)

    return _CITATION.sub(rewrite, text)


def select_cited(text: str, references: Sequence[Reference]) -> list[Reference]:
    """Return the references that a text cites."""
    cited = {number for match in _CITATION.finditer(text) for number in _read_numbers(match[1])}
    return [reference for reference in references if reference.number in cited]


def list_uncited(findings_by_topic: dict[str, list[Finding]], cited: Sequence[Reference]) -> list[str]:
    """Return the topics with findings of which none is cited."""
    cited_keys = {(reference.claim, reference.source, reference.quote) for reference in cited}
    return [
        topic
        for topic, findings in findings_by_topic.items()
        if findings and not any((f["claim"], f["source"], f["quote"]) in cited_keys for f in findings)
    ]


def _read_findings(value: Any) -> list[Finding]:
    return list(value["findings"])


def _read_numbers(citation: str) -> list[int]:
    """Return the numbers of `1, 3-5`."""
    numbers: list[int] = []
    for part in re.split(r"[,;]", citation):
        ends = [int(number) for number in re.findall(r"\d+", part)]
        numbers += range(ends[0], min(ends[-1], ends[0] + _MAX_RANGE) + 1)
    return numbers
