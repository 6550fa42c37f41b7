"""Claims of many voters become findings, without duplicates and without loss.

Two claims are one finding when they are about the same file, and
1. come from the same rule, whichever engine implements it, on lines that overlap; or
2. lie within 3 lines of each other *and* speak of the same thing: TF-IDF cosine of at least .27, unless
   both name a rule and the rules differ;
3. never because of their place alone: distinct defects often share a line;
4. or when a reader who was shown the pair says so (`joined`).

Whoever makes two claims means two things: claims of one ballot are united only by rule 1, where it holds
the word of several engines, and claims of one source never. The likest pairs are united first, in an
order that the claims' arrival does not change.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from langgraph_parallel.records import (
    SEVERITIES,
    Claim,
    Contradiction,
    Finding,
    Lines,
    Position,
    Severity,
    Support,
)
from langgraph_parallel.reducers.channels import union_claims
from langgraph_parallel.reducers.findings.aliases import canonical_rule
from langgraph_parallel.reducers.text.similarity import Corpus

NEAR_LINES = 3
ALIKE = 0.27
"""Cosine from which two claims near each other are one: on 14,409 labelled pairs of review comments this
keeps 97% of the distinct ones apart and joins 67% of the same (`benchmarks/findings.py`)."""
NEAR_MISS = 0.12
NEAR_MISS_LINES = 10
CONFIRM = Fraction(2, 3)
_SAME_RULE = 2.0  # above any cosine

Voices = Callable[[Iterable[Claim]], set[tuple[str, str]]]


@dataclass(frozen=True)
class VoterScope:
    """A voter that cast a ballot on one file, for one aspect: who could have claimed something there."""

    aspect: str
    voter: str
    path: str
    lines: Lines | None = None
    """The part of the file that it saw; None for all of it."""
    scope: Collection[str] | None = None
    """Prefixes of the canonical rules that it can judge; None for a voter that can judge anything.
    An engine that has no rule for something did not vote against it."""

    def judges(self, claim: Claim) -> bool:
        """Whether this voter could have made the claim."""
        return (
            self.path == claim.path
            and (self.lines is None or self.lines.overlaps(claim.lines))
            and (self.scope is None or (claim.rule is not None and claim.rule.startswith(tuple(self.scope))))
        )


def unite(
    claims: Iterable[Claim],
    panels: Iterable[VoterScope],
    *,
    confirm: Fraction = CONFIRM,
    joined: Iterable[tuple[str, str]] = (),
) -> list[Finding]:
    """Unite claims into findings with support, provenance, dissent and contradictions.

    Args:
        claims: what the voters said, in any order; the same claim twice counts once.
        panels: who cast a ballot on what; this makes the n of `k/n`.
        confirm: the least support of a confirmed finding, as a share.
        joined: pairs of finding ids of an earlier pass that mean the same (step 4).

    Returns:
        Findings by file, then severity, then line. Those with less support, or in doubt, are not
        `confirmed`; none is dropped.
    """
    said = [_canonical(claim) for claim in union_claims(claims, [])]
    seats = defaultdict(list)
    for panel in panels:
        seats[panel.path].append(panel)
    corpus = Corpus([_wording(claim) for claim in said])
    groups = _cluster(said, corpus)
    if pairs := set(joined):
        groups = _join(groups, said, pairs)
    findings = [
        _finding(name, [said[i] for i in group], corpus, group, seats, confirm)
        for name, group in _named(groups, said).items()
    ]
    return sorted(findings, key=_report_order)


def near_misses(findings: Sequence[Finding], most: int = 40) -> list[tuple[Finding, Finding]]:
    """Pairs that the measure keeps apart and a reader might not: the likest first, `most` at the most.

    Same file, within 10 lines, some words in common, no voter in both.
    """
    ordered = sorted(findings, key=lambda f: (f.path, f.lines.first, f.lines.last, f.id))
    corpus = Corpus([f"{f.message} {f.explanation}" for f in ordered])
    scored = [
        (score, ordered[i], ordered[j])
        for i, j in _neighbours([(f.path, f.lines) for f in ordered], NEAR_MISS_LINES)
        if not _ballots(ordered[i].provenance) & _ballots(ordered[j].provenance)
        and (score := corpus.cosine(i, j)) >= NEAR_MISS
    ]
    scored.sort(key=lambda pair: (-pair[0], pair[1].id, pair[2].id))
    return [(one, other) for _, one, other in scored][:most]


def _neighbours(places: Sequence[tuple[str, Lines]], most: int) -> Iterator[tuple[int, int]]:
    """Pairs in one file that are at most so many lines apart, by index; the places come sorted."""
    for i, (path, lines) in enumerate(places):
        for j in range(i + 1, len(places)):
            other_path, other_lines = places[j]
            if other_path != path or other_lines.first > lines.last + most:
                break
            yield i, j


def _canonical(claim: Claim) -> Claim:
    return claim.model_copy(update={"rule": canonical_rule(claim.rule)}) if claim.rule else claim


def _wording(claim: Claim) -> str:
    return f"{claim.message} {claim.explanation}"


def _ballots(claims: Iterable[Claim]) -> set[tuple[str, str]]:
    return {(claim.aspect, claim.voter) for claim in claims}


def _speakers(claims: Iterable[Claim]) -> set[tuple[str, str]]:
    return {(claim.aspect, claim.source) for claim in claims}


def _cluster(claims: Sequence[Claim], corpus: Corpus) -> list[list[int]]:
    """Group the indices of claims that are one finding; the likest pairs are joined first."""
    group = _Groups(claims)
    edges = sorted(_edges(claims, corpus), key=lambda edge: (-edge[0], edge[1], edge[2]))
    for likeness, i, j in edges:
        group.join(i, j, apart=_speakers if likeness >= _SAME_RULE else _ballots)
    return group.all()


def _edges(claims: Sequence[Claim], corpus: Corpus) -> Iterator[tuple[float, int, int]]:
    """Pairs that may be one finding, with their likeness; from 2 on for the same rule. Claims come sorted."""
    for i, j in _neighbours([(claim.path, claim.lines) for claim in claims], NEAR_LINES):
        one, other = claims[i], claims[j]
        if one.rule and other.rule:
            if one.rule == other.rule and one.lines.overlaps(other.lines):
                yield _SAME_RULE + corpus.cosine(i, j), i, j
        elif (likeness := corpus.cosine(i, j)) >= ALIKE:
            yield likeness, i, j


@dataclass
class _Groups:
    """Disjoint groups of claims, by index (union-find that remembers who is in a group)."""

    claims: Sequence[Claim]
    root: dict[int, int] = field(init=False)
    members: dict[int, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.root = {i: i for i in range(len(self.claims))}
        self.members = {i: [i] for i in self.root}

    def join(self, i: int, j: int, *, apart: Voices | None) -> None:
        """Unite the groups of two claims, unless somebody whom `apart` names speaks in both."""
        a, b = sorted((self.root[i], self.root[j]))
        if a == b or (apart and apart(self._held(a)) & apart(self._held(b))):
            return
        moved = self.members.pop(b)
        self.members[a] += moved
        self.root.update(dict.fromkeys(moved, a))

    def all(self) -> list[list[int]]:
        return sorted(sorted(members) for members in self.members.values())

    def _held(self, root: int) -> list[Claim]:
        return [self.claims[i] for i in self.members[root]]


def _join(
    groups: list[list[int]], claims: Sequence[Claim], pairs: Iterable[tuple[str, str]]
) -> list[list[int]]:
    """Unite groups whose findings a reader called the same."""
    by_id = {name: group[0] for name, group in _named(groups, claims).items()}
    united = _Groups(claims)
    for group in groups:
        for member in group[1:]:
            united.join(group[0], member, apart=None)
    for one, other in sorted(pairs):
        if one in by_id and other in by_id:
            united.join(by_id[one], by_id[other], apart=_ballots)
    return united.all()


def _finding(
    name: str,
    claims: Sequence[Claim],
    corpus: Corpus,
    indices: Sequence[int],
    seats: dict[str, list[VoterScope]],
    confirm: Fraction,
) -> Finding:
    head = _most_typical(claims, corpus, indices)
    aspect, support, silent = _support(claims, seats[head.path])
    doubts = [claim.doubt for claim in claims]
    doubt = None if None in doubts else min(filter(None, doubts))
    return Finding(
        id=name,
        aspect=aspect,
        aspects=sorted({claim.aspect for claim in claims}),
        path=head.path,
        lines=head.lines,
        severity=min((claim.severity for claim in claims), key=SEVERITIES.index),
        message=head.message,
        explanation=head.explanation or next((c.explanation for c in claims if c.explanation), ""),
        suggestion=head.suggestion or next((c.suggestion for c in claims if c.suggestion), ""),
        rule=head.rule or next((c.rule for c in claims if c.rule), None),
        quote=head.quote or next((c.quote for c in claims if c.quote), ""),
        support=support,
        confirmed=doubt is None and Fraction(support.k, support.n) >= confirm,
        doubt=doubt,
        provenance=list(claims),
        dissent=silent,
        contradictions=_contradictions(claims, corpus),
    )


def _most_typical(claims: Sequence[Claim], corpus: Corpus, indices: Sequence[int]) -> Claim:
    """The claim most like the others, of those not in doubt; of equals the gravest, then the first."""

    def rank(place: int) -> tuple[bool, float, int, int]:
        likeness = sum(corpus.cosine(indices[place], other) for other in indices)
        return (
            claims[place].doubt is not None,
            -round(likeness, 9),
            SEVERITIES.index(claims[place].severity),
            place,
        )

    return claims[min(range(len(claims)), key=rank)]


def _support(claims: Sequence[Claim], seats: Sequence[VoterScope]) -> tuple[str, Support, list[str]]:
    """The best supported aspect of a finding, its k/n there, and who of that aspect kept silent.

    An aspect that adds a weaker voice never lowers the support that another gives.
    """
    options = []
    for aspect in sorted({claim.aspect for claim in claims}):
        own = [claim for claim in claims if claim.aspect == aspect]
        for_it = {claim.voter for claim in own}
        could = for_it | {p.voter for p in seats if p.aspect == aspect and any(map(p.judges, own))}
        silent = sorted(could - for_it)
        options.append((aspect, Support(k=len(for_it), n=len(could)), silent))
    return min(options, key=lambda option: (-option[1].share, -option[1].n, option[0]))


def _contradictions(claims: Sequence[Claim], corpus: Corpus) -> list[Contradiction]:
    severities: dict[Severity, set[str]] = defaultdict(set)
    for claim in claims:
        severities[claim.severity].add(claim.source)
    found = []
    if len(severities) > 1:
        by_gravity = sorted(severities.items(), key=lambda item: SEVERITIES.index(item[0]))
        found.append(_contradiction("severity", by_gravity))
    fixes = _distinct_fixes(claims)
    if len(fixes) > 1:
        found.append(_contradiction("suggestion", fixes))
    return found


def _contradiction(name: str, positions: Iterable[tuple[str, Collection[str]]]) -> Contradiction:
    return Contradiction.model_validate(
        {
            "field": name,
            "positions": [Position(value=value, sources=sorted(sources)) for value, sources in positions],
        }
    )


def _distinct_fixes(claims: Sequence[Claim]) -> list[tuple[str, set[str]]]:
    """Suggestions that have hardly a word in common, each with who makes it."""
    with_fix = [claim for claim in claims if claim.suggestion]
    corpus = Corpus([claim.suggestion for claim in with_fix])
    distinct: list[tuple[int, set[str]]] = []
    for i, claim in enumerate(with_fix):
        for first, sources in distinct:
            if _squeezed(with_fix[first]) == _squeezed(claim) or corpus.cosine(first, i) >= NEAR_MISS:
                sources.add(claim.source)
                break
        else:
            distinct.append((i, {claim.source}))
    return [(with_fix[first].suggestion, sources) for first, sources in distinct]


def _squeezed(claim: Claim) -> str:
    return "".join(claim.suggestion.split()).casefold()


def _named(groups: Iterable[list[int]], claims: Sequence[Claim]) -> dict[str, list[int]]:
    """Give each group an id; of groups that say the same of equal lines, the later ones get a number."""
    named: dict[str, list[int]] = {}
    for group in groups:
        stem, number = _fingerprint([claims[i] for i in group]), 1
        name = stem
        while name in named:
            number += 1
            name = f"{stem}-{number}"
        named[name] = group
    return named


def _fingerprint(claims: Sequence[Claim]) -> str:
    """What stays the same when lines move: the file, the code that is meant, and what is said of it."""
    first = claims[0]
    said = sorted({claim.rule or claim.message for claim in claims})
    text = "\0".join([first.path, "".join(first.quote.split()), *said])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]


def _report_order(finding: Finding) -> tuple[str, int, int, int, str]:
    lines = finding.lines
    return finding.path, SEVERITIES.index(finding.severity), lines.first, lines.last, finding.id
