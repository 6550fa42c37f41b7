"""Ranked ballots: each is a list of candidates, from best to worst.

A ballot may leave candidates out; they share the last place. Of a candidate that it names twice the first
place counts, and one that is not in `candidates` is ignored; a ballot with no other does not count. Support
is the voters that put the choice first, of the ballots cast; `counts` has each candidate's score as its
weight.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations
from typing import ClassVar

from pydantic import JsonValue

from langgraph_parallel.records import Ballot, Tally, Verdict
from langgraph_parallel.reducers.canonical import canonical, check_choices
from langgraph_parallel.reducers.votes.counting import Group, is_usable, list_items
from langgraph_parallel.reducers.votes.rules.base import BaseRule, Form, Ties
from langgraph_parallel.reducers.votes.rules.rankings import (
    Pairs,
    Points,
    Ranking,
    Runoff,
    add_points,
    add_preferences,
    elimination_rounds,
    strongest_paths,
    wins,
)
from langgraph_parallel.reducers.votes.rules.ties import elect_leader
from langgraph_parallel.reducers.votes.standing import Amount, Standing


@dataclass(frozen=True, kw_only=True)
class _Ranked(BaseRule, ABC):
    """A rule over ranked ballots: the candidate with the highest score wins."""

    form: ClassVar[Form] = "ranking"
    candidates: Sequence[JsonValue] | None = None
    """None for all that a ballot names; then the vote is settled only once all voters are heard."""
    ties: Ties = "earliest"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.candidates is not None:
            check_choices(self.candidates, "candidates")
        # Canonical keys: they are needed for every ballot.
        object.__setattr__(self, "_keys", dict.fromkeys(map(canonical, self.candidates or ())))

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Return one vote for the candidate that the ballot puts first."""
        ranking = self._read_ranking(ballot)
        return None if ranking is None else dict.fromkeys(ranking[:1], 1)

    def settled(self, standing: Standing) -> bool:
        """Return whether the winner is certain; False if `candidates` is None and voters are to come.

        May be False for a certain winner, but is never True for an uncertain one.
        """
        if not standing.to_come:
            return True
        keys = self._keys  # type: ignore[attr-defined]
        # As many ballots to come as were heard can turn any of these rules.
        if self.candidates is None or (len(keys) > 1 and standing.to_come >= len(standing.heard)):
            return False
        return self.certain(standing, tuple(keys))

    def fewest(self, standing: Standing) -> int:
        """Return the further ballots until those to come are not more than those heard.

        As long as they are more, they are a majority that can turn any of these rules.
        """
        if self.candidates is None:
            return super().fewest(standing)
        if len(self.candidates) < 2:
            return 1
        return -(-(standing.to_come - len(standing.heard)) // 2)

    @abstractmethod
    def certain(self, standing: Standing, candidates: tuple[str, ...]) -> bool:
        """Return whether the ballots to come cannot change the winner among these candidates, by key."""

    @abstractmethod
    def scores(self, candidates: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, Fraction]:
        """Return a score for each candidate; the highest wins."""

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        read = [(ballot, self._read_ranking(ballot)) for ballot in tally.in_order()]
        counted = [(ballot, ranking) for ballot, ranking in read if ranking is not None]
        groups = self._order_candidates(counted)
        # Empty rankings count as ballots, but give no candidate a preference to win by.
        has_preferences = any(ranking for _, ranking in counted)
        return elect_leader(
            self,
            tally,
            [ballot for ballot, _ in counted],
            groups,
            ties=self.ties,
            contenders=groups if has_preferences else [],
        )

    def _order_candidates(self, counted: Sequence[tuple[Ballot, Ranking]]) -> list[Group]:
        """Return a group for each candidate: its score, and the ballots that put it first.

        The highest score first; of equals, the candidate that the earliest voter who tells them apart
        prefers.
        """
        rankings = [ranking for _, ranking in counted]
        named = self._named_candidates([ballot for ballot, _ in counted])
        if not (named and rankings):
            return []
        groups = {
            key: Group(named[key], weight=score) for key, score in self.scores(list(named), rankings).items()
        }
        for ballot, ranking in counted:
            if ranking:
                groups[ranking[0]].ballots.append(ballot)
        preference = _tie_break_keys(named, rankings)
        return [groups[key] for key in sorted(groups, key=lambda key: (-groups[key].weight, preference[key]))]

    def _named_candidates(self, cast: Sequence[Ballot]) -> dict[str, JsonValue]:
        """Return all candidates by key: those that a ballot names, then those that only the rule names."""
        given = {canonical(item): item for item in self.candidates or []}
        named = {canonical(item): item for ballot in cast for item in list_items(ballot)}
        if self.candidates is not None:
            named = {key: item for key, item in named.items() if key in given}
        return named | given

    def _read_ranking(self, ballot: Ballot) -> Ranking | None:
        """Return the ballot's candidates by key; None if the ballot does not count."""
        if not (is_usable(ballot) and isinstance(ballot.choice, list)):
            return None
        ranking = list(dict.fromkeys(canonical(item) for item in ballot.choice))
        if self.candidates is None:
            return ranking
        known = self._keys  # type: ignore[attr-defined]
        named = [key for key in ranking if key in known]
        return named if named or not ranking else None


@dataclass(frozen=True, kw_only=True)
class borda(_Ranked):  # noqa: N801
    """The most points: of n candidates, the first on a ballot gets n - 1, the next n - 2, and so on.

    Candidates that a ballot leaves out share the remaining points. On a tie the status is `tied`, and the
    choice is that of the earliest voter who tells the leaders apart, or None with `ties="none"`.
    """

    def scores(self, candidates: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, Fraction]:
        """Return the points."""
        points = dict.fromkeys(candidates, Fraction(0))
        for ranking in rankings:
            add_points(points, ranking)
        return points

    def certain(self, standing: Standing, candidates: tuple[str, ...]) -> bool:
        """Return whether the lead exceeds what the ballots to come can add to a rival's points."""
        return standing.view(Points, candidates).certain(standing.to_come)


@dataclass(frozen=True, kw_only=True)
class instant_runoff(_Ranked):  # noqa: N801
    """The last candidate left after rounds that eliminate those with the fewest first places.

    Candidates with equally few first places are eliminated together; if they are all that remain, they are
    tied. A candidate's score is the round in which it is eliminated, from 1. Ties as in `borda`.
    """

    def scores(self, candidates: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, Fraction]:
        """Return the round in which each candidate is eliminated."""
        scores: dict[str, Fraction] = {}
        for number, eliminated in enumerate(elimination_rounds(candidates, rankings), 1):
            scores |= dict.fromkeys(eliminated, Fraction(number))
        return scores

    def certain(self, standing: Standing, candidates: tuple[str, ...]) -> bool:
        """Return whether a candidate has most of all ballots, or no round can go differently."""
        return standing.view(Runoff, candidates).certain(standing.to_come)


@dataclass(frozen=True, kw_only=True)
class schulze(_Ranked):  # noqa: N801
    """The candidate that beats all others, directly or by a chain of wins at least as strong as any back.

    A candidate that wins every pair wins (Condorcet). A win is as strong as the number of ballots for it, a
    chain as strong as its weakest win (Schulze, Social Choice and Welfare 36, 2011). A candidate's score is
    the number of others that it beats; for an unbeaten candidate, the number of all candidates. Ties as in
    `borda`.
    """

    def scores(self, candidates: Sequence[str], rankings: Sequence[Ranking]) -> dict[str, Fraction]:
        """Return how many others each candidate beats; all candidates for an unbeaten one."""
        preferences = dict.fromkeys(permutations(candidates, 2), 0)
        for ranking in rankings:
            add_preferences(preferences, candidates, ranking)
        paths = strongest_paths(candidates, wins(preferences))
        scores = {}
        for key in candidates:
            leads = [paths[key, other] - paths[other, key] for other in candidates if other != key]
            is_unbeaten = all(lead >= 0 for lead in leads)
            scores[key] = Fraction(len(candidates) if is_unbeaten else sum(lead > 0 for lead in leads))
        return scores

    def certain(self, standing: Standing, candidates: tuple[str, ...]) -> bool:
        """Return whether a candidate's weakest possible chains beat the strongest possible ones back."""
        return standing.view(Pairs, candidates).certain(standing.to_come)


def _tie_break_keys(
    candidates: Mapping[str, JsonValue], rankings: Sequence[Ranking]
) -> dict[str, tuple[int, ...]]:
    """Return each candidate's place on every ballot, the earliest voter's first; breaks ties."""
    return {
        key: tuple(ranking.index(key) if key in ranking else len(ranking) for ranking in rankings)
        for key in candidates
    }
