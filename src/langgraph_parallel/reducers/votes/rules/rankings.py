"""What ranked rules count in ballots: points, first places, and preferences between two candidates. Pure.

The views of a standing here are kept up to date ballot by ballot.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from fractions import Fraction
from itertools import permutations

from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import list_items
from langgraph_parallel.reducers.votes.standing import Heard, Standing

Ranking = Sequence[str]
"""Candidates by canonical key, from best to worst."""
PairCounts = Mapping[tuple[str, str], int]
"""A number of ballots for each ordered pair of candidates."""


class RankedView(ABC):
    """What is derived from the rankings of some candidates.

    Args:
        standing: of the vote.
        candidates: by canonical key; others are ignored.
    """

    def __init__(self, standing: Standing, candidates: tuple[str, ...]) -> None:
        self.candidates = candidates
        self._known = frozenset(candidates)
        self.ballots = 0
        for heard in standing.heard:
            self.hear(heard)

    def hear(self, heard: Heard) -> None:
        """Add a ballot."""
        keys = dict.fromkeys(map(canonical, list_items(heard.ballot)))
        self.ballots += 1
        self.add(tuple(key for key in keys if key in self._known))

    @abstractmethod
    def add(self, ranking: tuple[str, ...]) -> None:
        """Add a ranking."""


class Points(RankedView):
    """The points of each candidate under Borda's rule."""

    def __init__(self, standing: Standing, candidates: tuple[str, ...]) -> None:
        self.points = dict.fromkeys(candidates, Fraction(0))
        super().__init__(standing, candidates)

    def add(self, ranking: tuple[str, ...]) -> None:
        """Add the points of a ranking."""
        add_points(self.points, ranking)

    def certain(self, to_come: int) -> bool:
        """Return whether the lead exceeds what the ballots to come can add to a rival's points."""
        lead, behind, *_ = [*sorted(self.points.values(), reverse=True), Fraction(0)]
        return lead - behind > to_come * (len(self.candidates) - 1)


class Runoff(RankedView):
    """The first places of each candidate, and the rounds that no ballot to come can change."""

    def __init__(self, standing: Standing, candidates: tuple[str, ...]) -> None:
        self._rankings: Counter[tuple[str, ...]] = Counter()
        self._first_places = dict.fromkeys(candidates, 0)
        self._counts = dict(self._first_places)
        self._most = 0
        super().__init__(standing, candidates)

    def add(self, ranking: tuple[str, ...]) -> None:
        """Add the first place of a ranking, among all and among those that remain."""
        self._rankings[ranking] += 1
        for counts in (self._first_places, self._counts):
            if first := next((key for key in ranking if key in counts), None):
                counts[first] += 1

    def certain(self, to_come: int) -> bool:
        """Return whether a candidate has most of all ballots, or no round can go differently."""
        if 2 * max(self._first_places.values()) > self.ballots + to_come:
            return True
        if self.ballots + to_come > self._most:  # there are more ballots than were expected
            self._counts = dict(self._first_places)
        self._most = self.ballots + to_come
        while True:
            fewest = min(self._counts.values())
            eliminated = [key for key, count in self._counts.items() if count == fewest]
            kept = [count for count in self._counts.values() if count != fewest]
            if not kept:
                return len(eliminated) == 1
            if len(eliminated) > 1 or fewest + to_come >= min(kept):
                return False
            # This round stays as it is: further ballots only bring the eliminated candidate as far as this.
            remaining = [key for key in self._counts if key != eliminated[0]]
            self._counts = count_first_places(remaining, self._rankings.items())


