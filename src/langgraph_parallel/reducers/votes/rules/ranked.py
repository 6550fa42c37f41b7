"""Ranked ballots: each is a list of candidates, the best first.

A ballot need not rank all: those that it leaves out share the last place. A list that names a candidate
twice, or one that is not among `candidates`, does not count. Support is the voters who put the choice first,
of the ballots cast; `counts` has each candidate's score as its weight.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations
from typing import ClassVar

from pydantic import JsonValue

from langgraph_parallel.records import Ballot, Tally, Verdict, VerdictStatus
from langgraph_parallel.reducers.canonical import canonical, check_choices
from langgraph_parallel.reducers.votes.counting import Group, build_verdict, is_usable, list_items
from langgraph_parallel.reducers.votes.rules.base import BaseRule, Form, Ties
from langgraph_parallel.reducers.votes.standing import Amount, Standing

Ranking = Sequence[str]
"""Candidates by canonical key, the best first."""


@dataclass(frozen=True, kw_only=True)
class _Ranked(BaseRule, ABC):
    """Ranked ballots, and the candidates among whom they choose."""

    form: ClassVar[Form] = "ranking"
    candidates: Sequence[JsonValue] | None = None
    ties: Ties = "earliest"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.candidates is not None:
            check_choices(self.candidates, "candidates")

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """The candidate that it puts first."""
        ranking = self._ranking(ballot)
        return None if ranking is None else dict.fromkeys(ranking[:1], 1)

    def settled(self, standing: Standing) -> bool:
        """Whether the winner is certain; only where it is known who the candidates are.

        It may not see that a winner is certain, but it never says so of one that is not.
        """
        if not standing.left:
            return True
        if self.candidates is None:
            return False
        rankings = [self._ranking(heard.ballot) or [] for heard in standing.heard]
        return self.certain([canonical(c) for c in self.candidates], rankings, standing.left)

    def fewest(self, standing: Standing) -> int:
        """Until those who are left are no more than those who were heard: a majority can turn any of them."""
        if self.candidates is None:
            return super().fewest(standing)
        if len(self.candidates) < 2:
            return 1
        return -(-(standing.left - len(standing.heard)) // 2)

    @abstractmethod
    def certain(self, candidates: Sequence[str], rankings: Sequence[Ranking], left: int) -> bool:
        """Whether so many further ballots cannot change who wins."""

    @abstractmethod
    def scores(self, candidates: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, Fraction]:
        """A score for each candidate: those with the highest win."""

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        held = [(ballot, self._ranking(ballot)) for ballot in tally.in_order()]
        cast = [ballot for ballot, ranking in held if ranking is not None]
        rankings = [ranking for _, ranking in held if ranking is not None]
        named = {canonical(item): item for ballot in cast for item in list_items(ballot)}
        named |= {canonical(item): item for item in self.candidates or []}
        scores = self.scores(list(named), rankings) if named and rankings else {}
        groups = {key: Group(named[key], weight=score) for key, score in scores.items()}
        for ballot, ranking in zip(cast, rankings, strict=True):
            if ranking:
                groups[ranking[0]].ballots.append(ballot)
        earliest = _by_earliest(list(named), rankings)
        order = sorted(groups, key=lambda key: (-groups[key].weight, earliest[key]))
        tied = len(order) > 1 and groups[order[0]].weight == groups[order[1]].weight
        voted = any(rankings)
        status: VerdictStatus = "below_threshold" if not voted else "tied" if tied else "decided"
        leader = groups[order[0]] if voted and not (tied and self.ties == "none") else None
        return build_verdict(
            self.name,
            tally,
            cast,
            status=status if len(cast) >= self.quorum else "no_quorum",
            choice=leader.choice if leader else None,
            groups=[groups[key] for key in order],
            backers=leader.ballots if leader else [],
        )

    def _ranking(self, ballot: Ballot) -> Ranking | None:
        if not (is_usable(ballot) and isinstance(ballot.choice, list)):
            return None
        keys = [canonical(item) for item in ballot.choice]
        known = None if self.candidates is None else {canonical(c) for c in self.candidates}
        twice = len(set(keys)) < len(keys)
        return None if twice or (known is not None and not known.issuperset(keys)) else keys


@dataclass(frozen=True, kw_only=True)
class borda(_Ranked):  # noqa: N801
    """Of n candidates the first on a ballot gets n - 1 points, the next n - 2, and so on; most points win.

    Candidates that a ballot leaves out share the points that are left. On a tie the status is `tied`, and the
    choice the one that the earliest voter who tells them apart prefers, or None with `ties="none"`.
    """

    def scores(self, candidates: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, Fraction]:
        """Points."""
        points = dict.fromkeys(candidates, Fraction(0))
        for ranking in rankings:
            shared = Fraction(len(candidates) - len(ranking) - 1, 2)
            placed = {key: Fraction(len(candidates) - 1 - place) for place, key in enumerate(ranking)}
            for key in candidates:
                points[key] += placed.get(key, shared)
        return points

    def certain(self, candidates: Sequence[str], rankings: Sequence[Ranking], left: int) -> bool:
        """Whether the leader is further ahead than the ballots that are left can bring another one."""
        points = [*sorted(self.scores(candidates, rankings).values(), reverse=True), Fraction(0)]
        return points[0] - points[1] > left * (len(candidates) - 1)


@dataclass(frozen=True, kw_only=True)
class instant_runoff(_Ranked):  # noqa: N801
    """Round by round, the candidates whom the fewest put first are struck off all ballots; the last one wins.

    All who share the fewest go at once; if that is all who are left, they are tied. A candidate's score is
    the round in which it goes, from 1. Ties as in `borda`.
    """

    def scores(self, candidates: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, Fraction]:
        """The rounds."""
        scores: dict[str, Fraction] = {}
        for number, (out, _) in enumerate(_rounds(candidates, rankings), 1):
            scores |= dict.fromkeys(out, Fraction(number))
        return scores

    def certain(self, candidates: Sequence[str], rankings: Sequence[Ranking], left: int) -> bool:
        """Whether one has most of all ballots, or each round strikes the same ones off whatever comes."""
        firsts = _firsts(candidates, rankings)
        if 2 * max(firsts.values()) > len(rankings) + left:
            return True
        for out, counts in _rounds(candidates, rankings):
            kept = [count for key, count in counts.items() if key not in out]
            if not kept:
                return len(out) == 1
            if len(out) > 1 or counts[out[0]] + left >= min(kept):
                return False
        return True


@dataclass(frozen=True, kw_only=True)
class schulze(_Ranked):  # noqa: N801
    """The candidate that beats each other one, directly or by a chain of wins, at least as clearly as back.

    Whoever wins every pair wins (Condorcet). A win is as strong as the ballots for it, a chain as its weakest
    win (Schulze, Social Choice and Welfare 36, 2011). A candidate's score is how many others it beats so; the
    score of one whom none beats is the number of candidates.
    Ties as in `borda`.
    """

    def scores(self, candidates: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, Fraction]:
        """How many others each beats."""
        prefer = _preferences(candidates, rankings)
        wins = {(a, b): votes if votes > prefer[b, a] else 0 for (a, b), votes in prefer.items()}
        paths = _strongest(candidates, wins)
        beaten = {
            key: sum(paths[key, other] > paths[other, key] for other in candidates if other != key)
            for key in candidates
        }
        unbeaten = {
            key
            for key in candidates
            if all(paths[key, other] >= paths[other, key] for other in candidates if other != key)
        }
        return {key: Fraction(len(candidates) if key in unbeaten else beaten[key]) for key in candidates}

    def certain(self, candidates: Sequence[str], rankings: Sequence[Ranking], left: int) -> bool:
        """Whether the winner's weakest chains stay stronger than the strongest ones back could become."""
        prefer = _preferences(candidates, rankings)
        low = {(a, b): votes if votes > prefer[b, a] + left else 0 for (a, b), votes in prefer.items()}
        high = {
            (a, b): votes + left if votes + left > prefer[b, a] else 0 for (a, b), votes in prefer.items()
        }
        at_least, at_most = _strongest(candidates, low), _strongest(candidates, high)
        return any(
            all(at_least[key, other] > at_most[other, key] for other in candidates if other != key)
            for key in candidates
        )


