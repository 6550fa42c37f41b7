"""What a standing keeps up to date, counted again from all ballots: the definitions, as simple as can be."""

from collections.abc import Sequence
from itertools import permutations

from pydantic import JsonValue

from langgraph_parallel.records import Ballot, Tally
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.rules.ranked import borda, instant_runoff, schulze
from langgraph_parallel.reducers.votes.standing import Amount, Counting, Heard

Choices = Sequence[frozenset[str]]
"""What each ballot that counts supports, in the voters' order."""


def heard(ballots: Sequence[Ballot], rule: Counting) -> list[Heard]:
    """Return the ballots that count, in the voters' order."""
    counted = ((ballot, rule.supports(ballot)) for ballot in Tally.of(ballots).in_order())
    return [Heard(ballot, supported) for ballot, supported in counted if supported is not None]


def top_two(ballots: Sequence[Heard], *, by_ballots: bool) -> tuple[Amount, Amount]:
    """Return the support of the two leading choices, or the number of ballots for each."""
    totals: dict[str, Amount] = {}
    for ballot in ballots:
        for key, amount in ballot.supported.items():
            totals[key] = totals.get(key, 0) + (1 if by_ballots else amount)
    lead, behind, *_ = [*sorted(totals.values(), reverse=True), 0, 0]
    return lead, behind


def has_equal_window(ballots: Sequence[Heard], size: int) -> bool:
    """Return whether all ballots of one of the consecutive windows are equal."""
    choices = [frozenset(ballot.supported) for ballot in ballots]
    windows = (choices[i : i + size] for i in range(0, len(choices) - size + 1, size))
    return any(window[0] and set(window) == {window[0]} for window in windows)


def ballots_since_new_item(ballots: Sequence[Heard]) -> int:
    """Return the number of ballots after the last one that names something new."""
    seen: set[str] = set()
    since = 0
    for ballot in ballots:
        since = 0 if ballot.supported.keys() - seen else since + 1
        seen |= ballot.supported.keys()
    return since


def winner_is_certain(rule: borda | instant_runoff | schulze, ballots: Sequence[Heard], to_come: int) -> bool:
    """Return whether ballots to come cannot change the winner of a ranked rule with candidates."""
    keys = [canonical(candidate) for candidate in rule.candidates or ()]
    rankings = [
        [key for key in dict.fromkeys(map(canonical, _items(ballot.ballot))) if key in keys]
        for ballot in ballots
    ]
    if isinstance(rule, borda):
        lead, behind = sorted(rule.scores(keys, rankings).values(), reverse=True)[:2]
        return lead - behind > to_come * (len(keys) - 1)
    if isinstance(rule, instant_runoff):
        return _runoff_is_certain(keys, rankings, to_come)
    prefer = {(a, b): sum(_prefers(ranking, a, b) for ranking in rankings) for a, b in permutations(keys, 2)}
    least = _paths(keys, {(a, b): n if n > prefer[b, a] + to_come else 0 for (a, b), n in prefer.items()})
    most = {(a, b): n + to_come if n + to_come > prefer[b, a] else 0 for (a, b), n in prefer.items()}
    most = _paths(keys, most)
    return any(all(least[a, b] > most[b, a] for b in keys if a != b) for a in keys)


def _items(ballot: Ballot) -> list[JsonValue]:
    assert isinstance(ballot.choice, list)
    return list(ballot.choice)


def _runoff_is_certain(keys: Sequence[str], rankings: Sequence[Sequence[str]], to_come: int) -> bool:
    remaining, is_first_round = list(keys), True
    while remaining:
        firsts = [next((key for key in ranking if key in remaining), None) for ranking in rankings]
        counts = {key: firsts.count(key) for key in remaining}
        if is_first_round and 2 * max(counts.values()) > len(rankings) + to_come:
            return True
        is_first_round, fewest = False, min(counts.values())
        out = [key for key in remaining if counts[key] == fewest]
        remaining = [key for key in remaining if key not in out]
        if not remaining or len(out) > 1:
            return len(out) == 1
        if fewest + to_come >= min(counts[key] for key in remaining):
            return False
    return True


def _prefers(ranking: Sequence[str], one: str, other: str) -> bool:
    return one in ranking and (other not in ranking or ranking.index(one) < ranking.index(other))


def _paths(keys: Sequence[str], wins: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    for via in keys:
        for a, b in permutations(keys, 2):
            if via not in (a, b):
                wins[a, b] = max(wins[a, b], min(wins[a, via], wins[via, b]))
    return wins