class Pairs(RankedView):
    """How many ballots prefer one candidate to another, for every pair."""

    def __init__(self, standing: Standing, candidates: tuple[str, ...]) -> None:
        self.preferences = dict.fromkeys(permutations(candidates, 2), 0)
        super().__init__(standing, candidates)

    def add(self, ranking: tuple[str, ...]) -> None:
        """Add the preferences of a ranking."""
        add_preferences(self.preferences, self.candidates, ranking)

    def certain(self, to_come: int) -> bool:
        """Return whether a candidate's weakest possible chains beat the strongest possible ones back."""
        # The ballots to come all against a pair, or all for it.
        against = wins(self.preferences, against=to_come)
        in_favour = wins(self.preferences, in_favour=to_come)
        if not any(self._may_win(key, against, in_favour) for key in self.candidates):
            return False
        at_least, at_most = (
            strongest_paths(self.candidates, against),
            strongest_paths(self.candidates, in_favour),
        )
        return any(
            all(at_least[key, other] > at_most[other, key] for other in self.candidates if other != key)
            for key in self.candidates
        )

    def _may_win(self, key: str, against: PairCounts, in_favour: PairCounts) -> bool:
        """Return whether a candidate's strongest win is above every win back: else no chain can be."""
        others = [other for other in self.candidates if other != key]
        strongest = max((against[key, other] for other in others), default=0)
        return all(strongest > in_favour[other, key] for other in others)


def add_points(points: MutableMapping[str, Fraction], ranking: Ranking) -> None:
    """Add the points that a ranking gives: of n candidates, n - 1 to the first, n - 2 to the next."""
    # Candidates that are left out share the remaining points, which are 0 to n - len(ranking) - 1.
    left_out = Fraction(len(points) - len(ranking) - 1, 2)
    places = {key: place for place, key in enumerate(ranking)}
    for key in points:
        points[key] += len(points) - 1 - places[key] if key in places else left_out


def count_first_places(remaining: Sequence[str], rankings: Iterable[tuple[Ranking, int]]) -> dict[str, int]:
    """Return how many rankings put each remaining candidate before the other remaining ones.

    Args:
        remaining: the candidates.
        rankings: each with the number of ballots that have it.
    """
    counts = dict.fromkeys(remaining, 0)
    for ranking, times in rankings:
        if first := next((key for key in ranking if key in counts), None):
            counts[first] += times
    return counts


def elimination_rounds(candidates: Sequence[str], rankings: Sequence[Ranking]) -> Iterator[Sequence[str]]:
    """Yield the candidates that are eliminated in each round."""
    times = Counter(map(tuple, rankings)).items()
    remaining = list(candidates)
    while remaining:
        counts = count_first_places(remaining, times)
        fewest = min(counts.values())
        yield [key for key in remaining if counts[key] == fewest]
        remaining = [key for key in remaining if counts[key] != fewest]


def add_preferences(
    preferences: MutableMapping[tuple[str, str], int], candidates: Sequence[str], ranking: Ranking
) -> None:
    """Add the preferences of a ranking to those of others; candidates that it leaves out come last."""
    ranked = set(ranking)
    left_out = [key for key in candidates if key not in ranked]
    for place, better in enumerate(ranking):
        for worse in (*ranking[place + 1 :], *left_out):
            preferences[better, worse] += 1


def wins(preferences: PairCounts, *, in_favour: int = 0, against: int = 0) -> PairCounts:
    """Return the ballots for each win of a pair, 0 for a pair that is not won.

    Args:
        preferences: ballots that prefer the first candidate to the second.
        in_favour: further ballots that prefer the first.
        against: further ballots that prefer the second.
    """
    return {
        (a, b): votes + in_favour if votes + in_favour > preferences[b, a] + against else 0
        for (a, b), votes in preferences.items()
    }


def strongest_paths(candidates: Sequence[str], wins: PairCounts) -> PairCounts:
    """Return the strength of the strongest chain of wins between every two candidates."""
    # Floyd-Warshall for the widest path: a path via `via` is as strong as the weaker of its two halves.
    paths = dict(wins)
    for via in candidates:
        for a, b in permutations(candidates, 2):
            if via not in (a, b):
                paths[a, b] = max(paths[a, b], min(paths[a, via], paths[via, b]))
    return paths
