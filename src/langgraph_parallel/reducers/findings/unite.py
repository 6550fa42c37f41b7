"""Union of claims into findings, without duplicates and without loss.

Two claims about the same file describe the same defect if
1. they name the same rule, whichever engine implements it, on overlapping lines; or
2. they are at most 3 lines apart and their texts have a TF-IDF cosine of at least 0.27, unless both name a
   rule; or
3. a reader who was shown both findings says so (`joined`).

The same place alone is never enough: distinct defects often share a line.

A voter that makes two claims means two defects. So claims of one source are never united, and claims of one
ballot only by rule 1, because the ballot of a family holds the claims of several engines.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from typing import TypeVar

from langgraph_parallel.records import SEVERITIES, Claim, Finding
from langgraph_parallel.reducers.channels import union_claims
from langgraph_parallel.reducers.findings.aliases import canonical_rule
from langgraph_parallel.reducers.findings.contradictions import find_contradictions
from langgraph_parallel.reducers.findings.grouping import RELATED, ballots, group_claims, neighbours
from langgraph_parallel.reducers.findings.ids import groups_by_id
from langgraph_parallel.reducers.findings.support import VoterScope, best_support
from langgraph_parallel.reducers.text.similarity import Corpus

__all__ = ["CONFIRM", "VoterScope", "near_misses", "unite"]

CONFIRM = Fraction(2, 3)
"""Default minimum support of a confirmed finding."""
_NEAR_MISS_LINES = 10
"""Maximum lines between the findings of a near miss."""

_FIELDS = set(Finding.model_fields)

T = TypeVar("T")


def unite(
    claims: Iterable[Claim],
    scopes: Iterable[VoterScope],
    *,
    min_support: Fraction = CONFIRM,
    joined: Iterable[tuple[str, str]] = (),
    upheld: Collection[str] = (),
) -> list[Finding]:
    """Unite claims into findings with support, provenance, dissent and contradictions.

    Args:
        claims: the claims of all voters, in any order; duplicates count once.
        scopes: the scopes of all cast ballots; they determine the n of `k/n`.
        min_support: minimum share of support of a confirmed finding, in (0, 1].
        joined: pairs of finding ids from an earlier pass that describe the same defect.
        upheld: names of sources whose claims stand, whatever the share, unless two other voters judged the
            very construct and did not claim it. What they have in doubt, no other engine confirms.

    Returns:
        Findings by file, then severity, then line. Findings with less support, or in doubt, are not
        `confirmed`; no claim is dropped.
    """
    canonical_claims = [_with_canonical_rule(claim) for claim in union_claims(claims, [])]
    scopes_by_path = defaultdict(list)
    for scope in scopes:
        scopes_by_path[scope.path].append(scope)
    corpus = Corpus([f"{claim.message} {claim.explanation}" for claim in canonical_claims])
    groups = group_claims(canonical_claims, corpus, joined)
    findings = [
        _build_finding(name, canonical_claims, group, corpus, scopes_by_path, min_support, upheld)
        for name, group in groups_by_id(groups, canonical_claims).items()
    ]
    return sorted(findings, key=_report_order)


def near_misses(findings: Sequence[Finding], most: int = 40) -> list[tuple[Finding, Finding]]:
    """Return pairs of findings that may describe the same defect after all, the most similar first.

    The findings of a pair are in one file, at most 10 lines apart, have words in common, and share no voter.

    Args:
        findings: in any order.
        most: maximum number of pairs.
    """
    ordered = sorted(findings, key=lambda f: (f.path, f.lines.first, f.lines.last, f.id))
    corpus = Corpus([f"{f.message} {f.explanation}" for f in ordered])
    scored = [
        (score, ordered[i], ordered[j])
        for i, j in neighbours([(f.path, f.lines) for f in ordered], _NEAR_MISS_LINES)
        if not ballots(ordered[i].provenance) & ballots(ordered[j].provenance)
        and (score := corpus.cosine(i, j)) >= RELATED
    ]
    scored.sort(key=lambda pair: (-pair[0], pair[1].id, pair[2].id))
    return [(one, other) for _, one, other in scored][:most]


def _with_canonical_rule(claim: Claim) -> Claim:
    rule = canonical_rule(claim.rule) if claim.rule else claim.rule
    return claim if rule == claim.rule else claim.changed(rule=rule)


def _build_finding(
    name: str,
    all_claims: Sequence[Claim],
    group: Sequence[int],
    corpus: Corpus,
    scopes_by_path: dict[str, list[VoterScope]],
    min_support: Fraction,
    upheld: Collection[str],
) -> Finding:
    claims = [all_claims[i] for i in group]
    head = all_claims[_most_typical(all_claims, group, corpus)]
    head_first = [head, *claims]
    aspect, support, silent = best_support(claims, scopes_by_path[head.path])
    doubt = _shared_doubt(claims, upheld)
    return Finding.model_construct(  # of values that are valid, with one set of names for all findings
        _FIELDS,
        id=name,
        aspect=aspect,
        aspects=sorted({claim.aspect for claim in claims}),
        path=head.path,
        lines=head.lines,
        severity=min((claim.severity for claim in claims), key=SEVERITIES.index),
        message=head.message,
        explanation=_first(claim.explanation for claim in head_first) or "",
        suggestion=_first(claim.suggestion for claim in head_first) or "",
        rule=_first(claim.rule for claim in head_first),
        quote=_first(claim.quote for claim in head_first) or "",
        support=support,
        confirmed=doubt is None
        and (Fraction(support.k, support.n) >= min_support or _stands(claims, silent, upheld)),
        doubt=doubt,
        provenance=claims,
        dissent=silent,
        contradictions=find_contradictions(claims),
    )


def _stands(claims: Iterable[Claim], silent: Sequence[str], upheld: Collection[str]) -> bool:
    """Return whether one claim without doubt is of a source that a single silent voter cannot outvote."""
    return len(silent) < 2 and any(claim.source in upheld and claim.doubt is None for claim in claims)


def _most_typical(claims: Sequence[Claim], group: Sequence[int], corpus: Corpus) -> int:
    """Return the index of the claim to quote: not in doubt, most similar to all others, gravest, first."""
    if len(group) == 1:
        return group[0]

    def rank(i: int) -> tuple[bool, float, int, int]:
        # Rounded, so that noise in the last digits does not decide between equally similar claims.
        similarity = round(sum(corpus.cosine(i, other) for other in group), 9)
        return claims[i].doubt is not None, -similarity, SEVERITIES.index(claims[i].severity), i

    return min(group, key=rank)


def _shared_doubt(claims: Sequence[Claim], upheld: Collection[str]) -> str | None:
    """Return a doubt if every claim is in doubt; one claim without doubt settles the others.

    Among engines alone, those of `upheld` decide: they know best which comment accepts a statement of several
    lines, and the others see only one of the lines.
    """
    decisive = [claim for claim in claims if claim.source in upheld]
    if not decisive or any(claim.code is None for claim in claims):
        decisive = [*claims]
    doubts = [claim.doubt for claim in decisive]
    return None if None in doubts else min(doubt for doubt in doubts if doubt is not None)


def _first(values: Iterable[T | None]) -> T | None:
    return next(filter(None, values), None)


def _report_order(finding: Finding) -> tuple[str, int, int, int, str]:
    lines = finding.lines
    return finding.path, SEVERITIES.index(finding.severity), lines.first, lines.last, finding.id
