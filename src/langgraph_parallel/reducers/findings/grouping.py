"""Grouping of claims that describe the same defect; `unite` states the rules."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from langgraph_parallel.records import Claim, Lines
from langgraph_parallel.reducers.findings.ids import groups_by_id
from langgraph_parallel.reducers.text.similarity import Corpus

NEAR_LINES = 3
"""Maximum lines between claims that are united by their texts."""
ALIKE = 0.27
"""Minimum cosine of claims that are united by their texts. On 14,409 labelled pairs of review comments, it
keeps 97% of the distinct pairs apart and unites 67% of the same (`benchmarks/findings.py`)."""
RELATED = 0.12
"""Cosine below which two texts have hardly a word in common."""
_SAME_RULE = 2.0  # above any cosine

Identities = Callable[[Iterable[Claim]], set[tuple[str, str]]]


def group_claims(
    claims: Sequence[Claim], corpus: Corpus, joined: Iterable[tuple[str, str]] = ()
) -> list[list[int]]:
    """Return the indices of claims, grouped by defect.

    Args:
        claims: in canonical order.
        corpus: the texts of the claims.
        joined: pairs of finding ids that a reader considers the same; unknown ids are ignored.
    """
    groups = _Groups(claims)
    # A union can rule out later ones, because no voter may be in a group twice. With the most similar pairs
    # first, a weak pair never takes the place of a strong one. Ties go by index, and the claims are in
    # canonical order: the order of arrival does not matter.
    for similarity, i, j in sorted(_edges(claims, corpus), key=lambda edge: (-edge[0], edge[1], edge[2])):
        groups.unite(i, j, identities=_sources if similarity >= _SAME_RULE else ballots)
    if pairs := sorted(set(joined)):
        by_id = groups_by_id(groups.as_lists(), claims)
        for one, other in pairs:
            if one in by_id and other in by_id:
                groups.unite(by_id[one][0], by_id[other][0], identities=ballots)
    return groups.as_lists()


def _edges(claims: Sequence[Claim], corpus: Corpus) -> Iterator[tuple[float, int, int]]:
    """Iterate over pairs that may be one finding, with their similarity; >= 2 if they share a rule."""
    for i, j in neighbours([(claim.path, claim.lines) for claim in claims], NEAR_LINES):
        one, other = claims[i], claims[j]
        if one.rule and other.rule:
            if one.rule == other.rule and one.lines.overlaps(other.lines):
                # The cosine still matters: it pairs up several hits of one rule on the same line.
                yield _SAME_RULE + corpus.cosine(i, j), i, j
        elif (similarity := corpus.cosine(i, j)) >= ALIKE:
            yield similarity, i, j


def neighbours(places: Sequence[tuple[str, Lines]], distance: int) -> Iterator[tuple[int, int]]:
    """Iterate over the index pairs of places in one file that are at most `distance` lines apart.

    Args:
        places: paths and lines, sorted by path and first line.
        distance: maximum lines from the end of one place to the start of the other.
    """
    for i, (path, lines) in enumerate(places):
        for j in range(i + 1, len(places)):
            other_path, other_lines = places[j]
            if other_path != path or other_lines.first > lines.last + distance:
                break
            yield i, j


def ballots(claims: Iterable[Claim]) -> set[tuple[str, str]]:
    """Return the ballots that hold these claims, each as aspect and voter."""
    return {(claim.aspect, claim.voter) for claim in claims}


def _sources(claims: Iterable[Claim]) -> set[tuple[str, str]]:
    return {(claim.aspect, claim.source) for claim in claims}


class _Groups:
    """Disjoint groups of claims, by index.

    A union-find that lists the members of each group instead of linking to a parent: every union compares all
    members of both groups anyway.
    """

    def __init__(self, claims: Sequence[Claim]) -> None:
        self._claims = claims
        self._roots = {i: i for i in range(len(claims))}
        """The lowest index in the group of each claim."""
        self._members = {i: [i] for i in self._roots}
        """The groups by root."""

    def unite(self, i: int, j: int, *, identities: Identities) -> None:
        """Unite the groups of two claims, unless both contain claims of one identity."""
        kept, merged = sorted((self._roots[i], self._roots[j]))
        if kept == merged or identities(self._claims_of(kept)) & identities(self._claims_of(merged)):
            return
        moved = self._members.pop(merged)
        self._members[kept] += moved
        self._roots.update(dict.fromkeys(moved, kept))

    def as_lists(self) -> list[list[int]]:
        return sorted(sorted(members) for members in self._members.values())

    def _claims_of(self, root: int) -> Iterator[Claim]:
        return (self._claims[i] for i in self._members[root])
