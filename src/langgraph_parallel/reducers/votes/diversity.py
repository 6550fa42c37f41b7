"""Diversity of a panel: what fallbacks leave of it, so that it is never lost silently."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from langgraph_parallel.records import Branch, Call

_NAMED = 3
"""Members that a remark names."""


class Seat(NamedTuple):
    """A member of a panel, the model that it was to ask, and the one that answered."""

    name: str
    asked: str
    answered: str


def taken_seats(branches: Iterable[Branch], prefix: str = "") -> list[Seat]:
    """Return the seats of members that a model has answered for.

    Args:
        branches: of the members, in their order.
        prefix: stands before the ids of members that have no telling name; else their names are shown.
    """
    answers = ((branch, branch.last_answer) for branch in branches)
    return [
        Seat(f"{prefix}{branch.id}" if prefix else branch.name, call.instead_of or call.target, call.target)
        for branch, call in answers
        if call is not None
    ]


def lost_diversity(seats: Sequence[Seat]) -> str:
    """Say how a panel has fewer different models than it was to have; empty if it has as many.

    >>> lost_diversity([Seat("voter #1", "a", "b"), Seat("voter #2", "b", "b")])
    'voter #1 was to be a and was answered by b, as voter #2: the panel has 1 different model, not 2'
    >>> lost_diversity([Seat("voter #1", "a", "c"), Seat("voter #2", "b", "b")])
    ''
    """
    planned, left = {seat.asked for seat in seats}, {seat.answered for seat in seats}
    if len(left) >= len(planned):
        return ""
    first = {seat.answered: seat.name for seat in reversed(seats)}
    first |= {seat.answered: seat.name for seat in reversed(seats) if seat.asked == seat.answered}
    moved = [seat for seat in seats if seat.asked != seat.answered and first[seat.answered] != seat.name]
    named = [
        f"{seat.name} was to be {seat.asked} and was answered by {seat.answered}, as {first[seat.answered]}"
        for seat in moved[:_NAMED]
    ]
    if len(moved) > _NAMED:
        named.append(f"{len(moved) - _NAMED} more likewise")
    models = "model" if len(left) == 1 else "models"
    return f"{'; '.join(named)}: the panel has {len(left)} different {models}, not {len(planned)}"


def fallback_remarks(calls: Iterable[Call], reasons: dict[str, str]) -> list[str]:
    """Say which models answered in place of others, how often, and why.

    Args:
        calls: of a run.
        reasons: why a model was passed over, by its name.
    """
    numbers: dict[tuple[str, str], int] = {}
    for call in calls:
        if call.ok and call.instead_of:
            pair = call.instead_of, call.target
            numbers[pair] = numbers.get(pair, 0) + 1
    return [
        f"{number} {'answer is' if number == 1 else 'answers are'} of {answered} in place of {asked}"
        + (f": {reasons[asked]}" if asked in reasons else "")
        for (asked, answered), number in numbers.items()
    ]
