"""Contradictions in a finding: fields on which its claims disagree."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from langgraph_parallel.records import SEVERITIES, Claim, Contradiction, Position, Severity
from langgraph_parallel.reducers.findings.grouping import RELATED
from langgraph_parallel.reducers.text.similarity import Corpus


def find_contradictions(claims: Sequence[Claim]) -> list[Contradiction]:
    """Return the contradictions in severity (gravest first) and in suggestion."""
    sources_by_severity: dict[Severity, set[str]] = defaultdict(set)
    for claim in claims:
        sources_by_severity[claim.severity].add(claim.source)
    severities = sorted(sources_by_severity.items(), key=lambda item: SEVERITIES.index(item[0]))
    suggestions = _distinct_suggestions(claims)
    contradictions = []
    if len(severities) > 1:
        contradictions.append(_contradiction("severity", severities))
    if len(suggestions) > 1:
        contradictions.append(_contradiction("suggestion", suggestions))
    return contradictions


def _contradiction(name: str, positions: Iterable[tuple[str, Collection[str]]]) -> Contradiction:
    return Contradiction.model_validate(
        {
            "field": name,
            "positions": [Position(value=value, sources=sorted(sources)) for value, sources in positions],
        }
    )


def _distinct_suggestions(claims: Sequence[Claim]) -> list[tuple[str, set[str]]]:
    """Return suggestions that have hardly a word in common, each with its sources."""
    suggesting = [claim for claim in claims if claim.suggestion]
    if len({claim.suggestion for claim in suggesting}) < 2:
        return []
    corpus = Corpus([claim.suggestion for claim in suggesting])
    distinct: list[tuple[int, set[str]]] = []
    for i, claim in enumerate(suggesting):
        for first, sources in distinct:
            # A suggestion without terms, such as `{}`, has cosine 0 even to itself; compare the characters.
            if _squeeze(suggesting[first]) == _squeeze(claim) or corpus.cosine(first, i) >= RELATED:
                sources.add(claim.source)
                break
        else:
            distinct.append((i, {claim.source}))
    return [(suggesting[first].suggestion, sources) for first, sources in distinct]


def _squeeze(claim: Claim) -> str:
    return "".join(claim.suggestion.split()).casefold()