def _firsts(standing: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, int]:
    """How many put each of these before the others of them."""
    counts, among = dict.fromkeys(standing, 0), set(standing)
    for ranking in rankings:
        if first := next((key for key in ranking if key in among), None):
            counts[first] += 1
    return counts


def _rounds(
    candidates: Sequence[str], rankings: Sequence[Ranking]
) -> Sequence[tuple[Sequence[str], dict[str, int]]]:
    """Who goes in each round, and the counts by which they go."""
    standing, rounds = list(candidates), []
    while standing:
        counts = _firsts(standing, rankings)
        fewest = min(counts.values())
        out = [key for key in standing if counts[key] == fewest]
        rounds.append((out, counts))
        standing = [key for key in standing if key not in out]
    return rounds


def _preferences(candidates: Sequence[str], rankings: Sequence[Ranking]) -> dict[tuple[str, str], int]:
    """How many prefer one to another, for every pair."""
    prefer = dict.fromkeys(permutations(candidates, 2), 0)
    for ranking in rankings:
        left_out = [key for key in candidates if key not in set(ranking)]
        for place, better in enumerate(ranking):
            for worse in (*ranking[place + 1 :], *left_out):
                prefer[better, worse] += 1
    return prefer


def _strongest(candidates: Sequence[str], wins: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """The strength of the strongest chain between every two: Floyd and Warshall's, for the widest path."""
    paths = dict(wins)
    for via in candidates:
        for a, b in permutations(candidates, 2):
            if via not in (a, b):
                paths[a, b] = max(paths[a, b], min(paths[a, via], paths[via, b]))
    return paths


def _by_earliest(candidates: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, tuple[int, ...]]:
    """Where each voter puts a candidate, the earliest voter first: what breaks a tie."""
    return {
        key: tuple(ranking.index(key) if key in ranking else len(ranking) for ranking in rankings)
        for key in candidates
    }
